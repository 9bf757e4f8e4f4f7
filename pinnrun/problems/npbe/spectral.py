"""Point charges anywhere in one sphere: the nonlinear Poisson-Boltzmann equation in spherical harmonics.

The potential of the solvent is the linear (Debye-Hueckel) solution plus a correction v for the rest,

    Laplace v - kappa^2 lambda v = kappa^2 lambda (sinh phi - phi),   phi = phi_linear + v,

expanded in real spherical harmonics with coefficients on a radial Chebyshev mesh. Newton's method finds v,
with a Krylov method for its linear equations (Holst & Saied, J. Comput. Chem. 16, 337, 1995).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.problems.npbe.charged_sphere import ChargedSphere, solid_harmonics
from pinnrun.problems.npbe.chebyshev import RadialMesh
from pinnrun.problems.npbe.harmonics import SphereGrid, real_harmonics
from pinnrun.problems.npbe.ion_window import IonWindow
from pinnrun.problems.npbe.medium import Medium
from pinnrun.problems.npbe.newton_krylov import NewtonKrylov, latitudes_for
from pinnrun.problems.npbe.solvent import Solvent

_LINEAR_TAIL = 1e-9  # relative size to which the harmonics of the linear solution are followed down,
_HIGHEST_DEGREE = 96  # ... no further than this degree, though
_CORRECTION_TAIL = 1e-13  # relative size below which harmonics of the correction are left out
_RADIAL_TAIL = 1e-8  # last Chebyshev terms, relative to the potential, at which elements are halved
_REFINEMENTS = 2


@dataclass(frozen=True, eq=False)
class SphereSolution:
    """Potential of charges in a sphere, and their solvation energy.

    Attributes:
        reaction_potentials: total potential less Coulomb's in the solute, at every charge, shape (K,), kT/e.
        charge_energy: half the sum of charge times reaction potential, kJ/mol.
        ion_energy: what the mobile ions in the domain add to the energy (Solvent.energy_density integrated),
            kJ/mol; 0 if linear.
        energy: their sum, kJ/mol: that of the charges in the solvent minus that in an unbounded solute.
        accuracy: estimate of the largest error of any potential, kT/e.
        largest_potential: max |phi| in the solvent, on the grid of the solution, kT/e.
        sphere: the problem solved.
        mesh: radii of the solution.
        coefficients: of the solvent's potential, (C, N), kT/e: harmonics in flat order, nodes of the mesh.
        reaction_coefficients: of the reaction potential on the sphere, B_lm, (C,), kT/e.
    """

    reaction_potentials: np.ndarray
    charge_energy: float
    ion_energy: float
    energy: float
    accuracy: float
    largest_potential: float
    sphere: ChargedSphere
    mesh: RadialMesh
    coefficients: np.ndarray
    reaction_coefficients: np.ndarray

    @property
    def degree(self) -> int:
        """Highest degree of the harmonics."""
        return _degree(self.coefficients)

    def potential(self, x: ArrayLike) -> np.ndarray:
        """Potential in the solvent, kT/e, shape (P,).

        Args:
            x: (P, 3) points, angstrom, between the sphere and the end of the domain.

        Raises:
            ValueError: a point is outside the solvent.
        """
        points = np.asarray(x, dtype=float)
        infinite = self.sphere.solvent.domain_radius is None
        distance = np.linalg.norm(points, axis=1)
        on_mesh = self.mesh.clip(distance, infinite=infinite)
        result = np.empty(len(points))
        for chunk in self._chunks(len(points)):
            radial = self.mesh.interpolate(self.coefficients, on_mesh[chunk])
            beyond = distance[chunk] > self.mesh.edges[-1]
            if infinite and beyond.any():
                end = self.mesh.edges[-1]
                radial[:, beyond] *= self.sphere.outer_decay(self.degree, distance[chunk][beyond], end)
            result[chunk] = np.einsum("cp,cp->p", radial, real_harmonics(self.degree, points[chunk]))
        return result

    def reaction(self, x: ArrayLike) -> np.ndarray:
        """Reaction potential inside the sphere, kT/e, shape (P,).

        Args:
            x: (P, 3) points in the sphere, angstrom.

        Raises:
            ValueError: a point is outside the sphere.
        """
        points = np.asarray(x, dtype=float)
        if (np.linalg.norm(points, axis=1) > self.sphere.radius * (1 + 1e-9)).any():
            raise ValueError(f"the sphere reaches to |x| = {self.sphere.radius:g} angstrom")
        result = np.empty(len(points))
        for chunk in self._chunks(len(points)):
            solid = solid_harmonics(self.degree, points[chunk], self.sphere.radius)
            result[chunk] = self.reaction_coefficients @ solid
        return result

    def _chunks(self, points: int) -> list[slice]:
        """Slices of the points short enough for their table of harmonics to stay below 16 MB."""
        length = max(1, 2_000_000 // len(self.coefficients))
        return [slice(start, start + length) for start in range(0, points, length)]


def solve_sphere(
    charges: ArrayLike,
    positions: ArrayLike,
    *,
    radius: float = 4.0,
    ion_radius: float = 2.0,
    window: float = 0.5,
    solute_permittivity: float = 2.0,
    solvent_permittivity: float = 78.54,
    ionic_strength: float = 0.1,
    temperature: float = 298.15,
    domain_radius: float | None = 15.0,
    linear: bool = False,
    degree: int = 16,
    order: int = 16,
) -> SphereSolution:
    """Solve for point charges in a sphere around the origin.

    Args:
        charges: (K,), e.
        positions: (K, 3), angstrom, inside the sphere.
        radius: of the sphere, angstrom: the permittivity jumps there.
        ion_radius: of the mobile ions, angstrom (see IonWindow).
        window: half the width of the ion window, angstrom (see IonWindow).
        solute_permittivity: relative permittivity in the sphere.
        solvent_permittivity: relative permittivity outside.
        ionic_strength: of a 1:1 salt, mol/L.
        temperature: K.
        domain_radius: of the ball on whose surface the potential is the Debye-Hueckel sum
            lB sum q exp(-kappa d) / d over the charges at distances d, angstrom; None for infinite solvent.
        linear: solve the linearised equation (phi for sinh phi) instead.
        degree: highest degree of the harmonics of the nonlinear correction.
        order: polynomial degree in every radial element, 4 at least.

    Raises:
        UserError: a value is out of range, a charge is not inside the sphere, or Newton does not converge.
    """
    medium = Medium(solute_permittivity, solvent_permittivity, ionic_strength, temperature)
    solvent = Solvent(medium, IonWindow(radius, ion_radius, window), domain_radius)
    sphere = ChargedSphere(np.asarray(charges, dtype=float), np.asarray(positions, dtype=float), solvent)

    mesh = solvent.mesh(order, first=0.25 * radius)
    linear = linear or not solvent.screening(mesh.nodes[mesh.interior]).any()
    linear_part, correction = _expand(sphere, mesh, degree, linear=linear)
    for _ in range(_REFINEMENTS):
        coefficients = linear_part + correction
        coarse = _radial_tails(mesh, coefficients) > _RADIAL_TAIL * max(1.0, np.abs(coefficients).max())
        if not coarse.any():
            break
        mesh = mesh.split(coarse)
        linear_part, correction = _expand(sphere, mesh, degree, linear=linear)
    coefficients = linear_part + correction

    reaction = coefficients[:, 0] - sphere.multipoles(_degree(coefficients))
    reaction_potentials = reaction @ solid_harmonics(_degree(coefficients), sphere.positions, radius)
    charge_energy = 0.5 * float(sphere.charges @ reaction_potentials) * medium.thermal_energy
    ion_energy, largest = _sample(sphere, mesh, coefficients, degree, linear=linear)
    ion_energy *= medium.thermal_energy
    return SphereSolution(
        reaction_potentials=reaction_potentials,
        charge_energy=charge_energy,
        ion_energy=ion_energy,
        energy=charge_energy + ion_energy,
        accuracy=_accuracy(sphere, mesh, linear_part, correction, degree),
        largest_potential=largest,
        sphere=sphere,
        mesh=mesh,
        coefficients=coefficients,
        reaction_coefficients=reaction,
    )


def _expand(sphere: ChargedSphere, mesh: RadialMesh, degree: int, *, linear: bool) -> tuple[np.ndarray, np.ndarray]:
    """Flat coefficients (K, N) of the linear solution, to the degree it needs, and of the correction."""
    linear_degree = min(sphere.degree_for(_LINEAR_TAIL), _HIGHEST_DEGREE)
    linear_part = sphere.linear_solution(mesh, max(degree, linear_degree))
    correction = np.zeros_like(linear_part)
    if not linear:
        correction_degree = min(degree, sphere.degree_for(_CORRECTION_TAIL))
        newton = NewtonKrylov(sphere, mesh, linear_part, correction_degree)
        correction[: (correction_degree + 1) ** 2] = newton.solve()
    return linear_part, correction


def _sample(
    sphere: ChargedSphere, mesh: RadialMesh, coefficients: np.ndarray, degree: int, *, linear: bool
) -> tuple[float, float]:
    """Energy of the mobile ions in kT, and the largest size of the potential in the solvent in kT/e."""
    r, weights = mesh.quadrature()
    grid = SphereGrid(_degree(coefficients), latitudes_for(degree))
    potential = grid.synthesize(grid.table(mesh.interpolate(coefficients, r)))
    largest = float(np.abs(potential).max())
    if linear:
        return 0.0, largest
    shells = 4 * math.pi * r**2 * grid.mean(sphere.solvent.energy_density(r, potential))
    return float(shells @ weights), largest


def _accuracy(
    sphere: ChargedSphere, mesh: RadialMesh, linear: np.ndarray, correction: np.ndarray, degree: int
) -> float:
    """What the harmonics left out and the radial mesh miss, judged by the last ones kept, kT/e."""
    ratio = sphere.eccentricity
    remainder = ratio / (1 - ratio)  # sum of all further terms of a geometric series, relative to the last one
    last = _degree(linear)
    linear_tail = _sizes(linear)[-1].max() * remainder
    reaction = linear[:, :1] - sphere.multipoles(last)[:, None]
    reaction_tail = _sizes(reaction)[-1].max() * ratio**last * remainder
    # For charges symmetric to the centre every second degree is empty.
    correction_tail = _sizes(correction)[max(degree - 1, 0) : degree + 1].sum(axis=0).max() * remainder
    # Where steep, the solution is off by somewhat more than what is left out of it.
    radial = 3 * _radial_tails(mesh, linear + correction).max()
    rounding = mesh.slope_rounding() * sphere.radius * np.abs(linear).max()
    return float(linear_tail + reaction_tail + correction_tail + radial + rounding)


def _radial_tails(mesh: RadialMesh, coefficients: np.ndarray) -> np.ndarray:
    """Bound on the last Chebyshev terms of the potential in every element, (E,), kT/e."""
    return _sizes(mesh.tails(coefficients)).sum(axis=0)


def _sizes(coefficients: np.ndarray) -> np.ndarray:
    """Bound on the sum over m of the harmonics of each degree anywhere on the sphere, (L+1, N) from (K, N).

    By the addition theorem it is sqrt((2l+1) / (4 pi) sum_m c_lm^2).
    """
    l = np.arange(_degree(coefficients) + 1)
    squares = np.add.reduceat(coefficients**2, l**2, axis=0)
    return np.sqrt((2 * l + 1)[:, None] / (4 * math.pi) * squares)


def _degree(coefficients: np.ndarray) -> int:
    """Highest degree of flat coefficients (K, ...)."""
    return math.isqrt(len(coefficients)) - 1
