"""New random points every N steps, so that no network can fit the points instead of the equation."""

from dataclasses import dataclass

from pinnrun.sampling.base import Sampling
from pinnrun.settings import setting


@dataclass(frozen=True)
class Resample(Sampling):
    """Points are drawn again and again."""

    type: str = setting("resample", help="the kind of sampling, as registered")
    every: int = setting(1, min=1, help="draw new training points every so many steps")
