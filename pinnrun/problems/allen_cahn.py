"""The Allen-Cahn equation u_t = ε u_xx − r(u³ − u), periodic on [−1, 1], started from x² cos πx.

With ε = 10⁻⁴ and r = 5 the case of Raissi, Perdikaris & Karniadakis (J. Comput. Phys. 378 (2019) 686): phases −1 and 1
with thin walls between them. Where u is small it grows as e^{rt}, so that whatever is wrong early is large at the end.

Without diffusion the equation is solved by u_r = u₀ e^{rt} / √(1 + u₀² (e^{2rt} − 1)). A field that is u_r + τ N leaves
to the network what diffusion does, near the walls and at the minimum of u₀. The start has a kink at x = ±1, which
diffusion rounds off at once; u_r keeps one that fades as e^{−2rt}.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi
from typing import Literal

import numpy as np
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.base import Reference
from pinnrun.problems.evolution import PeriodicEvolution
from pinnrun.problems.spectral1d import Spectral1d, modes, solve
from pinnrun.settings import setting


@dataclass(frozen=True)
class AllenCahn(PeriodicEvolution):
    """u_t = ε u_xx − r(u³ − u)."""

    diffusivity: float = setting(1e-4, above=0, help="ε")
    rate: float = setting(5.0, above=0, help="r")
    lift: Literal["reaction", "start"] = setting(
        "reaction", help="what the network is added to: reaction: the solution without diffusion; start: u at t = 0"
    )
    symmetry: Literal["even", "none"] = setting("even", help="even: the network sees the cosines alone; none: all")

    @property
    def interval(self) -> tuple[float, float]:
        return -1.0, 1.0

    @property
    def even(self) -> bool:
        return self.symmetry == "even"

    @property
    def derivatives(self) -> Derivatives:
        return Derivatives(gradient=True, pairs=((0, 0),))

    def equation(self, points: Points, u: Jet) -> Tensor:
        v = u.value
        return (u.d(1) - self.diffusivity * u.dd(0, 0) + self.rate * (v * v * v - v))[..., 0]

    def start(self, x: Jet) -> Jet:
        return x * x * (pi * x).cos()

    def lifted(self, coordinates: Jet) -> Jet:
        start = super().lifted(coordinates)
        if self.lift == "start":
            return start
        growth = (self.rate * coordinates[1]).exp()
        return start * growth * (start * start * (growth * growth - 1.0) + 1.0) ** -0.5

    def reference(self) -> Reference:
        return Reference(spectral(self.diffusivity, self.rate, self.duration), "Fourier ETDRK4")


@lru_cache(maxsize=4)
def spectral(diffusivity: float, rate: float, duration: float, grid: int = 1024, steps: int = 1000) -> Spectral1d:
    """The solution by Fourier and ETDRK4, known to about 1e-6 for the default coefficients (the kink at x = ±1)."""
    x = -1.0 + 2.0 * np.arange(grid) / grid
    return solve(
        lambda k: rate - diffusivity * k * k,
        lambda u, k: -rate * modes(u * u * u),
        x * x * np.cos(np.pi * x),
        low=-1.0,
        period=2.0,
        duration=duration,
        steps=steps,
        every=2,
    )
