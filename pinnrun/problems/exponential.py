"""The nonlinear Poisson equation u_xx + u_yy − e^u = f on [0, 1]² with u = g on the boundary.

f and g are made so that u = 1 + sin(kπx) cos(kπy), the problem "NLP" of Urbán, Stefanou & Pons (J. Comput. Phys. 523,
2025, 113656), who build the boundary condition into the field.
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
class PoissonExponential(Elliptic):
    """Δu − e^u = f on [0, 1]²."""

    k: int = setting(1, min=1, help="half waves of u along a side")

    domain_text = "the unit square, 0 to 1 in both coordinates"

    @property
    def domain(self) -> Box:
        return Box((0.0, 0.0), (1.0, 1.0))

    def exact(self, x: Tensor) -> Tensor:
        """The known solution at ``(..., 2)``."""
        return 1.0 + torch.sin(self.k * pi * x[..., 0]) * torch.cos(self.k * pi * x[..., 1])

    def interior_data(self, x: Tensor) -> dict[str, Tensor]:
        u = self.exact(x)
        return {"source": -2.0 * (self.k * pi) ** 2 * (u - 1.0) - torch.exp(u)}

    def residual(self, points: Points, u: Jet) -> Tensor:
        return u.laplacian[..., 0] - torch.exp(u.value[..., 0]) - points["source"]

    def boundary_value(self, x: Tensor) -> Tensor:
        return self.exact(x)

    def lift(self, x: Jet) -> Jet:
        """1 + sin(kπx)·(1 − y ± y): linear in y between the values at y = 0 and y = 1; 1 at x = 0 and x = 1."""
        last = (-1.0) ** self.k
        return 1.0 + (self.k * pi * x[0]).sin() * (1.0 + (last - 1.0) * x[1])

    def reference(self) -> Reference:
        return Reference(lambda x: self.exact(torch.as_tensor(x)).numpy(), "closed form")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The value at (1/3, 1/3), off the symmetries of the solution."""
        x = torch.full((1, 2), 1.0 / 3.0, dtype=torch.float64)
        value = float(solution(Points(x), Derivatives()).value)
        return {"value_at_thirds": Observable(value, "", float(self.exact(x)[0]))}
