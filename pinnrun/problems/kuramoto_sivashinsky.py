"""The Kuramoto-Sivashinsky equation u_t + u u_x + u_xx + u_xxxx = 0, periodic on [0, 2πm].

Kuramoto & Tsuzuki, Prog. Theor. Phys. 55 (1976) 356; Sivashinsky, Acta Astronautica 4 (1977) 1177. In this
normalisation, without coefficients, the period alone decides: waves longer than 2π grow, at a rate k² − k⁴ of at most
1/4, shorter ones decay. The start cos(x/m)(1 + sin(x/m)) is that of Kassam & Trefethen (SIAM J. Sci. Comput. 26 (2005)
1214) with m = 16; after t of about 50 that solution is chaotic. Here the time is short, and the solution regular.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.base import Reference
from pinnrun.problems.evolution import PeriodicEvolution
from pinnrun.problems.spectral1d import Spectral1d, solve, transport
from pinnrun.settings import setting


@dataclass(frozen=True)
class KuramotoSivashinsky(PeriodicEvolution):
    """u_t + u u_x + u_xx + u_xxxx = 0."""

    duration: float = setting(5.0, above=0, help="end of time; t runs from 0 to it")
    periods: float = setting(4.0, above=0, help="m: x runs from 0 to 2πm")

    @property
    def interval(self) -> tuple[float, float]:
        return 0.0, 2.0 * pi * self.periods

    @property
    def derivatives(self) -> Derivatives:
        return Derivatives(gradient=True, pairs=((0, 0),), higher=((0, 0, 0, 0),))

    def equation(self, points: Points, u: Jet) -> Tensor:
        return (u.d(1) + u.value * u.d(0) + u.dd(0, 0) + u.derivative(0, 0, 0, 0))[..., 0]

    def start(self, x: Jet) -> Jet:
        angle = x / self.periods
        return angle.cos() * (angle.sin() + 1.0)

    def reference(self) -> Reference:
        return Reference(spectral(self.periods, self.duration), "Fourier ETDRK4")


@lru_cache(maxsize=4)
def spectral(periods: float, duration: float, grid: int = 256, steps: int = 2000) -> Spectral1d:
    """The solution by Fourier and ETDRK4, known to 1e-8 for m = 4, t up to 5, and m = 16, t up to 20."""
    angle = 2.0 * np.pi * np.arange(grid) / grid
    start = np.cos(angle) * (1.0 + np.sin(angle))
    return solve(lambda k: k**2 - k**4, transport, start, 0.0, 2.0 * np.pi * periods, duration, steps, every=4)
