"""What a domain can do: say what is inside, draw points inside and on its boundary, measure the way to the boundary.

No library serves here. shapely and trimesh know polygons and meshes, pygmsh and its kin make meshes; none of them
gives a distance that can be differentiated twice in jet arithmetic, and none goes beyond three dimensions. What boxes,
balls and differences need besides is a few lines each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from pinnrun.calculus import Jet

LEAST = 64  # points drawn at once, so that a small sample does not need many rounds


def uniform(generator: torch.Generator, count: int, dimension: int) -> Tensor:
    """Random points of the unit cube, ``(count, dimension)``, float64."""
    return torch.rand((count, dimension), generator=generator, dtype=torch.float64)


class Shape(ABC):
    """A bounded domain in d dimensions."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Number of coordinates d."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[Tensor, Tensor]:
        """The lowest and the highest coordinates, ``(d,)`` each: a box around the domain."""

    @property
    @abstractmethod
    def surface(self) -> float:
        """Length, area, … of the boundary that ``draw_boundary`` draws from; in one dimension the number of ends."""

    @abstractmethod
    def inside(self, x: Tensor) -> Tensor:
        """Whether the points ``(N, d)`` lie in the domain or on its boundary, ``(N,)``."""

    @abstractmethod
    def strictly_inside(self, x: Tensor) -> Tensor:
        """Whether the points ``(N, d)`` lie in the open domain, ``(N,)``."""

    @abstractmethod
    def distance(self, x: Jet) -> Jet:
        """A smooth function of the coordinates: zero on the boundary, positive inside, negative outside.

        It is normalised to first order: at every regular point of the boundary its derivative along the inward
        normal is 1. Where two pieces of boundary meet in a corner it is continuous, not differentiable.
        """

    @abstractmethod
    def bubble(self, x: Jet) -> Jet:
        """A function that is smooth on the whole domain: zero on the boundary, positive inside, of size 1.

        It is a product with one factor for every face, so it has no normal derivative in corners; in exchange its
        Laplacian stays bounded there, where that of ``distance`` grows like 1/r and the mean of its square diverges.

        Raises:
            ValueError: the domain has a reentrant corner, which no product describes.
        """

    @abstractmethod
    def draw_boundary(self, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
        """``count`` draws from the boundary, uniform by area, with outward normals; some may be dropped."""

    def sample_interior(self, generator: torch.Generator, count: int) -> Tensor:
        """``count`` uniform points of the open domain, ``(count, d)``: those of a box around it that lie inside."""
        low, high = self.bounds

        def draw(batch: int) -> tuple[Tensor, ...]:
            x = low + (high - low) * uniform(generator, batch, self.dimension)
            return (x[self.strictly_inside(x)],)

        return until(count, draw)[0]

    def sample_boundary(self, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
        """``count`` points of the boundary, uniform by area, and the outward normals there, ``(count, d)`` each."""
        x, normals = until(count, lambda batch: self.draw_boundary(generator, batch))
        return x, normals


def until(count: int, draw: Callable[[int], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Draw batches, each a tuple of tensors, until there are ``count`` rows; the surplus is dropped.

    Raises:
        ValueError: draw after draw gives nothing, as for an empty domain.
    """
    parts: list[tuple[Tensor, ...]] = []
    found, batch = 0, count
    while found < count:
        parts.append(draw(max(batch, LEAST)))
        found += len(parts[-1][0])
        if found == 0 and len(parts) > 20:
            raise ValueError("no point lies in this domain: is a hole as large as what it is cut from?")
        batch = 2 * (count - found)
    return tuple(torch.cat(columns)[:count] for columns in zip(*parts, strict=True))
