"""Any point charges in one spherical solute; the default is a sphere of 4 Å with four charges. Reference: spectral."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import dist

import numpy as np

from pinnrun.calculus import Derivatives
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.npbe.formulation import SphericalSolute
from pinnrun.problems.npbe.spectral import SphereSolution, solve_sphere
from pinnrun.settings import setting


@dataclass(frozen=True)
class Npbe(SphericalSolute):
    """The nonlinear Poisson-Boltzmann equation of charges inside a sphere."""

    charges: tuple[float, ...] = setting((1.0, -1.0, 1.0, 1.0), unit="e", help="the point charges")
    positions: tuple[tuple[float, float, float], ...] = setting(
        ((1.5, 0.5, 0.3), (-1.0, 1.2, -0.8), (0.2, -1.6, 1.1), (-0.6, -0.4, -1.9)),
        unit="Å",
        help="where they sit, the sphere's centre being the origin",
    )

    def problems(self) -> Iterator[str]:
        """Combinations that make no sense."""
        yield from super().problems()
        if len(self.charges) != len(self.positions):
            yield f"positions: {len(self.positions)} places for {len(self.charges)} charges; give one each"
        if not any(self.charges):
            yield "charges: all zero, so there is no potential; give at least one that is not"
        for number, position in enumerate(self.positions, 1):
            if dist(position, (0, 0, 0)) > 0.9 * self.radius:
                yield (
                    f"positions: charge {number} is {dist(position, (0, 0, 0)):.3g} Å from the centre; "
                    f"keep it within 0.9 radius = {0.9 * self.radius:.3g} Å"
                )

    @property
    def molecule(self) -> tuple[tuple[float, ...], tuple[tuple[float, float, float], ...]]:
        return self.charges, self.positions

    @cached_property
    def exact(self) -> SphereSolution:
        """The spectral solution of these very parameters."""
        return solve_sphere(self.charges, self.positions, **self.surroundings)

    def reference(self) -> Reference:
        return Reference(self.exact.potential, "spherical harmonics x Chebyshev, Newton-GMRES")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The solvation energy ½Σqφ and the reaction potential at every charge."""
        reaction = solution(self.at_charges(), Derivatives()).value[0, :, 0].cpu().double().numpy()
        energy = 0.5 * float(np.dot(self.charges, reaction)) * self.energy_unit
        found = {"solvation_energy": Observable(energy, "kJ/mol", self.exact.charge_energy)}
        for number, (value, exact) in enumerate(zip(reaction, self.exact.reaction_potentials, strict=True), 1):
            found[f"reaction_potential_{number}"] = Observable(float(value), "kT/e", float(exact))
        return found
