"""Where the residual is sampled: which points a stage trains on, and when they are drawn anew. One kind a file."""

from pinnrun.sampling.base import Sampling

__all__ = ["Sampling"]
