"""Scrambled Sobol points in place of random ones: see ``pinnrun.geometry.sobol`` for what they are."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pinnrun.sampling.base import Sampling
from pinnrun.settings import setting


@dataclass(frozen=True)
class Sobol(Sampling):
    """The problem's samplers turn Sobol points into their own; ``every`` scrambles them anew."""

    type: str = setting("sobol", help="the kind of sampling, as registered")

    numbers: ClassVar[Literal["random", "sobol"]] = "sobol"
