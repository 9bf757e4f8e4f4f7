"""One ion at the centre of a sphere: the nonlinear Poisson-Boltzmann equation in the radius, to rounding.

With phi = z lB / r + u in the solvent (lB the Bjerrum length there), the equation of the solvent and the
conditions at the sphere, where potential and displacement are continuous, become

    u'' + (2/r) u' = kappa^2 lambda(r) sinh(z lB / r + u),   u'(radius) = 0,

with phi = z lB exp(-kappa R) / R at the end R of the domain, or in infinite solvent. The reaction potential
inside is constant, z lB (1 - eps_solvent / eps_solute) / radius + u(radius).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.errors import UserError
from pinnrun.problems.npbe.chebyshev import RadialMesh, solve_rows
from pinnrun.problems.npbe.ion_window import IonWindow
from pinnrun.problems.npbe.medium import Medium
from pinnrun.problems.npbe.solvent import Solvent, charge_doublings

_TOLERANCE = 1e-11  # of the Chebyshev tails, relative to the largest |u|
_COARSE_TOLERANCE = 1e-3  # the same on the way to the full charge
_REFINEMENTS = 20
_ITERATIONS = 50


@dataclass(frozen=True, eq=False)
class RadialSolution:
    """Potential of an ion in the centre of a sphere, and its solvation energy.

    Attributes:
        reaction_potential: total potential at the ion less Coulomb's in the solute, kT/e.
        charge_energy: half the charge times the reaction potential, kJ/mol.
        ion_energy: what the mobile ions in the domain add to the energy (Solvent.energy_density integrated),
            kJ/mol; 0 if linear.
        energy: their sum, kJ/mol: that of the ion in the solvent minus that in an unbounded solute.
        accuracy: estimate of the largest error of the potential, kT/e.
        charge: of the ion, e.
        solvent: the surroundings.
        mesh: radii of the solution.
        correction: u at the nodes of the mesh, shape (N,), kT/e.
    """

    reaction_potential: float
    charge_energy: float
    ion_energy: float
    energy: float
    accuracy: float
    charge: float
    solvent: Solvent
    mesh: RadialMesh
    correction: np.ndarray

    def potential(self, r: ArrayLike) -> np.ndarray:
        """Potential in the solvent, kT/e.

        Args:
            r: distances from the centre, any shape, angstrom; radius <= r, and within the domain.

        Raises:
            ValueError: a distance is outside the solvent.
        """
        distance = np.atleast_1d(np.asarray(r, dtype=float))
        on_mesh = self.mesh.clip(distance, infinite=self.solvent.domain_radius is None)
        coulomb = self.charge * self.solvent.medium.solvent_bjerrum / on_mesh
        value = coulomb + self.mesh.interpolate(self.correction, on_mesh.ravel()).reshape(on_mesh.shape)
        # Beyond the mesh of infinite solvent the potential goes on like exp(-kappa r) / r.
        value *= on_mesh / distance * np.exp(-self.solvent.medium.kappa * (distance - on_mesh))
        return value.reshape(np.shape(r))

    def reaction(self, r: ArrayLike) -> np.ndarray:
        """Reaction potential in the sphere, kT/e, at distances r of any shape: it is the same everywhere."""
        return np.full(np.shape(r), self.reaction_potential)


def solve_ion(
    *,
    charge: float = 1.0,
    radius: float = 2.0,
    ion_radius: float = 2.0,
    window: float = 0.5,
    solute_permittivity: float = 2.0,
    solvent_permittivity: float = 78.54,
    ionic_strength: float = 0.1,
    temperature: float = 298.15,
    domain_radius: float | None = 12.0,
    linear: bool = False,
    order: int = 20,
) -> RadialSolution:
    """Solve for one ion at the centre of a sphere.

    Chebyshev collocation in elements that are halved until they resolve the potential; Newton's method, from
    the solution of the linear equation or, for a large charge, from that of a smaller one.

    Args:
        charge: of the ion, e; any sign, whole or not.
        radius: of the sphere, angstrom: the permittivity jumps there.
        ion_radius: of the mobile ions, angstrom (see IonWindow).
        window: half the width of the ion window, angstrom (see IonWindow).
        solute_permittivity: relative permittivity in the sphere.
        solvent_permittivity: relative permittivity outside.
        ionic_strength: of a 1:1 salt, mol/L.
        temperature: K.
        domain_radius: of the ball with the Debye-Hueckel potential z lB exp(-kappa R) / R on its surface,
            angstrom; None for infinite solvent.
        linear: solve the linearised equation (phi for sinh phi) instead.
        order: polynomial degree in every element, 4 at least.

    Raises:
        UserError: a value is out of range, or Newton's method does not converge.
    """
    medium = Medium(solute_permittivity, solvent_permittivity, ionic_strength, temperature)
    solvent = Solvent(medium, IonWindow(radius, ion_radius, window), domain_radius)
    if not math.isfinite(charge):
        raise UserError(f"charge = {charge:g}, but it has to be a number.")
    linear = linear or medium.kappa == 0

    equation = _Equation(charge, solvent)
    mesh, correction = equation.solve_linear(order) if linear else equation.solve(order)
    reaction = charge * (medium.solvent_bjerrum - medium.solute_bjerrum) / radius + float(correction[0])
    charge_energy = 0.5 * charge * reaction * medium.thermal_energy
    ion_energy = 0.0 if linear else equation.ion_energy(mesh, correction) * medium.thermal_energy
    return RadialSolution(
        reaction_potential=reaction,
        charge_energy=charge_energy,
        ion_energy=ion_energy,
        energy=charge_energy + ion_energy,
        accuracy=_accuracy(mesh, correction),
        charge=charge,
        solvent=solvent,
        mesh=mesh,
        correction=correction,
    )


def _accuracy(mesh: RadialMesh, correction: np.ndarray) -> float:
    """What the mesh does not resolve, and the rounding of slopes carried over the radius."""
    rounding = mesh.slope_rounding() * mesh.edges[0] * np.abs(correction).max()
    return float(mesh.tails(correction).max() + rounding)


@dataclass(frozen=True)
class _Equation:
    """The boundary-value problem of u, to be discretised on whatever mesh."""

    charge: float
    solvent: Solvent

    def solve_linear(self, order: int) -> tuple[RadialMesh, np.ndarray]:
        """Mesh and u of the linearised equation."""
        first = self.solvent.mesh(order, first=0.5 * self.solvent.radius)
        return self._refine(first, None, _TOLERANCE)

    def solve(self, order: int) -> tuple[RadialMesh, np.ndarray]:
        """Mesh and u of the nonlinear equation, doubling the charge up to its full size."""
        mesh, guess = self.solve_linear(order)
        doublings = charge_doublings(float(np.abs(self._potential(mesh, guess)).max()))
        guess = guess / 2**doublings
        for doubling in range(doublings, 0, -1):
            part = replace(self, charge=self.charge / 2**doubling)
            mesh, correction = part._refine(mesh, guess, _COARSE_TOLERANCE)
            guess = 2 * correction
        return self._refine(mesh, guess, _TOLERANCE)

    def ion_energy(self, mesh: RadialMesh, correction: np.ndarray) -> float:
        """Energy of the mobile ions, kT."""
        r, weights = mesh.quadrature()
        potential = self.charge * self.solvent.medium.solvent_bjerrum / r + mesh.interpolate(correction, r)
        return float((4 * math.pi * r**2 * self.solvent.energy_density(r, potential)) @ weights)

    def _refine(self, first: RadialMesh, guess: np.ndarray | None, tolerance: float) -> tuple[RadialMesh, np.ndarray]:
        """Halve elements until the solution has Chebyshev tails below the tolerance everywhere.

        Newton starts every time from the guess, (N,) on the first mesh; None asks for the linear equation.
        """
        mesh = first
        for _ in range(_REFINEMENTS):
            if guess is None:
                correction = self._newton_step(mesh, None)
            else:
                correction = self._newton(mesh, first.interpolate(guess, mesh.nodes))
            coarse = mesh.tails(correction) > tolerance * max(1.0, np.abs(correction).max())
            if not coarse.any():
                return mesh, correction
            mesh = mesh.split(coarse)
        raise self._failure()

    def _newton(self, mesh: RadialMesh, correction: np.ndarray) -> np.ndarray:
        """The solution u at the nodes by Newton's method from a first guess (N,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(_ITERATIONS):
                update = self._newton_step(mesh, correction) - correction
                correction = correction + update
                if not np.isfinite(update).all():
                    break
                # Newton converges quadratically: the error left behind is far below this step.
                if np.abs(update).max() <= 1e-9 * max(1.0, np.abs(correction).max()):
                    return correction
        raise self._failure()

    def _newton_step(self, mesh: RadialMesh, correction: np.ndarray | None) -> np.ndarray:
        """One Newton iterate: u of the equation with sinh replaced by its tangent at the present potential.

        Without a present u the tangent is that at 0: the linear equation.
        """
        screening = self.solvent.screening(mesh.nodes)
        if correction is None:
            rest = self._potential(mesh, np.zeros_like(mesh.nodes))
            slope = np.ones_like(rest)
        else:
            potential = self._potential(mesh, correction)
            slope = np.cosh(potential)
            rest = np.sinh(potential) - slope * correction
        rows = np.where(mesh.interior, screening * rest, 0.0)
        decay, rows[-1] = self._outer_condition(mesh)
        matrix = mesh.operator(screening * slope, inner=0.0, outer=decay)
        return solve_rows(matrix, rows[:, None])[:, 0]

    def _potential(self, mesh: RadialMesh, correction: np.ndarray) -> np.ndarray:
        """Total potential at the nodes that ions reach, 0 elsewhere."""
        total = self.charge * self.solvent.medium.solvent_bjerrum / mesh.nodes + correction
        return np.where(self.solvent.screening(mesh.nodes) > 0, total, 0.0)

    def _outer_condition(self, mesh: RadialMesh) -> tuple[float | None, float]:
        """Decay rate d and right-hand side of u' + d u = rhs at the end; rate None stands for u = rhs."""
        end, kappa = mesh.edges[-1], self.solvent.medium.kappa
        coulomb = self.charge * self.solvent.medium.solvent_bjerrum / end
        if self.solvent.domain_radius is not None:
            return None, coulomb * math.expm1(-kappa * end)
        # phi' = -(kappa + 1/r) phi, the decay of exp(-kappa r) / r, with phi = coulomb + u
        return kappa + 1 / end, -kappa * coulomb

    def _failure(self) -> UserError:
        return UserError(
            "No reference solution: Newton's method does not converge for so large a charge in\n"
            f"a sphere of radius = {self.solvent.radius:g} angstrom. Take a smaller charge, a larger radius\n"
            "or, where the domain ends close to the sphere, a larger domain_radius."
        )
