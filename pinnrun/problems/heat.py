"""The heat equation u_t = κ Δu on the unit cube [0, 1]^d, for times 0 to 1, for two known solutions.

The set-up is that of the natural-gradient literature (Dangel, Müller & Zeinhofer, NeurIPS 2024): one term for the
equation, and one for all that is known of u, half of its points on the sides at any time and half at time zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Literal

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.geometry.sampling import uniform
from pinnrun.problems.base import Observable, Problem, Reference, Solution, require_inside
from pinnrun.settings import setting


@dataclass(frozen=True)
class Heat(Problem):
    """u_t = κ Δu on [0, 1]^d, 0 ≤ t ≤ 1; the coordinates are time, then space."""

    points: int = setting(900, min=1, help="interior points")
    dimension: int = setting(1, min=1, help="number of space coordinates d")
    diffusivity: float = setting(0.25, above=0, help="κ, in units of side²/duration")
    solution: Literal["sine", "sine_sum"] = setting("sine", help="e^{−κdπ²t} Π sin πx_i, or e^{−4κt} Σ sin 2x_i")
    condition_points: int = setting(120, min=2, help="points of the conditions: half on the sides, half at time zero")
    condition_weight: float = setting(100.0, above=0, help="weight of the conditions beside the equation's 1")

    @property
    def coordinates(self) -> tuple[str, ...]:
        d = self.dimension
        return ("t", *(("x", "y", "z")[:d] if d <= 3 else (f"x{i + 1}" for i in range(d))))

    def exact(self, x: Tensor) -> Tensor:
        """The known solution at ``(..., 1 + d)``, ``(...)``."""
        t, space, kappa = x[..., 0], x[..., 1:], self.diffusivity
        if self.solution == "sine":
            return torch.exp(-kappa * self.dimension * pi**2 * t) * torch.sin(pi * space).prod(-1)
        return torch.exp(-4.0 * kappa * t) * torch.sin(2.0 * space).sum(-1)

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """The coordinates moved to [−1, 1]."""
        return points.cached("inputs", derivatives, lambda: 2.0 * points.coordinates(derivatives) - 1.0)

    def terms(self) -> Sequence[Term]:
        equation = Term(
            "equation",
            self._interior,
            lambda points, u: (u.d(0) - self.diffusivity * u.laplacian)[..., 0],
            Derivatives(laplacian=tuple(range(1, 1 + self.dimension))),
            self.points,
            time=0,
        )
        conditions = Term(
            "conditions",
            self._sides_and_start,
            lambda points, u: u.value[..., 0] - points["data"],
            Derivatives(),
            self.condition_points,
            self.condition_weight,
        )
        return equation, conditions

    def _interior(self, generator: torch.Generator, count: int) -> Points:
        return Points(uniform(generator, count, 1 + self.dimension))

    def _sides_and_start(self, generator: torch.Generator, count: int) -> Points:
        x = uniform(generator, count, 1 + self.dimension)
        sides = (count + 1) // 2
        face = torch.randint(2 * self.dimension, (sides,), generator=generator)
        x[torch.arange(sides), 1 + face // 2] = (face % 2).to(x.dtype)
        x[sides:, 0] = 0.0
        return Points(x, data=self.exact(x))

    def locate(self, x: Tensor) -> Points:
        require_inside(((x >= 0) & (x <= 1)).all(-1), "times 0 to 1 and the unit cube, 0 to 1 in every coordinate")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        return self._interior(generator, max(10_000, 2 * self.points))

    def reference(self) -> Reference:
        return Reference(lambda x: self.exact(torch.as_tensor(x)).numpy(), "closed form")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The value at the end, t = 1, at a point off the solution's symmetries (1/3 in every coordinate)."""
        x = torch.full((1, 1 + self.dimension), 1.0 / 3.0, dtype=torch.float64)
        x[:, 0] = 1.0
        value = float(solution(Points(x), Derivatives()).value)
        return {"value_at_end": Observable(value, "", float(self.exact(x)))}
