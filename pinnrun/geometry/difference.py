"""One shape with others cut out of it: plates with holes, the L-shape."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from pinnrun.calculus import Jet
from pinnrun.geometry.ball import Ball
from pinnrun.geometry.rfunctions import conjunction
from pinnrun.geometry.shape import Shape, uniform


class Difference(Shape):
    """The points of ``whole`` that lie in none of the ``holes``.

    The boundary is what is left of the whole's, and those parts of the holes' boundaries that lie inside the whole and
    in no other hole.

    Raises:
        ValueError: there is no hole, or the dimensions differ.
    """

    def __init__(self, whole: Shape, holes: tuple[Shape, ...]) -> None:
        if not holes or any(hole.dimension != whole.dimension for hole in holes):
            raise ValueError("a difference needs holes, of the same dimension as what they are cut from")
        self.whole, self.holes = whole, holes

    @property
    def dimension(self) -> int:
        return self.whole.dimension

    @property
    def bounds(self) -> tuple[Tensor, Tensor]:
        return self.whole.bounds

    @property
    def surface(self) -> float:
        return self.whole.surface + sum(hole.surface for hole in self.holes)

    def inside(self, x: Tensor) -> Tensor:
        return self._outside_holes(x, self.whole.inside(x))

    def strictly_inside(self, x: Tensor) -> Tensor:
        inside = self.whole.strictly_inside(x)
        return inside & ~torch.stack([hole.inside(x) for hole in self.holes]).any(0)

    def _outside_holes(self, x: Tensor, inside: Tensor) -> Tensor:
        return inside & ~torch.stack([hole.strictly_inside(x) for hole in self.holes]).any(0)

    def draw_boundary(self, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Draws from every boundary, a part each by its area; those that do not bound the difference are dropped."""
        parts = [self.whole, *self.holes]
        areas = torch.tensor([part.surface for part in parts], dtype=torch.float64)
        shares = torch.cumsum(areas, 0) / areas.sum()
        choice = torch.searchsorted(shares, uniform(generator, count, 1)[:, 0].contiguous(), right=True)
        places, normals = [], []
        for index, part in enumerate(parts):
            x, normal = part.draw_boundary(generator, int((choice == index).sum()))
            kept = self._bounds(index, x)
            places.append(x[kept])
            normals.append(normal[kept] if index == 0 else -normal[kept])
        x, normal = torch.cat(places), torch.cat(normals)
        order = torch.randperm(len(x), generator=generator)  # a part of the draws is then a fair sample, too
        return x[order], normal[order]

    def _bounds(self, index: int, x: Tensor) -> Tensor:
        """Which points on the boundary of part ``index`` (0: the whole) belong to that of the difference."""
        others = [hole.inside(x) for number, hole in enumerate(self.holes, 1) if number != index]
        free = torch.ones(len(x), dtype=torch.bool) if index == 0 else self.whole.strictly_inside(x)
        return free & ~torch.stack(others).any(0) if others else free

    def distance(self, x: Jet) -> Jet:
        """The R-conjunction of the whole's distance and the holes' negated ones."""
        return reduce(conjunction, [self.whole.distance(x), *(-hole.distance(x) for hole in self.holes)])

    def bubble(self, x: Jet) -> Jet:
        """The whole's bubble times 1 − r²/|x − c|² for every ball cut out."""
        product = self.whole.bubble(x)
        for hole in self.holes:
            if not isinstance(hole, Ball):
                raise ValueError("no smooth product is zero around a hole with corners; use distance")
            product = product * hole.hole(x)
        return product


def difference(whole: Shape, *holes: Shape) -> Difference:
    """``whole`` without ``holes``."""
    return Difference(whole, holes)
