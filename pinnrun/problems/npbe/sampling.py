"""Where a charged sphere in a ball of solvent is sampled: half evenly, half along rays that leave the charges.

The potential is steep where a charge is near the surface, and few even points fall there. A ray from a charge in a
random direction meets the surface with the density of that charge's own flux, so rays fall where the flux is. (That
holds for a surface of any shape.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnrun.geometry.sobol import on_sphere, sobol


@dataclass(frozen=True)
class ChargedSphereSampler:
    """Draws points ``(N, 3)``, the first half (and an odd one) evenly, the others along rays.

    Attributes:
        radius: of the solute, Å.
        domain_radius: of the ball of solvent, Å.
        positions: of the charges, ``(K, 3)``, Å.
    """

    radius: float
    domain_radius: float
    positions: Tensor

    def surface(self, generator: torch.Generator, count: int) -> Tensor:
        """On the solute's surface."""
        rays = count // 2
        even = self.radius * on_sphere(sobol(generator, count - rays, 2))
        return torch.cat([even, self._rays(sobol(generator, rays, 3))[1]])

    def solute(self, generator: torch.Generator, count: int) -> Tensor:
        """In the solute: evenly in volume; along rays evenly in the cone's volume."""
        rays = count // 2
        u, v = sobol(generator, count - rays, 3), sobol(generator, rays, 4)
        start, end = self._rays(v[:, :3])
        return torch.cat(
            [
                self.radius * u[:, 2:] ** (1.0 / 3.0) * on_sphere(u),
                start + v[:, 3:] ** (1.0 / 3.0) * (end - start),
            ]
        )

    def solvent(self, generator: torch.Generator, count: int) -> Tensor:
        """In the solvent, dense near the solute: uniform in the radius, above the rays' ends in its logarithm."""
        rays = count // 2
        u, v = sobol(generator, count - rays, 3), sobol(generator, rays, 4)
        distance = self.radius + (self.domain_radius - self.radius) * u[:, 2:]
        _, end = self._rays(v[:, :3])
        return torch.cat([distance * on_sphere(u), (self.domain_radius / self.radius) ** v[:, 3:] * end])

    def shells(self, generator: torch.Generator, count: int) -> Tensor:
        """In the solvent, uniform in radius and direction, for measuring errors."""
        u = sobol(generator, count, 3)
        return (self.radius + (self.domain_radius - self.radius) * u[:, 2:]) * on_sphere(u)

    def _rays(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Where rays start and where they meet the surface; ``u`` ``(N, 3)`` picks direction and charge."""
        which = (u[:, 2] * len(self.positions)).long()
        start, direction = self.positions[which], on_sphere(u)
        along = (start * direction).sum(-1, keepdim=True)
        length = (along**2 + self.radius**2 - start.square().sum(-1, keepdim=True)).sqrt() - along
        return start, start + length * direction
