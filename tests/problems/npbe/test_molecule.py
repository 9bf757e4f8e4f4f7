"""Point charges in a sphere: observables, reference and the checks of what is asked for."""

import numpy as np
import pytest
import torch
from problems.npbe.probes import made_of, molecule

from pinnrun.problems.npbe.spectral import solve_sphere

OTHER = {
    "charges": (2.0, -1.0),
    "positions": ((0.5, 0.0, 1.0), (-1.0, 0.2, 0.0)),
    "radius": 3.0,
    "ion_radius": 1.5,
    "ion_window": 0.4,
    "solute_permittivity": 4.0,
    "solvent_permittivity": 70.0,
    "ionic_strength": 0.3,
    "temperature": 310.0,
    "domain_radius": 12.0,
}


def test_every_parameter_reaches_the_reference():
    problem = molecule(**OTHER)
    settings = {("window" if name == "ion_window" else name): value for name, value in OTHER.items()}
    exact = solve_sphere(settings.pop("charges"), settings.pop("positions"), **settings)
    at = np.array([[3.0, 0.0, 0.0], [0.0, -5.0, 1.0], [0.0, 0.0, 11.9]])
    assert np.array_equal(problem.reference().field(at), exact.potential(at))
    assert np.array_equal(problem.exact.reaction_potentials, exact.reaction_potentials)


def test_the_solution_s_observables_have_no_error():
    problem = molecule(**OTHER)

    def solution(points, wanted):
        assert np.array_equal(points.x[0].numpy(), OTHER["positions"])
        value = torch.as_tensor(problem.exact.reaction(points.x[0].numpy()))[None]
        return made_of(points, wanted, value, value, value)

    found = problem.observables(solution)
    assert list(found) == ["solvation_energy", "reaction_potential_1", "reaction_potential_2"]
    for observable in found.values():
        assert observable.error < 1e-9
    potentials = [found[f"reaction_potential_{number}"].value for number in (1, 2)]
    energy = 0.5 * np.dot(OTHER["charges"], potentials) * 8.314462618e-3 * OTHER["temperature"]
    assert found["solvation_energy"].value == pytest.approx(energy, rel=1e-9)


@pytest.mark.parametrize(
    ("more", "begins"),
    [
        ({"charges": (1.0,)}, "positions: 4 places for 1 charges"),
        ({"charges": (0.0, 0.0, 0.0, 0.0)}, "charges: all zero"),
        ({"radius": 2.0}, "positions: charge 4 is 2.03 Å from the centre; keep it within 0.9 radius = 1.8 Å"),
        ({"domain_radius": 5.0}, "domain_radius: 5 Å leaves no room"),
    ],
)
def test_molecules_that_make_no_sense(more, begins):
    assert any(line.startswith(begins) for line in molecule(**more).problems())


def test_the_default_makes_sense():
    assert list(molecule().problems()) == []
