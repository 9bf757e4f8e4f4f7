"""The wave equation u_tt = c² u_xx on [0, 1] with fixed ends, released at rest from u₀ = sin πx + ½ sin 4πx.

The solution is sin πx cos cπt + ½ sin 4πx cos 4cπt. With c = 2 it is the case "Wave 1d-C" of PINNacle (Hao et al.,
NeurIPS 2024 Datasets and Benchmarks, arXiv 2306.08827).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.base import Reference
from pinnrun.problems.evolution import Evolution
from pinnrun.settings import setting


@dataclass(frozen=True)
class Wave(Evolution):
    """u_tt = c² u_xx, u_t = 0 at the start, u = 0 at x = 0 and 1."""

    speed: float = setting(2.0, above=0, help="c, in units of length/time")

    time_order = 2

    @property
    def interval(self) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def derivatives(self) -> Derivatives:
        return Derivatives(pairs=((0, 0), (1, 1)))

    def equation(self, points: Points, u: Jet) -> Tensor:
        return (u.dd(1, 1) - self.speed**2 * u.dd(0, 0))[..., 0]

    def start(self, x: Jet) -> Jet:
        return (pi * x).sin() + 0.5 * (4.0 * pi * x).sin()

    def reference(self) -> Reference:
        def u(at: np.ndarray) -> np.ndarray:
            x, turn = pi * at[:, 0], pi * self.speed * at[:, 1]
            return np.sin(x) * np.cos(turn) + 0.5 * np.sin(4.0 * x) * np.cos(4.0 * turn)

        return Reference(u, "closed form")
