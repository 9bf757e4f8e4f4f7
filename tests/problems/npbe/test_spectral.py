from itertools import pairwise

import numpy as np
import pytest
from problems.npbe.kirkwood import Kirkwood
from scipy.spatial.transform import Rotation

from pinnrun.errors import UserError
from pinnrun.problems.npbe.constants import thermal_energy
from pinnrun.problems.npbe.medium import Medium
from pinnrun.problems.npbe.radial import solve_ion
from pinnrun.problems.npbe.spectral import solve_sphere

FOUR_CHARGES = np.array([1.0, -1.0, 1.0, 1.0])
FOUR_POSITIONS = np.array([[1.5, 0.5, 0.3], [-1.0, 1.2, -0.8], [0.2, -1.6, 1.1], [-0.6, -0.4, -1.9]])
CENTRE = np.zeros((1, 3))


def four(charges=FOUR_CHARGES, positions=FOUR_POSITIONS, **case):
    return solve_sphere(charges, positions, **case)


def shell(count, inner, outer, seed=0):
    """Random points between two radii."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    return x * (rng.uniform(inner, outer, count) / np.linalg.norm(x, axis=1))[:, None]


# -- one ion in the centre: the radial solver


@pytest.mark.parametrize("charge", [1.0, 2.0, -5.0])
@pytest.mark.parametrize(
    "case",
    [
        {},
        {"ion_radius": 0.0},
        {"window": 0.0},
        {"ion_radius": 0.3},
        {"domain_radius": None},
        {"domain_radius": 5.0},
        {"domain_radius": 6.1},
        {"domain_radius": 6.0, "window": 0.0},
        {"ionic_strength": 0.0},
        {"ionic_strength": 0.0, "domain_radius": None},
        {"radius": 2.0, "domain_radius": 12.0, "solute_permittivity": 1.0},
    ],
)
def test_centred_ion(charge, case):
    case = {"radius": 4.0, "domain_radius": 15.0, **case}
    solution, radial = solve_sphere([charge], CENTRE, **case), solve_ion(charge=charge, **case)
    assert solution.reaction_potentials == pytest.approx([radial.reaction_potential], abs=1e-8)
    assert solution.energy == pytest.approx(radial.energy, rel=1e-9)
    assert solution.ion_energy == pytest.approx(radial.ion_energy, rel=1e-7)
    r = np.linspace(case["radius"], case["domain_radius"] or 400.0, 30)
    potential = solution.potential(r[:, None] * np.array([0.48, -0.6, 0.64]))
    assert potential == pytest.approx(radial.potential(r), abs=1e-8)
    # largest_potential is that on the grid of the solution, which has no points on the sphere itself.
    assert solution.largest_potential == pytest.approx(abs(float(radial.potential(r[0]))), rel=0.02)


def test_strongly_charged_ion():
    solution = solve_sphere([30.0], CENTRE)
    radial = solve_ion(charge=30.0, radius=4.0, domain_radius=15.0)
    assert solution.reaction_potentials == pytest.approx([radial.reaction_potential], abs=1e-6)


# -- the linear equation: Kirkwood's series


@pytest.mark.parametrize("ionic_strength", [0.0, 0.1])
@pytest.mark.parametrize("ion_radius", [0.0, 2.0])
def test_linear_equation_is_kirkwoods(ion_radius, ionic_strength):
    medium = Medium(ionic_strength=ionic_strength)
    oracle = Kirkwood(FOUR_CHARGES, FOUR_POSITIONS, 4.0, ion_radius, medium, degree=60)
    solution = four(ion_radius=ion_radius, window=0.0, ionic_strength=ionic_strength, domain_radius=None, linear=True)
    assert solution.reaction_potentials == pytest.approx(oracle.reaction_at(FOUR_POSITIONS), abs=1e-9)
    inside, outside = shell(20, 0.0, 3.9), shell(40, 6.0, 600.0)
    assert solution.reaction(inside) == pytest.approx(oracle.reaction_at(inside), abs=3e-8)
    assert solution.potential(outside) == pytest.approx(oracle.potential_at(outside), abs=1e-9)
    assert solution.ion_energy == 0
    assert solution.energy == solution.charge_energy


def test_linear_charge_near_the_surface():
    # The linear part is followed to the degree it needs, not to that of the nonlinear correction.
    charges, positions = [1.0, -0.5], [[0.0, 0.0, 3.4], [1.0, 2.0, -1.0]]
    oracle = Kirkwood(charges, positions, 4.0, 2.0, Medium(), degree=100)
    solution = solve_sphere(charges, positions, window=0.0, domain_radius=None, linear=True, degree=4)
    assert solution.reaction_potentials == pytest.approx(oracle.reaction_at(positions), rel=1e-9)


# -- the nonlinear equation

# Computed once with another program (dense transforms, degrees 16, 24 and 30 agreeing to 1e-9): the reaction
# potentials, half charges times potentials, ion energy and energy in kJ/mol.
TABLE = {
    "ball": (
        {},
        [-146.67020299, -111.304868134, -160.239881332, -140.564392193],
        (-416.675006918, 0.057626897, -416.617380021),
    ),
    "linear": (
        {"linear": True},
        [-146.636588638, -111.281765485, -160.200790241, -140.534673213],
        (-416.576689282, 0.0, -416.576689282),
    ),
    "large ball, sharp window": (
        {"domain_radius": 80.0, "window": 0.0},
        [-146.6552185, -111.29449757, -160.22305106, -140.55091047],
        (-416.63171699, 0.06104929, -416.57066770),
    ),
    "large ball, salt at the surface": (
        {"domain_radius": 80.0, "ion_radius": 0.0},
        [-146.93861717, -111.48758515, -160.5623191, -140.8070892],
        (-417.48169914, 0.29311016, -417.18858898),
    ),
}


@pytest.mark.parametrize(("case", "reaction", "energies"), TABLE.values(), ids=TABLE.keys())
def test_tabulated(case, reaction, energies):
    solution = four(**case)
    found = (solution.charge_energy, solution.ion_energy, solution.energy)
    assert solution.reaction_potentials == pytest.approx(reaction, rel=1e-9)
    assert found == pytest.approx(energies, abs=2e-8)


@pytest.mark.parametrize("case", [{}, {"ion_radius": 0.0}, {"ion_radius": 0.3, "domain_radius": None}])
def test_potential_satisfies_the_equation_pointwise(case):
    solution = four(**case, degree=24, order=20)
    step = 0.02
    centres = shell(60, 4.1, 8.0)
    shifts = step * np.concatenate([np.zeros((1, 3)), *(n * np.eye(3) for n in (1, -1, 2, -2))])
    values = solution.potential((centres[:, None] + shifts).reshape(-1, 3)).reshape(len(centres), -1)
    # Fourth-order central differences: (-1, 16, -30, 16, -1) / 12 h^2 in each direction.
    near, far = values[:, 1:7].sum(axis=1), values[:, 7:].sum(axis=1)
    laplacian = (16 * near - far - 90 * values[:, 0]) / (12 * step**2)
    solvent = solution.sphere.solvent
    right = solvent.screening(np.linalg.norm(centres, axis=1)) * np.sinh(values[:, 0])
    assert laplacian == pytest.approx(right, abs=2e-7)
    assert np.abs(right).max() > 0.02


def test_potential_and_displacement_are_continuous_at_the_sphere():
    solution = four()
    normal = shell(30, 1.0, 1.0, seed=1)
    solute = solution.sphere.solvent.medium.solute_bjerrum

    def inside(x):
        distance = np.linalg.norm(x[:, None] - FOUR_POSITIONS, axis=-1)
        return solute * (FOUR_CHARGES / distance).sum(axis=1) + solution.reaction(x)

    assert solution.potential(4 * normal) == pytest.approx(inside(4 * normal), abs=1e-7)
    h = 1e-3
    weights, offsets = np.array([-11 / 6, 3, -3 / 2, 1 / 3]) / h, h * np.arange(4)
    slope_out = sum(w * solution.potential((4 + s) * normal) for w, s in zip(weights, offsets, strict=True))
    slope_in = -sum(w * inside((4 - s) * normal) for w, s in zip(weights, offsets, strict=True))
    assert 78.54 * slope_out == pytest.approx(2 * slope_in, abs=2e-4 * np.abs(2 * slope_in).max())


def test_potential_on_the_ball_is_the_debye_hueckel_sum():
    solution = four()
    points = shell(20, 15.0, 15.0)
    medium = solution.sphere.solvent.medium
    distance = np.linalg.norm(points[:, None] - FOUR_POSITIONS, axis=-1)
    expected = medium.solvent_bjerrum * (FOUR_CHARGES * np.exp(-medium.kappa * distance) / distance).sum(axis=1)
    assert solution.potential(points) == pytest.approx(expected, abs=1e-10)


def test_charging_gives_the_energy():
    charges, positions = np.array([3.0, -1.0]), np.array([[0.0, 1.0, 1.5], [0.5, -1.0, 0.0]])
    case = {"domain_radius": None, "window": 0.2}
    part, weight = np.polynomial.legendre.leggauss(6)
    work = [charges @ solve_sphere(charges * (1 + x) / 2, positions, **case).reaction_potentials for x in part]
    expected = (weight / 2) @ work * thermal_energy(298.15)
    solution = solve_sphere(charges, positions, **case)
    assert solution.energy == pytest.approx(expected, rel=1e-9)
    assert solution.ion_energy > 1e-3


# -- symmetries


def test_opposite_charges_have_the_opposite_potential():
    plus, minus = four(), four(-FOUR_CHARGES)
    x = shell(10, 4.0, 15.0)
    assert minus.energy == pytest.approx(plus.energy, rel=1e-13)
    assert minus.potential(x) == pytest.approx(-plus.potential(x), abs=1e-12)
    assert minus.reaction_potentials == pytest.approx(-plus.reaction_potentials, rel=1e-13)


def test_rotation_leaves_energies_and_turns_potentials():
    turn = Rotation.from_rotvec([0.3, -1.1, 0.7])
    solution, turned = four(), four(positions=turn.apply(FOUR_POSITIONS))
    assert turned.energy == pytest.approx(solution.energy, rel=1e-10)
    assert turned.ion_energy == pytest.approx(solution.ion_energy, rel=1e-6)
    x = shell(10, 4.0, 15.0)
    assert turned.potential(turn.apply(x)) == pytest.approx(solution.potential(x), abs=1e-7)


def test_order_of_charges_does_not_matter():
    backwards = four(FOUR_CHARGES[::-1], FOUR_POSITIONS[::-1])
    assert backwards.reaction_potentials[::-1] == pytest.approx(four().reaction_potentials, rel=1e-12)


def test_charge_may_be_split_into_parts():
    split = four([0.25, 0.75, -1.0, 1.0, 1.0], FOUR_POSITIONS[[0, 0, 1, 2, 3]])
    assert split.energy == pytest.approx(four().energy, rel=1e-12)


# -- accuracy


def test_convergence_in_the_degree():
    best = four(ion_radius=0.0, degree=26, order=20)
    x = shell(100, 4.0, 15.0)
    errors = [
        np.abs(four(ion_radius=0.0, degree=degree).potential(x) - best.potential(x)).max() for degree in (4, 8, 12, 16)
    ]
    assert errors[-1] < 2e-5
    assert all(finer < coarser / 4 for coarser, finer in pairwise(errors))


@pytest.mark.parametrize(
    ("charges", "positions", "case"),
    [
        (FOUR_CHARGES, FOUR_POSITIONS, {}),
        (FOUR_CHARGES, FOUR_POSITIONS, {"ion_radius": 0.0}),
        (FOUR_CHARGES, FOUR_POSITIONS, {"degree": 6}),
        (FOUR_CHARGES, FOUR_POSITIONS, {"order": 8}),
        ([8.0, 3.0], [[0.0, 0.0, 1.0], [1.0, -1.0, 0.0]], {"ion_radius": 0.0, "ionic_strength": 1.0}),
        ([1.0, 1.0], [[0.0, 0.0, 2.5], [0.0, 0.0, -2.5]], {}),
        ([-2.0], [[0.0, 3.2, 0.0]], {"domain_radius": 8.0}),
    ],
)
def test_accuracy_bounds_the_difference_to_a_finer_solution(charges, positions, case):
    solution = solve_sphere(charges, positions, **case)
    finer = solve_sphere(charges, positions, **{**case, "degree": 24, "order": 20})
    x = shell(300, 4.0, 8.0)
    outside = solution.potential(x) - finer.potential(x)
    inside = solution.reaction_potentials - finer.reaction_potentials
    error = np.abs(np.concatenate([outside, inside])).max()
    assert error <= 2 * (solution.accuracy + finer.accuracy)
    assert error < 0.1


def test_outside_its_region_there_is_no_potential():
    solution = four()
    with pytest.raises(ValueError, match="from r = 4 to 15"):
        solution.potential([[3.9, 0.0, 0.0]])
    with pytest.raises(ValueError, match="from r = 4 to 15"):
        solution.potential([[0.0, 15.1, 0.0]])
    with pytest.raises(ValueError, match="reaches to"):
        solution.reaction([[0.0, 0.0, 4.1]])


def test_many_points_are_taken_in_portions():
    solution = four(degree=4)
    x = shell(5000, 4.0, 15.0)
    assert len(x) > 2_000_000 // len(solution.coefficients)
    few = np.concatenate([solution.potential(part) for part in np.array_split(x, 50)])
    assert solution.potential(x) == pytest.approx(few, abs=1e-13)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"radius": 1.0}, "Charge 4 lies"),
        ({"domain_radius": 3.0}, "domain_radius"),
        ({"window": -1.0}, "window"),
        ({"solvent_permittivity": 0.0}, "solvent_permittivity"),
    ],
)
def test_values_out_of_range_are_named(wrong, message):
    with pytest.raises(UserError, match=message):
        four(**wrong)
