"""One set of random points a stage (or, where ``every`` says so, new ones)."""

from dataclasses import dataclass

from pinnrun.sampling.base import Sampling
from pinnrun.settings import setting


@dataclass(frozen=True)
class Fixed(Sampling):
    """Points are drawn when a stage begins; a problem or a person may still set ``every``."""

    type: str = setting("fixed", help="the kind of sampling, as registered")
