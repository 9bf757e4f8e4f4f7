"""How the terms of a loss are weighed against each other while they are trained. One method a file."""

from pinnrun.weighting.base import Weighting

__all__ = ["Weighting"]
