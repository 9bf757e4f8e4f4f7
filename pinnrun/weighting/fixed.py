"""The default: the weights that the problem gives its terms."""

from __future__ import annotations

from dataclasses import dataclass

from pinnrun.settings import setting
from pinnrun.weighting.base import Weighting


@dataclass(eq=False)
class Fixed(Weighting):
    """Weights that never move."""

    type: str = setting("fixed", help="the method's registered name")
