"""The solvent around a spherical solute: how far it reaches, where its ions are, what they cost in energy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pinnrun.errors import UserError
from pinnrun.problems.npbe.chebyshev import RadialMesh, graded_edges
from pinnrun.problems.npbe.ion_window import IonWindow
from pinnrun.problems.npbe.medium import Medium, require_positive

_DEBYE_LENGTHS = 20.0  # beyond the window, where infinite solvent is cut: its equation is linear from there
_SALT_FREE_RADII = 10.0  # the same cut without salt, in radii of the sphere; the equation is linear anywhere
_PLAIN_NEWTON = 8.0  # kT/e, up to which Newton's method starts from the linear solution


@dataclass(frozen=True)
class Solvent:
    """Solvent outside a sphere.

    Attributes:
        medium: permittivities, salt and temperature.
        window: where the ions may be; knows the radius of the sphere.
        domain_radius: where the solvent ends, at a prescribed potential, angstrom; None for infinite solvent.

    Raises:
        UserError: no solvent is left between the sphere and the end of the domain.
    """

    medium: Medium
    window: IonWindow
    domain_radius: float | None

    def __post_init__(self) -> None:
        if self.domain_radius is None:
            return
        require_positive(domain_radius=self.domain_radius)
        if self.domain_radius <= self.radius:
            raise UserError(
                f"domain_radius = {self.domain_radius:g} leaves no solvent around a solute of "
                f"radius = {self.radius:g} angstrom.\nTake a domain some 10 angstrom larger than the solute."
            )

    @property
    def radius(self) -> float:
        """Radius of the sphere, angstrom."""
        return self.window.radius

    def screening(self, r: np.ndarray) -> np.ndarray:
        """The factor kappa^2 lambda(r) of sinh phi, 1/angstrom^2."""
        return self.medium.kappa**2 * self.window(r)

    def energy_density(self, r: np.ndarray, potential: np.ndarray) -> np.ndarray:
        """Energy of the mobile ions per volume at distances r (N,), kT per cubic angstrom.

        kappa^2 lambda / (4 pi lB) (phi sinh(phi) / 2 - cosh(phi) + 1): what they add to the half sum of
        charges times potentials (Sharp & Honig, J. Phys. Chem. 94, 7684, 1990).

        Args:
            r: (N,) distances from the centre, angstrom.
            potential: (..., N), kT/e.
        """
        factor = self.screening(r) / (4 * math.pi * self.medium.solvent_bjerrum)
        phi = np.where(factor > 0, potential, 0.0)
        # cosh(phi) - 1 as 2 sinh(phi/2)^2, to keep its digits
        return factor * (0.5 * phi * np.sinh(phi) - 2 * np.sinh(0.5 * phi) ** 2)

    def mesh(self, order: int, *, first: float) -> RadialMesh:
        """Radial elements from the sphere to the end, or to where infinite solvent is cut.

        Args:
            order: polynomial degree in every element.
            first: length of the first element, angstrom; later ones grow to two Debye lengths.
        """
        kappa, breakpoints = self.medium.kappa, self.window.breakpoints
        beyond = max((self.radius, *breakpoints))
        if self.domain_radius is not None:
            end = self.domain_radius
        else:
            end = beyond + (_DEBYE_LENGTHS / kappa if kappa else _SALT_FREE_RADII * self.radius)
        longest = max(2 / kappa, self.radius) if kappa else end
        edges = graded_edges(self.radius, end, breakpoints=breakpoints, first=first, longest=longest)
        return RadialMesh(edges, order)


def charge_doublings(largest_potential: float) -> int:
    """How often to double the charges on the way to their full size, for Newton's method to need few steps.

    Where sinh is large a Newton step lowers the potential by 1 kT/e only, so coming down from the linear
    solution, which is proportional to the charge, takes many. Twice the solution for half the charge is a
    closer start, since the solution itself grows only like the logarithm of the charge. For charges of one
    sign both bound the potential from above (2 sinh(x) <= sinh(2 x)), so that Newton does not overshoot.

    Args:
        largest_potential: of the linear solution where ions are, kT/e.
    """
    if largest_potential <= _PLAIN_NEWTON:
        return 0
    return math.ceil(math.log2(largest_potential / _PLAIN_NEWTON))
