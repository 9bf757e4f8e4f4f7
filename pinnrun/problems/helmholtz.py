"""The Helmholtz equation −Δu − k²u = f on [−1, 1]² with u = 0 on the boundary.

f is made so that u = sin(a₁πx) sin(a₂πy), the set-up of Wang, Teng & Perdikaris (SIAM J. Sci. Comput. 43, 2021:
k = 1, a₁ = 1, a₂ = 4), by which many have measured since.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.geometry import Box
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.elliptic import Elliptic
from pinnrun.settings import setting


@dataclass(frozen=True)
class Helmholtz(Elliptic):
    """−Δu − k²u = f on [−1, 1]²."""

    k: float = setting(1.0, min=0, help="wave number")
    a1: int = setting(1, min=1, help="waves of u along x")
    a2: int = setting(4, min=1, help="waves of u along y")

    domain_text = "−1 to 1 in both coordinates"

    @property
    def domain(self) -> Box:
        return Box((-1.0, -1.0), (1.0, 1.0))

    def exact(self, x: Tensor) -> Tensor:
        """The known solution at ``(..., 2)``."""
        return torch.sin(self.a1 * pi * x[..., 0]) * torch.sin(self.a2 * pi * x[..., 1])

    def interior_data(self, x: Tensor) -> dict[str, Tensor]:
        return {"source": ((self.a1**2 + self.a2**2) * pi**2 - self.k**2) * self.exact(x)}

    def residual(self, points: Points, u: Jet) -> Tensor:
        return -u.laplacian[..., 0] - self.k**2 * u.value[..., 0] - points["source"]

    def boundary_value(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[..., 0])

    def lift(self, x: Jet) -> float:
        return 0.0

    def reference(self) -> Reference:
        return Reference(lambda x: self.exact(torch.as_tensor(x)).numpy(), "closed form")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The value at a crest of u."""
        x = torch.tensor([[0.5 / self.a1, 0.5 / self.a2]], dtype=torch.float64)
        return {"crest": Observable(float(solution(Points(x), Derivatives()).value), "", 1.0)}
