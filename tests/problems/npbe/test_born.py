"""One ion: its observables and its reference are those of the radial solution of its own parameters."""

import numpy as np
import pytest
import torch
from problems.npbe.probes import born, made_of

from pinnrun.problems.npbe.radial import solve_ion

OTHER = {
    "charge": -2.0,
    "radius": 2.5,
    "ion_radius": 1.0,
    "ion_window": 0.3,
    "solute_permittivity": 3.0,
    "solvent_permittivity": 60.0,
    "ionic_strength": 0.5,
    "temperature": 320.0,
    "domain_radius": 14.0,
}


@pytest.mark.parametrize("more", [{}, OTHER], ids=["default", "other"])
def test_every_parameter_reaches_the_reference(more):
    problem = born(**more)
    settings = {("window" if name == "ion_window" else name): value for name, value in more.items()}
    exact = solve_ion(**settings)
    assert problem.exact.reaction_potential == exact.reaction_potential
    direction = np.array([[1.0, 2.0, -2.0], [0.0, 0.0, 1.0]]) / [[3.0], [1.0]]
    at = direction * np.array([[problem.radius], [0.9 * problem.domain_radius]])
    assert np.allclose(problem.reference().field(at), exact.potential(np.linalg.norm(at, axis=1)), rtol=1e-12)


@pytest.mark.parametrize("more", [{}, OTHER], ids=["default", "other"])
def test_the_solution_s_observables_have_no_error(more):
    problem = born(**more)

    def solution(points, wanted):
        assert torch.equal(points.x[0], torch.zeros((1, 3), dtype=torch.float64))
        value = torch.full((1, 1), problem.exact.reaction_potential, dtype=torch.float64)
        return made_of(points, wanted, value, value, value)

    found = problem.observables(solution)
    assert list(found) == ["solvation_energy", "reaction_potential_1"]
    assert found["solvation_energy"].unit == "kJ/mol"
    for observable in found.values():
        assert observable.error < 1e-12
    energy = 0.5 * problem.charge * problem.exact.reaction_potential * 8.314462618e-3 * problem.temperature
    assert found["solvation_energy"].value == pytest.approx(energy, rel=1e-9)
    assert energy < -50


def test_an_ion_needs_a_charge():
    [line] = born(charge=0.0).problems()
    assert line.startswith("charge: zero")
    assert list(born().problems()) == []
