"""What scalar elliptic problems with a Dirichlet condition share: u = g on the boundary of a domain, soft or hard.

A problem of this kind says its ``domain``, the ``residual`` of its equation, g as ``boundary_value`` and, for a hard
boundary, a ``lift``: any smooth function that equals g on the boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.geometry import Shape
from pinnrun.problems.base import Problem, require_inside
from pinnrun.problems.constraints import dirichlet
from pinnrun.settings import setting


@dataclass(frozen=True)
class Elliptic(Problem):
    """A second-order equation in a domain, u = g on its boundary."""

    points: int = setting(900, min=1, help="interior points")
    boundary: Literal["hard", "soft"] = setting("hard", help="hard: u = g + d N by construction; soft: a term")
    boundary_points: int = setting(120, min=1, help="points on the boundary (unused when it is hard)")
    boundary_weight: float = setting(100.0, above=0, help="weight of a soft boundary beside the equation's 1")

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("x", "y")

    @property
    def domain(self) -> Shape:
        """Where the equation holds."""
        raise NotImplementedError

    domain_text = "the domain"

    def residual(self, points: Points, u: Jet) -> Tensor:
        """What the equation leaves, N elements; u has a Laplacian."""
        raise NotImplementedError

    def interior_data(self, x: Tensor) -> dict[str, Tensor]:
        """What the residual needs to know at ``(N, d)``, such as a source."""
        return {}

    def boundary_value(self, x: Tensor) -> Tensor:
        """The condition g at points ``(N, d)`` of the boundary, ``(N,)``."""
        raise NotImplementedError

    def lift(self, x: Jet) -> Jet | float:
        """A smooth function that is g on the boundary."""
        raise NotImplementedError

    def distance(self, x: Jet) -> Jet:
        """The factor that is zero on the boundary."""
        return self.domain.bubble(x)

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """The coordinates moved to [−1, 1], and the problem's own features."""
        return points.cached("inputs", derivatives, lambda: self._inputs(points.coordinates(derivatives)))

    def _inputs(self, x: Jet) -> Jet:
        low, high = (bound.to(x.value) for bound in self.domain.bounds)
        return (x - 0.5 * (low + high)) * (2.0 / (high - low))

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        if self.boundary == "soft":
            return raw
        x, wanted = points.coordinates(raw.derivatives), raw.derivatives
        distance = points.cached("distance", wanted, lambda: self.distance(x))
        return dirichlet(raw, distance, points.cached("lift", wanted, lambda: x.constant(0.0) + self.lift(x)))

    def terms(self) -> Sequence[Term]:
        equation = Term("equation", self.sample_interior, self.residual, Derivatives(laplacian=True), self.points)
        if self.boundary == "hard":
            return (equation,)
        boundary = Term(
            "boundary",
            self.sample_boundary,
            lambda points, u: u.value[..., 0] - points["data"],
            Derivatives(),
            self.boundary_points,
            self.boundary_weight,
        )
        return equation, boundary

    def sample_interior(self, generator: torch.Generator, count: int) -> Points:
        """Uniform points of the domain with what the residual needs there."""
        x = self.domain.sample_interior(generator, count)
        return Points(x, **self.interior_data(x))

    def sample_boundary(self, generator: torch.Generator, count: int) -> Points:
        """Uniform points of the boundary with g."""
        x, _ = self.domain.sample_boundary(generator, count)
        return Points(x, data=self.boundary_value(x))

    def locate(self, x: Tensor) -> Points:
        require_inside(self.domain.inside(x), self.domain_text)
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        return Points(self.domain.sample_interior(generator, max(10_000, 2 * self.points)))
