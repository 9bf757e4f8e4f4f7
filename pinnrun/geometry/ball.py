"""The ball: interval, disc, ball and beyond."""

from __future__ import annotations

from functools import cached_property
from math import gamma, pi

import torch
from torch import Tensor

from pinnrun.calculus import Jet
from pinnrun.geometry.shape import Shape, uniform


class Ball(Shape):
    """All x with |x − centre| ≤ radius.

    Args:
        centre: d numbers.
        radius: above 0.

    Raises:
        ValueError: the radius is not above 0.
    """

    def __init__(self, centre: tuple[float, ...], radius: float) -> None:
        if not radius > 0:
            raise ValueError(f"the radius of a ball must be above 0, got {radius}")
        self.centre, self.radius = tuple(map(float, centre)), float(radius)

    @property
    def dimension(self) -> int:
        return len(self.centre)

    @cached_property
    def middle(self) -> Tensor:
        """The centre as a tensor, ``(d,)``."""
        return torch.tensor(self.centre, dtype=torch.float64)

    @property
    def bounds(self) -> tuple[Tensor, Tensor]:
        return self.middle - self.radius, self.middle + self.radius

    @property
    def surface(self) -> float:
        """2 π^{d/2} r^{d−1} / Γ(d/2)."""
        d = self.dimension
        return 2.0 * pi ** (0.5 * d) * self.radius ** (d - 1) / gamma(0.5 * d)

    def inside(self, x: Tensor) -> Tensor:
        return (x - self.middle).square().sum(-1) <= self.radius**2

    def strictly_inside(self, x: Tensor) -> Tensor:
        return (x - self.middle).square().sum(-1) < self.radius**2

    def draw_boundary(self, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
        """In the plane by an angle, else by the direction of a normal vector."""
        if self.dimension == 2:
            angle = 2.0 * pi * uniform(generator, count, 1)
            normals = torch.cat([angle.cos(), angle.sin()], -1)
        else:
            draws = uniform(generator, count, self.dimension).clamp(min=1e-300)
            vectors = torch.special.ndtri(draws)
            normals = vectors / vectors.norm(dim=-1, keepdim=True)
        return self.middle + self.radius * normals, normals

    def distance(self, x: Jet) -> Jet:
        """(r² − |x − c|²)/(2r), smooth everywhere."""
        return (self.radius**2 - self.offset(x).squared_norm()) * (0.5 / self.radius)

    def bubble(self, x: Jet) -> Jet:
        """1 − |x − c|²/r², which is 1 in the centre."""
        return 1.0 - self.offset(x).squared_norm() * self.radius**-2.0

    def hole(self, x: Jet) -> Jet:
        """1 − r²/|x − c|²: zero on the sphere, positive outside, and 1 far away; not to be asked for at the centre."""
        return 1.0 - self.offset(x).squared_norm().reciprocal() * self.radius**2

    def offset(self, x: Jet) -> Jet:
        """The offset x − c, components d."""
        return x - self.middle.to(x.value)

    def log_radius(self, x: Jet) -> Jet:
        """ln(|x − c|/r), the radial harmonic function of the plane: a feature for networks around a disc."""
        return 0.5 * (self.offset(x).squared_norm() * self.radius**-2.0).log()
