"""The Poisson equation −Δu = f on the unit cube [0, 1]^d with u = g on its boundary, for four known solutions.

The set-ups are those of the natural-gradient literature (Müller & Zeinhofer, ICML 2023; Dangel, Müller & Zeinhofer,
NeurIPS 2024): the boundary condition is soft, each term is a mean of squares over random points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import pi
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.geometry import Box
from pinnrun.problems.base import Observable, Problem, Reference, Solution, require_inside
from pinnrun.problems.constraints import dirichlet
from pinnrun.settings import setting


@dataclass(frozen=True)
class Exact:
    """A known solution: u, and its source f = −Δu, both from ``(..., d)`` to ``(...)``."""

    u: Callable[[Tensor], Tensor]
    f: Callable[[Tensor], Tensor]


def _sine(x: Tensor) -> Tensor:
    return torch.sin(pi * x).prod(-1)


def _cosine_sum(x: Tensor) -> Tensor:
    return torch.cos(pi * x).sum(-1)


EXACT = {
    "sine": Exact(_sine, lambda x: x.shape[-1] * pi**2 * _sine(x)),
    "cosine_sum": Exact(_cosine_sum, lambda x: pi**2 * _cosine_sum(x)),
    "harmonic": Exact(lambda x: (x[..., 0::2] * x[..., 1::2]).sum(-1), lambda x: torch.zeros_like(x[..., 0])),
    "square": Exact(lambda x: (x * x).sum(-1), lambda x: torch.full_like(x[..., 0], -2.0 * x.shape[-1])),
}


@dataclass(frozen=True)
class Poisson(Problem):
    """−Δu = f on [0, 1]^d."""

    points: int = setting(900, min=1, help="interior points")
    dimension: int = setting(2, min=1, help="number of coordinates d")
    solution: Literal["sine", "cosine_sum", "harmonic", "square"] = setting(
        "sine", help="Π sin πx_i, Σ cos πx_i, Σ x_{2k−1} x_{2k} or |x|²"
    )
    boundary_points: int = setting(120, min=1, help="points on the boundary (unused when it is hard)")
    boundary_weight: float = setting(1.0, above=0, help="weight of the boundary term beside the equation's 1")
    boundary: Literal["soft", "hard"] = setting(
        "soft",
        help="soft: a term of the objective; hard: u = Π 4x_i(1 − x_i)·N, for a solution that is zero there",
    )

    scale: float = setting(1.0, above=0, help="size of u, by which the network's output is multiplied")

    def problems(self) -> Iterator[str]:
        """Combinations that make no sense."""
        if self.solution == "harmonic" and self.dimension % 2:
            yield f"dimension: the harmonic solution pairs coordinates, {self.dimension} is odd; take an even number"
        if self.boundary == "hard" and self.solution != "sine":
            yield f"boundary: hard needs a solution that is zero there, {self.solution!r} is not; use soft, or sine"

    @property
    def coordinates(self) -> tuple[str, ...]:
        return (
            ("x", "y", "z")[: self.dimension]
            if self.dimension <= 3
            else tuple(f"x{i + 1}" for i in range(self.dimension))
        )

    @property
    def domain(self) -> Box:
        """The unit cube."""
        return Box((0.0,) * self.dimension, (1.0,) * self.dimension)

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """The coordinates moved to [−1, 1]."""
        return points.cached("inputs", derivatives, lambda: 2.0 * points.coordinates(derivatives) - 1.0)

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        if self.scale != 1.0:
            raw = self.scale * raw
        if self.boundary == "soft":
            return raw
        wanted = raw.derivatives
        return dirichlet(raw, points.cached("bubble", wanted, lambda: self.domain.bubble(points.coordinates(wanted))))

    def terms(self) -> Sequence[Term]:
        equation = Term(
            "equation",
            self._interior,
            lambda points, u: u.laplacian[..., 0] + points["source"],
            Derivatives(laplacian=True),
            self.points,
        )
        boundary = Term(
            "boundary",
            self._faces,
            lambda points, u: u.value[..., 0] - points["data"],
            Derivatives(),
            self.boundary_points,
            self.boundary_weight,
        )
        return (equation, boundary) if self.boundary == "soft" else (equation,)

    def _interior(self, generator: torch.Generator, count: int) -> Points:
        x = torch.rand((count, self.dimension), generator=generator, dtype=torch.float64)
        return Points(x, source=EXACT[self.solution].f(x))

    def _faces(self, generator: torch.Generator, count: int) -> Points:
        x = torch.rand((count, self.dimension), generator=generator, dtype=torch.float64)
        face = torch.randint(2 * self.dimension, (count,), generator=generator)
        x[torch.arange(count), face // 2] = (face % 2).to(x.dtype)
        return Points(x, data=EXACT[self.solution].u(x))

    def locate(self, x: Tensor) -> Points:
        require_inside(((x >= 0) & (x <= 1)).all(-1), "the unit cube, 0 to 1 in every coordinate")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        return self._interior(generator, max(10_000, 2 * self.points))

    def reference(self) -> Reference:
        exact = EXACT[self.solution]
        return Reference(lambda x: exact.u(torch.as_tensor(x)).numpy(), "closed form")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The value at a point off the solution's symmetries (1/3 in every coordinate)."""
        x = torch.full((1, self.dimension), 1.0 / 3.0, dtype=torch.float64)
        value = float(solution(Points(x), Derivatives()).value)
        exact = float(EXACT[self.solution].u(x)[0])
        scale = abs(exact) or float(np.sqrt(self.dimension))
        return {"value_at_thirds": Observable(value, "", exact, scale)}
