"""What both cases share: a square with discs cut out, one value on its outer sides, another on all discs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.geometry import Ball, Box, Difference
from pinnrun.geometry.shape import uniform, until
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.constraints import blend, product
from pinnrun.problems.elliptic import Elliptic
from pinnrun.problems.pinnacle.nodes import Nodes, load_nodes
from pinnrun.settings import setting


@dataclass(frozen=True)
class Perforated(Elliptic):
    """An equation on a square with round holes."""

    points: int = setting(2000, min=1, help="interior points")
    boundary: Literal["hard", "soft"] = setting("soft", help="soft: a term; hard: u = g + d N by construction")
    boundary_points: int = setting(500, min=1, help="points on the boundary (unused when it is hard)")
    boundary_weight: float = setting(1e4, above=0, help="weight of a soft boundary beside the equation's 1")
    compare: Literal["table", "series"] = setting(
        "table", help="what the error is measured against at the table's nodes: PINNacle's values, or our own series"
    )

    around_discs: float = setting(
        0.4, min=0, max=1, help="share of the points drawn within one radius of a disc, the same for every disc"
    )

    half_side: ClassVar[float]
    discs: ClassVar[tuple[tuple[float, float, float], ...]]
    outer_value: ClassVar[float]
    disc_value: ClassVar[float]
    table_name: ClassVar[str]

    domain_text = "the square without its discs"

    @property
    def domain(self) -> Difference:
        side = self.half_side
        return Difference(Box((-side, -side), (side, side)), self.holes)

    @property
    def holes(self) -> tuple[Ball, ...]:
        """The discs."""
        return tuple(Ball((x, y), radius) for x, y, radius in self.discs)

    @property
    def table(self) -> Nodes:
        """PINNacle's nodes and values."""
        return load_nodes(self.table_name)

    def series(self) -> Callable[[np.ndarray], np.ndarray]:
        """The solution by functions that solve the equation exactly, fitted on the boundary."""
        raise NotImplementedError

    def boundary_value(self, x: Tensor) -> Tensor:
        outer = (x.abs() >= self.half_side * (1.0 - 1e-12)).any(-1)
        return torch.where(outer, self.outer_value, self.disc_value).to(x.dtype)

    def lift(self, x: Jet) -> Jet:
        """The two values, blended by the bubbles of the square and of the discs."""
        around = product([hole.hole(x) for hole in self.holes])
        return blend([self.outer_value, self.disc_value], [self.domain.whole.bubble(x), around])

    def sample_interior(self, generator: torch.Generator, count: int) -> Points:
        """Uniform points, and more of them around the discs, where u is steep on the scale of each radius."""
        domain, close = self.domain, round(self.around_discs * count)
        centres = torch.stack([hole.middle for hole in self.holes])
        radii = torch.tensor([hole.radius for hole in self.holes], dtype=torch.float64)

        def draw(batch: int) -> tuple[Tensor, ...]:
            disc, radius, angle = uniform(generator, batch, 3).unbind(-1)
            disc, angle = (disc * len(radii)).long(), 2.0 * pi * angle
            away = radii[disc] * (1.0 + radius)
            x = centres[disc] + away[:, None] * torch.stack([angle.cos(), angle.sin()], -1)
            return (x[domain.strictly_inside(x)],)

        parts = [domain.sample_interior(generator, count - close)] if close < count else []
        x = torch.cat(parts + ([until(close, draw)[0]] if close else []))
        return Points(x, **self.interior_data(x))

    def test_points(self, generator: torch.Generator) -> Points:
        """The table's nodes, where PINNacle measures, too."""
        return Points(torch.as_tensor(self.table.x))

    def reference(self) -> Reference:
        if self.compare == "table":
            return Reference(self.table, "PINNacle's COMSOL table")
        return Reference(self.series(), "series of exact solutions, 1e-8")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The mean over the table's nodes."""
        value = solution(self.test_points(torch.Generator()), Derivatives()).value
        reference = self.series()(self.table.x).mean()
        return {"mean_at_nodes": Observable(float(value.mean()), "", float(reference))}
