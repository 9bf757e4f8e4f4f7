"""Advection u_t + c u_x = 0 with period 2π, started from sin x: the solution sin(x − ct) moves and keeps its form.

A standard failure of physics-informed networks once c is large: Krishnapriyan et al., NeurIPS 2021 (arXiv 2109.01050)
take c up to 40; c = 50 is the case of Wang, Sankaran & Perdikaris (arXiv 2203.07404) and of jaxpi (arXiv 2308.08468).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.base import Reference
from pinnrun.problems.evolution import PeriodicEvolution
from pinnrun.settings import setting


@dataclass(frozen=True)
class Advection(PeriodicEvolution):
    """u_t + c u_x = 0 for x in [0, 2π]."""

    speed: float = setting(50.0, help="c, in units of length/time")

    @property
    def interval(self) -> tuple[float, float]:
        return 0.0, 2.0 * pi

    @property
    def derivatives(self) -> Derivatives:
        return Derivatives(gradient=True)

    def equation(self, points: Points, u: Jet) -> Tensor:
        return (u.d(1) + self.speed * u.d(0))[..., 0]

    def start(self, x: Jet) -> Jet:
        return x.sin()

    def reference(self) -> Reference:
        return Reference(lambda at: np.sin(at[:, 0] - self.speed * at[:, 1]), "closed form")
