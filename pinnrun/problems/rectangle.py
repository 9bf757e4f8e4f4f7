"""A rectangle in the plane: points inside and on its edges, and its coordinates in units of [−1, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.geometry.sampling import uniform
from pinnrun.problems.base import Problem, require_inside


@dataclass(frozen=True)
class Rectangle:
    """[low_0, high_0] × [low_1, high_1]."""

    low: tuple[float, float]
    high: tuple[float, float]

    def at(self, unit: Tensor) -> Tensor:
        """Points of the unit square, ``(..., 2)``, moved here."""
        low, high = unit.new_tensor(self.low), unit.new_tensor(self.high)
        return torch.lerp(low, high, unit)  # exact at both ends

    def interior(self, generator: torch.Generator, count: int) -> Tensor:
        """Uniform points, ``(count, 2)``."""
        return self.at(uniform(generator, count, 2))

    def edges(
        self, generator: torch.Generator, count: int, on: tuple[int, ...] = (0, 1, 2, 3)
    ) -> tuple[Tensor, Tensor]:
        """Points uniform by length on the edges named: 0 and 1 where the first coordinate is low or high, 2 and 3
        where the second one is.

        Returns:
            the points ``(count, 2)`` and the number of each one's edge ``(count,)``.
        """
        sides = [self.high[1] - self.low[1]] * 2 + [self.high[0] - self.low[0]] * 2
        lengths = torch.tensor([sides[edge] for edge in on], dtype=torch.float64)
        ends = lengths.cumsum(0) / lengths.sum()
        draw, unit = uniform(generator, count, 3).tensor_split([1], dim=1)
        edge = torch.tensor(on)[torch.searchsorted(ends[:-1].contiguous(), draw[:, 0].contiguous(), right=True)]
        unit = unit.clone()
        unit[torch.arange(count), edge // 2] = (edge % 2).to(unit.dtype)
        return self.at(unit), edge

    def scaled(self, points: Points, derivatives: Derivatives) -> Jet:
        """The coordinates moved to [−1, 1]."""
        low, high = torch.tensor(self.low, dtype=torch.float64), torch.tensor(self.high, dtype=torch.float64)
        factor, shift = (2.0 / (high - low)).to(points.x), ((low + high) / (high - low)).to(points.x)
        return points.cached("scaled", derivatives, lambda: points.coordinates(derivatives) * factor - shift)

    def require(self, x: Tensor, names: tuple[str, str]) -> None:
        """Raise a UserError that names the points ``(N, 2)`` outside."""
        low, high = x.new_tensor(self.low), x.new_tensor(self.high)
        ranges = (f"{name} from {a:g} to {b:g}" for name, a, b in zip(names, self.low, self.high, strict=True))
        require_inside(((x >= low) & (x <= high)).all(-1), ", ".join(ranges))


@dataclass(frozen=True)
class OnRectangle(Problem):
    """A problem in (x, y) on a rectangle, which the network sees as [−1, 1]²."""

    domain: ClassVar[Rectangle]

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("x", "y")

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """The coordinates moved to [−1, 1]."""
        return self.domain.scaled(points, derivatives)

    def locate(self, x: Tensor) -> Points:
        self.domain.require(x, ("x", "y"))
        return Points(x)
