"""Kovasznay's flow behind a grid: a steady solution of the Navier-Stokes equations in closed form.

    u = 1 − e^{λx} cos 2πy,   v = (λ/2π) e^{λx} sin 2πy,   p = ½ (1 − e^{2λx}),   λ = Re/2 − √(Re²/4 + 4π²)

(Kovasznay, Proc. Camb. Phil. Soc. 44 (1948) 58.) The rectangle [−0.5, 1] × [−0.5, 1.5] is that of DeepXDE's example.
The velocity is given on its whole boundary, so the pressure's constant is open and not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Points, Term
from pinnrun.problems import navier_stokes
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.rectangle import Rectangle
from pinnrun.settings import setting

DOMAIN = Rectangle((-0.5, -0.5), (1.0, 1.5))


@dataclass(frozen=True)
class Kovasznay(navier_stokes.Flow):
    """Velocity and pressure of the flow."""

    domain = DOMAIN

    points: int = setting(600, min=1, help="points inside; each leaves three rows")
    reynolds: float = setting(40.0, above=0, help="Reynolds number Re")
    boundary_points: int = setting(160, min=1, help="points on the boundary; each leaves two rows")
    boundary_weight: float = setting(10.0, above=0, help="weight of the boundary term beside the equations' 1")

    @property
    def decay(self) -> float:
        """λ < 0."""
        half = 0.5 * self.reynolds
        return -4.0 * pi**2 / (half + sqrt(half * half + 4.0 * pi**2))  # the formula above, without its cancellation

    def exact(self, x: Tensor) -> Tensor:
        """(u, v, p) at ``(..., 2)``, ``(..., 3)``; p is zero at x = 0."""
        rate, y = self.decay, 2.0 * pi * x[..., 1]
        wake = torch.exp(rate * x[..., 0])
        u, v = 1.0 - wake * torch.cos(y), rate / (2.0 * pi) * wake * torch.sin(y)
        return torch.stack([u, v, 0.5 * (1.0 - wake * wake)], -1)

    def terms(self) -> Sequence[Term]:
        equations = Term(
            "equations",
            lambda generator, count: Points(DOMAIN.interior(generator, count)),
            lambda points, field: navier_stokes.steady(points, field, self.reynolds),
            navier_stokes.DERIVATIVES,
            self.points,
            rows=navier_stokes.ROWS,
        )
        boundary = Term(
            "boundary",
            self._boundary,
            lambda points, field: (field.value[..., :2] - points["velocity"])[0],
            Derivatives(),
            self.boundary_points,
            self.boundary_weight,
            rows=2,
        )
        return equations, boundary

    def _boundary(self, generator: torch.Generator, count: int) -> Points:
        x, _ = DOMAIN.edges(generator, count)
        return Points(x, velocity=self.exact(x)[:, :2])

    def test_points(self, generator: torch.Generator) -> Points:
        return Points(DOMAIN.interior(generator, 10_000))

    def reference(self) -> Reference:
        return Reference(lambda x: self.exact(torch.as_tensor(x)).numpy(), "closed form (Kovasznay 1948)")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The backflow where the wake enters, and the pressure that the flow gains on its way along y = 0."""
        x = torch.tensor([[-0.5, 0.0], [1.0, 0.0]], dtype=torch.float64)
        (inlet, outlet), (inlet0, outlet0) = (
            solution(Points(x), Derivatives()).value[0].tolist(),
            self.exact(x).tolist(),
        )
        return {
            "backflow": Observable(inlet[0], "", inlet0[0]),
            "pressure_rise": Observable(outlet[2] - inlet[2], "", outlet0[2] - inlet0[2]),
        }
