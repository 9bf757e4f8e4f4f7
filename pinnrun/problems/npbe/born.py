"""One ion at the centre of its sphere (the Born ion in salt water), solved in three dimensions. Reference: radial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnrun.calculus import Derivatives
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.npbe.formulation import SphericalSolute
from pinnrun.problems.npbe.radial import RadialSolution, solve_ion
from pinnrun.settings import setting


@dataclass(frozen=True)
class NpbeBorn(SphericalSolute):
    """The nonlinear Poisson-Boltzmann equation of a single ion."""

    radius: float = setting(2.0, unit="Å", min=0.1, help="radius of the ion")
    domain_radius: float = setting(12.0, unit="Å", min=0.2, help="radius of the ball of electrolyte")
    charge: float = setting(1.0, unit="e", help="the ion's charge")

    def problems(self) -> Iterator[str]:
        """Combinations that make no sense."""
        yield from super().problems()
        if self.charge == 0:
            yield "charge: zero, so there is no potential; give another"

    @property
    def molecule(self) -> tuple[tuple[float, ...], tuple[tuple[float, float, float], ...]]:
        return (self.charge,), ((0.0, 0.0, 0.0),)

    @cached_property
    def exact(self) -> RadialSolution:
        """The radial solution of these very parameters."""
        return solve_ion(charge=self.charge, **self.surroundings)

    def reference(self) -> Reference:
        return Reference(lambda x: self.exact.potential(np.linalg.norm(x, axis=1)), "radial Chebyshev elements, Newton")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The solvation energy ½qφ and the reaction potential at the ion."""
        reaction = float(solution(self.at_charges(), Derivatives()).value[0, 0, 0])
        energy = 0.5 * self.charge * reaction * self.energy_unit
        return {
            "solvation_energy": Observable(energy, "kJ/mol", self.exact.charge_energy),
            "reaction_potential_1": Observable(reaction, "kT/e", self.exact.reaction_potential),
        }
