"""The Korteweg-de Vries equation u_t + u u_x + δ² u_xxx = 0, periodic on [−1, 1].

Started from cos πx it steepens and breaks up into solitons (Zabusky & Kruskal, Phys. Rev. Lett. 15 (1965) 240, who take
δ = 0.022; δ² = 0.0025 is the case of Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686). A single
soliton of speed c keeps its form,

    u = 3c sech²(√c (x − ct − x₀)/2δ),

up to what it feels of its own images in the next periods, e^{−√c/δ}.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi, sqrt
from typing import Literal

import numpy as np
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.base import Reference
from pinnrun.problems.evolution import PeriodicEvolution
from pinnrun.problems.spectral1d import Spectral1d, solve, transport
from pinnrun.settings import setting

FROM = -0.5  # x₀, where the soliton starts


@dataclass(frozen=True)
class Kdv(PeriodicEvolution):
    """u_t + u u_x + δ² u_xxx = 0."""

    dispersion: float = setting(0.0025, above=0, help="δ²")
    initial: Literal["cosine", "soliton"] = setting("cosine", help="cosine: cos πx; soliton: one of speed `speed`")
    speed: float = setting(1.0, above=0, help="c of the soliton, which is 3c high")

    @property
    def interval(self) -> tuple[float, float]:
        return -1.0, 1.0

    @property
    def derivatives(self) -> Derivatives:
        return Derivatives(gradient=True, higher=((0, 0, 0),))

    def equation(self, points: Points, u: Jet) -> Tensor:
        return (u.d(1) + u.value * u.d(0) + self.dispersion * u.derivative(0, 0, 0))[..., 0]

    def start(self, x: Jet) -> Jet:
        if self.initial == "cosine":
            return (pi * x).cos()
        steepness, height = 0.5 * sqrt(self.speed / self.dispersion), 3.0 * self.speed
        fronts = [((x - FROM + image) * steepness).tanh() for image in (-2.0, 0.0, 2.0)]
        return height * Jet.cat([1.0 - front * front for front in fronts]).sum()

    def reference(self) -> Reference:
        if self.initial == "soliton":
            return Reference(self.soliton, "closed form")
        return Reference(spectral(self.dispersion, self.duration), "Fourier ETDRK4")

    def soliton(self, at: np.ndarray) -> np.ndarray:
        """The soliton at ``(N, 2)`` coordinates x, t, ``(N,)``; periodic in x."""
        xi = (at[:, 0] - self.speed * at[:, 1] - FROM + 1.0) % 2.0 - 1.0
        steepness = 0.5 * sqrt(self.speed / self.dispersion)
        return 3.0 * self.speed * sum(1.0 / np.cosh(steepness * (xi + image)) ** 2 for image in (-2.0, 0.0, 2.0))


@lru_cache(maxsize=4)
def spectral(dispersion: float, duration: float, grid: int = 256, steps: int = 2000) -> Spectral1d:
    """The solution from cos πx by Fourier and ETDRK4, known to 1e-9 for δ² = 0.0025 and to 2e-7 for 0.000484."""
    x = -1.0 + 2.0 * np.arange(grid) / grid
    start = np.cos(np.pi * x)
    return solve(lambda k: 1j * dispersion * k**3, transport, start, -1.0, 2.0, duration, steps, every=2)
