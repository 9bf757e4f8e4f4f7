"""Point charges in a sphere in salt water, harmonic by harmonic: multipoles, operators, linear solution.

In real spherical harmonics the linear (Debye-Hueckel) equation of the solvent falls apart into one radial
equation for each, as in Kirkwood (J. Chem. Phys. 2, 351, 1934), here for an ion window of any width:

    u'' + (2/r) u' - (l (l + 1) / r^2 + kappa^2 lambda(r)) u = 0.

Inside the sphere the reaction potential is harmonic. With M_lm Coulomb's multipoles and B_lm those of the
reaction potential, both taken on the sphere, the potential and the displacement are continuous there if

    u = M_lm + B_lm,   eps_solvent u' = eps_solute (l B_lm - (l + 1) M_lm) / radius.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import spherical_kn

from pinnrun.errors import UserError
from pinnrun.problems.npbe.chebyshev import RadialMesh, solve_rows
from pinnrun.problems.npbe.harmonics import SphereGrid, degrees_of, real_harmonics
from pinnrun.problems.npbe.solvent import Solvent


def solid_harmonics(degree: int, points: np.ndarray, radius: float) -> np.ndarray:
    """(|x| / radius)^l Y_lm(x) at points (P, 3): shape (K, P), K = (degree+1)^2, in flat order."""
    powers = (np.linalg.norm(points, axis=1) / radius) ** np.arange(degree + 1)[:, None]
    return powers[degrees_of(degree)] * real_harmonics(degree, points)


@dataclass(frozen=True, eq=False)
class ChargedSphere:
    """The boundary-value problem. On the surface of a finite domain the potential is `debye_hueckel`.

    Attributes:
        charges: (K,), e.
        positions: (K, 3), angstrom, inside the sphere, which is centred at the origin.
        solvent: the surroundings; knows the radius of the sphere.

    Raises:
        UserError: charges and positions do not match, or a charge is not inside the sphere.
    """

    charges: np.ndarray
    positions: np.ndarray
    solvent: Solvent

    def __post_init__(self) -> None:
        count = self.charges.size
        if count == 0 or self.charges.shape != (count,) or self.positions.shape != (count, 3):
            raise UserError(
                f"Charges of shape {self.charges.shape} and positions of shape {self.positions.shape} do not "
                "match.\nGive one charge at least, and three coordinates for each."
            )
        if not (np.isfinite(self.charges).all() and np.isfinite(self.positions).all()):
            raise UserError("Charges and positions have to be finite numbers, and one of them is not.")
        distance = np.linalg.norm(self.positions, axis=1)
        outermost = int(distance.argmax())
        if distance[outermost] >= self.radius:
            raise UserError(
                f"Charge {outermost + 1} lies {distance[outermost]:g} angstrom from the centre of a sphere "
                f"of radius = {self.radius:g}.\nMove it inside, or take a larger radius."
            )

    @property
    def radius(self) -> float:
        """Radius of the sphere, angstrom."""
        return self.solvent.radius

    @property
    def eccentricity(self) -> float:
        """Distance of the outermost charge from the centre, in radii: harmonics decay like its powers."""
        return float(np.linalg.norm(self.positions, axis=1).max() / self.radius)

    def degree_for(self, tolerance: float) -> int:
        """Degree at which the harmonics of the potential have decayed below a relative tolerance."""
        if self.eccentricity == 0:
            return 0
        return math.ceil(math.log(tolerance) / math.log(self.eccentricity))

    def multipoles(self, degree: int) -> np.ndarray:
        """Coefficients M_lm (K,) on the sphere of Coulomb's potential of the charges in the solute, kT/e."""
        strength = self.solvent.medium.solute_bjerrum / self.radius
        moments = solid_harmonics(degree, self.positions, self.radius) @ self.charges
        return 4 * math.pi / (2 * degrees_of(degree) + 1) * strength * moments

    def debye_hueckel(self, points: np.ndarray) -> np.ndarray:
        """The sum lB q exp(-kappa d) / d over all charges at distances d from points (..., 3), kT/e."""
        medium = self.solvent.medium
        distance = np.linalg.norm(points[..., None, :] - self.positions, axis=-1)
        return medium.solvent_bjerrum * (np.exp(-medium.kappa * distance) / distance @ self.charges)

    def operators(self, mesh: RadialMesh, degree: int, screening: np.ndarray) -> np.ndarray:
        """Radial operators u'' + (2/r) u' - (l (l + 1) / r^2 + screening) u for l = 0 ... degree.

        Args:
            mesh: of N nodes.
            degree: L.
            screening: (N,), 1/angstrom^2.

        Returns:
            (L+1, N, N). First rows belong to the condition on the sphere, last rows to that at the end.
        """
        l = np.arange(degree + 1)
        absorption = (l * (l + 1))[:, None] / mesh.nodes**2 + screening
        inner = self._permittivity_ratio * l / self.radius
        outer = self._end_decay(degree, mesh.edges[-1]) if self.solvent.domain_radius is None else None
        return mesh.operator(absorption, inner, outer)

    def linear_solution(self, mesh: RadialMesh, degree: int) -> np.ndarray:
        """Flat coefficients (K, N) of the solution of the linear equation, kT/e."""
        operators = self.operators(mesh, degree, self.solvent.screening(mesh.nodes))
        # Two responses of every degree: to a unit multipole in the sphere, to a unit potential at the end.
        rows = np.zeros((degree + 1, len(mesh.nodes), 2))
        rows[:, 0, 0] = -self._permittivity_ratio * (2 * np.arange(degree + 1) + 1) / self.radius
        rows[:, -1, 1] = 1.0
        response = solve_rows(operators, rows)[degrees_of(degree)]
        solution = self.multipoles(degree)[:, None] * response[..., 0]
        if self.solvent.domain_radius is not None:
            grid = SphereGrid(degree, latitudes=degree + 8)
            surface = self.debye_hueckel(self.solvent.domain_radius * grid.directions)
            solution += grid.flat(grid.analyze(surface[..., None])) * response[..., 1]
        return solution

    def outer_decay(self, degree: int, r: np.ndarray, end: float) -> np.ndarray:
        """Potential of every harmonic in infinite solvent at radii r (P,) >= end, relative to end: (K, P)."""
        l = np.arange(degree + 1)[:, None]
        kappa = self.solvent.medium.kappa
        if kappa == 0:
            relative = (end / r) ** (l + 1)
        else:
            relative = spherical_kn(l, kappa * r) / spherical_kn(l, kappa * end)
        return relative[degrees_of(degree)]

    @property
    def _permittivity_ratio(self) -> float:
        return self.solvent.medium.solute_permittivity / self.solvent.medium.solvent_permittivity

    def _end_decay(self, degree: int, end: float) -> np.ndarray:
        """Decay rates -u'/u of all degrees, (L+1,), at the end of the mesh of infinite solvent."""
        l = np.arange(degree + 1)
        kappa = self.solvent.medium.kappa
        if kappa == 0:
            return (l + 1) / end
        return -kappa * spherical_kn(l, kappa * end, derivative=True) / spherical_kn(l, kappa * end)
