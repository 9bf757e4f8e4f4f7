"""The axis-parallel box: interval, rectangle, cuboid and beyond."""

from __future__ import annotations

from functools import cached_property, reduce
from operator import mul

import torch
from torch import Tensor

from pinnrun.calculus import Jet
from pinnrun.geometry.rfunctions import conjunction
from pinnrun.geometry.shape import Shape, uniform


class Box(Shape):
    """All x with low ≤ x ≤ high, coordinate by coordinate.

    Args:
        low, high: the corners, d numbers each.

    Raises:
        ValueError: the corners differ in length, or the box is empty.
    """

    def __init__(self, low: tuple[float, ...], high: tuple[float, ...]) -> None:
        if len(low) != len(high) or not all(a < b for a, b in zip(low, high, strict=True)):
            raise ValueError(f"a box needs low < high in every coordinate, got {low} and {high}")
        self.low, self.high = tuple(map(float, low)), tuple(map(float, high))

    @property
    def dimension(self) -> int:
        return len(self.low)

    @cached_property
    def bounds(self) -> tuple[Tensor, Tensor]:
        return torch.tensor(self.low, dtype=torch.float64), torch.tensor(self.high, dtype=torch.float64)

    @cached_property
    def _faces(self) -> Tensor:
        """Area of one of the two faces across each coordinate, ``(d,)``."""
        sides = self.bounds[1] - self.bounds[0]
        return torch.stack([torch.cat([sides[:i], sides[i + 1 :]]).prod() for i in range(self.dimension)])

    @property
    def surface(self) -> float:
        return 2.0 * float(self._faces.sum())

    def inside(self, x: Tensor) -> Tensor:
        low, high = self.bounds
        return ((x >= low) & (x <= high)).all(-1)

    def strictly_inside(self, x: Tensor) -> Tensor:
        low, high = self.bounds
        return ((x > low) & (x < high)).all(-1)

    def draw_boundary(self, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
        low, high = self.bounds
        draws = uniform(generator, count, self.dimension + 1)
        shares = torch.cumsum(self._faces.repeat_interleave(2), 0) / self.surface
        face = torch.searchsorted(shares, draws[:, -1].contiguous(), right=True).clamp(max=2 * self.dimension - 1)
        rows, axis, upper = torch.arange(count), face // 2, face % 2 == 1
        x = low + (high - low) * draws[:, :-1]
        x[rows, axis] = torch.where(upper, high[axis], low[axis])
        normals = torch.zeros_like(x)
        normals[rows, axis] = torch.where(upper, 1.0, -1.0).to(x.dtype)
        return x, normals

    def slabs(self, x: Jet) -> list[Jet]:
        """(x_i − l_i)(h_i − x_i)/(h_i − l_i), of slope 1 at both faces, for every coordinate."""
        sides = zip(self.low, self.high, strict=True)
        return [(x[i] - low) * (high - x[i]) * (1.0 / (high - low)) for i, (low, high) in enumerate(sides)]

    def distance(self, x: Jet) -> Jet:
        """The R-conjunction of the slabs."""
        return reduce(conjunction, self.slabs(x))

    def bubble(self, x: Jet) -> Jet:
        """Π 4(x_i − l_i)(h_i − x_i)/(h_i − l_i)², which is 1 in the middle."""
        sides = zip(self.slabs(x), self.low, self.high, strict=True)
        return reduce(mul, [slab * (4.0 / (high - low)) for slab, low, high in sides])
