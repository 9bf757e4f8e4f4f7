import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, solve_bvp
from scipy.special import betainc

from pinnrun.errors import UserError
from pinnrun.problems.npbe.constants import bjerrum_length, debye_kappa, thermal_energy
from pinnrun.problems.npbe.radial import solve_ion

# Water and salt of every default case: eps 78.54, 0.1 mol/L, 298.15 K.
BJERRUM = bjerrum_length(298.15) / 78.54
KAPPA = debye_kappa(0.1, 298.15, 78.54)


def beta_window(r, radius, ion_radius, width):
    """The ion window from its other definition, as an incomplete beta function."""
    return betainc(4, 4, np.clip((r - radius - ion_radius + width) / (2 * width), 0, 1))


@pytest.mark.parametrize("charge", [1.0, -2.0, 5.0])
@pytest.mark.parametrize(("ion_radius", "width"), [(2.0, 0.5), (0.4, 0.5)])
def test_against_scipy_bvp(charge, ion_radius, width):
    solution = solve_ion(charge=charge, ion_radius=ion_radius, window=width)
    start, end = 2.0, 12.0

    def equation(r, y):
        salt = KAPPA**2 * beta_window(r, start, ion_radius, width)
        return np.stack([y[1], salt * np.sinh(y[0]) - 2 / r * y[1]])

    def conditions(inner, outer):
        surface_slope = -charge * BJERRUM / start**2
        end_value = charge * BJERRUM * math.exp(-KAPPA * end) / end
        return np.array([inner[1] - surface_slope, outer[0] - end_value])

    breaks = [r for r in (2 + ion_radius - width, 2 + ion_radius + width) if r > start]
    r = np.unique(np.concatenate([np.linspace(start, end, 400), breaks]))
    guess = charge * BJERRUM * np.exp(-KAPPA * r) / r
    other = solve_bvp(equation, conditions, r, np.stack([guess, np.gradient(guess, r)]), tol=1e-9, max_nodes=100_000)
    assert other.success
    check = np.linspace(start, end, 37)
    assert solution.potential(check) == pytest.approx(other.sol(check)[0], abs=3e-9)


# Computed once with another program (degrees 40 and 60 agreeing to 3e-11); radius 2, ion radius 2.
INFINITE_SHARP = [  # charge, reaction potential, half charge times it, energy in kJ/mol
    (1, -137.0833282554, -169.91184011, -169.90399810),
    (2, -274.2426665578, -679.83578608, -679.71027879),
    (5, -686.6756047205, -4255.59829345, -4251.86520692),
]
BALL_SHARP = [
    (1, -137.09053243, -169.9132666),
    (2, -274.24292853, -679.7115746),
    (5, -686.61033460, -4250.9487169),
]
INFINITE_SHARP_POTENTIAL = {
    1: {3: 1.8421734424, 4: 1.2475090228, 8: 0.4092214977, 15: 0.1053210214, 30: 0.0110769353},
    5: {3: 7.9519037684, 4: 4.9785816706, 8: 1.4774611071, 15: 0.3749612452, 30: 0.0393811734},
}


@pytest.mark.parametrize(("charge", "reaction", "charge_energy", "energy"), INFINITE_SHARP)
def test_tabulated_in_infinite_solvent(charge, reaction, charge_energy, energy):
    solution = solve_ion(charge=charge, window=0.0, domain_radius=None)
    assert solution.reaction_potential == pytest.approx(reaction, abs=2e-10)
    assert solution.charge_energy == pytest.approx(charge_energy, abs=2e-8)
    assert solution.energy == pytest.approx(energy, abs=2e-8)
    assert solution.charge_energy + solution.ion_energy == solution.energy


@pytest.mark.parametrize(("charge", "reaction", "energy"), BALL_SHARP)
def test_tabulated_on_a_ball(charge, reaction, energy):
    solution = solve_ion(charge=charge, window=0.0, domain_radius=12.0)
    assert solution.reaction_potential == pytest.approx(reaction, abs=2e-8)
    assert solution.energy == pytest.approx(energy, abs=2e-7)


@pytest.mark.parametrize("charge", [1, 5])
def test_tabulated_potential(charge):
    solution = solve_ion(charge=charge, window=0.0, domain_radius=None)
    table = INFINITE_SHARP_POTENTIAL[charge]
    assert solution.potential(list(table)) == pytest.approx(list(table.values()), abs=1e-10)


@pytest.mark.parametrize("charge", [2.0, -3.5])
@pytest.mark.parametrize("ion_radius", [0.0, 2.0])
def test_charging_gives_the_energy(charge, ion_radius):
    # d energy / d charge is the reaction potential, whatever the nonlinearity.
    case = {"ion_radius": ion_radius, "domain_radius": None}
    part, weight = np.polynomial.legendre.leggauss(10)
    reactions = [solve_ion(charge=charge * (1 + x) / 2, **case).reaction_potential for x in part]
    charged = charge * (weight / 2) @ reactions * thermal_energy(298.15)
    assert solve_ion(charge=charge, **case).energy == pytest.approx(charged, rel=1e-9)


@pytest.mark.parametrize(
    "case",
    [
        {"charge": 5.0},
        {"charge": -1.0, "ion_radius": 0.0},
        {"charge": 0.3, "window": 0.0, "ionic_strength": 1.0},
        {"charge": 20.0, "ion_radius": 0.0},
    ],
)
def test_ions_neutralise_the_charge(case):
    solution = solve_ion(**{**case, "domain_radius": None})
    solvent = solution.solvent
    kappa = solvent.medium.kappa

    def density(r):
        ions = kappa**2 * solvent.window(r) * math.sinh(solution.potential(r))
        return ions * r**2 / solvent.medium.solvent_bjerrum

    edges = [*solution.mesh.edges, solution.mesh.edges[-1] + 20 / kappa]
    total = sum(quad(density, a, b, epsabs=1e-11, epsrel=1e-11)[0] for a, b in pairwise(edges))
    assert total == pytest.approx(case["charge"], rel=1e-8)


@pytest.mark.parametrize("ion_radius", [0.0, 2.0])
def test_linear_equation_in_closed_form(ion_radius):
    solution = solve_ion(charge=3.0, ion_radius=ion_radius, window=0.0, domain_radius=None, linear=True)
    closest = 2.0 + ion_radius
    r = np.array([closest, 7.0, 50.0, 700.0])
    expected = 3 * BJERRUM / (1 + KAPPA * closest) * np.exp(-KAPPA * (r - closest)) / r
    assert solution.potential(r) == pytest.approx(expected, rel=1e-11)
    born = 3 * (BJERRUM - bjerrum_length(298.15) / 2) / 2
    reaction = born - 3 * BJERRUM * KAPPA / (1 + KAPPA * closest)
    assert solution.reaction_potential == pytest.approx(reaction, rel=1e-12)
    assert solution.ion_energy == 0


@pytest.mark.parametrize("domain_radius", [None, 12.0])
def test_without_salt_it_is_born(domain_radius):
    solution = solve_ion(charge=2.0, ionic_strength=0.0, domain_radius=domain_radius)
    born = 2 * bjerrum_length(298.15) * (1 / 78.54 - 1 / 2) / 2
    assert solution.reaction_potential == pytest.approx(born, rel=1e-13)
    assert solution.potential(np.array([2.0, 12.0])) == pytest.approx([2 * BJERRUM / 2, 2 * BJERRUM / 12])
    assert solution.ion_energy == 0


def test_sharp_window_is_the_limit_of_narrow_ones():
    sharp = solve_ion(charge=2.0, window=0.0).energy
    wide, narrow = (abs(solve_ion(charge=2.0, window=w).energy - sharp) for w in (0.2, 0.02))
    assert narrow == pytest.approx(wide / 100, rel=0.01)  # second order in the width


def test_opposite_charge_has_the_opposite_potential():
    plus, minus = solve_ion(charge=3.0), solve_ion(charge=-3.0)
    assert minus.energy == plus.energy
    assert np.array_equal(minus.potential([3.0, 5.0]), -plus.potential([3.0, 5.0]))


def test_small_charges_make_the_equation_linear():
    tiny, linear = (solve_ion(charge=1e-3, linear=linear) for linear in (False, True))
    assert tiny.energy == pytest.approx(linear.energy, rel=1e-9)


@pytest.mark.parametrize(
    "case",
    [
        {"charge": 30.0, "radius": 2.0, "ion_radius": 0.0},
        {"charge": -10.0, "radius": 0.5, "ion_radius": 0.3, "domain_radius": None},
        {"charge": 5.0, "ionic_strength": 1.0, "window": 3.0},
        {"charge": 5.0, "ionic_strength": 0.001, "domain_radius": None},
        {"charge": 1.0, "window": 1e-3},
        {"charge": 2.0, "domain_radius": 4.51},
        {"charge": 2.0, "domain_radius": 3.9},
        {"charge": 0.37, "radius": 20.0, "domain_radius": 22.01},
    ],
)
def test_accuracy_bounds_the_difference_to_a_finer_solution(case):
    solution, finer = solve_ion(**case), solve_ion(**case, order=31)
    r = np.linspace(solution.mesh.edges[0], min(solution.mesh.edges[-1], 30.0), 40)
    difference = np.abs(solution.potential(r) - finer.potential(r)).max()
    assert difference <= 3 * (solution.accuracy + finer.accuracy)
    assert solution.accuracy < 1e-7


def test_potential_and_reaction_keep_the_shape_of_the_points():
    solution = solve_ion()
    assert solution.potential(3.0).shape == ()
    assert solution.potential([[3.0, 4.0]]).shape == (1, 2)
    assert solution.reaction([0.0, 1.0, 1.9]).tolist() == [solution.reaction_potential] * 3


def test_potential_is_continuous_at_the_sphere():
    solution = solve_ion(charge=2.0)
    inside = 2 * bjerrum_length(298.15) / 2 / 2 + solution.reaction_potential
    assert inside == pytest.approx(float(solution.potential(2.0)), abs=1e-11)


def test_outside_the_solvent_there_is_no_potential():
    solution = solve_ion()
    for r in (1.9, 12.1):
        with pytest.raises(ValueError, match="from r = 2 to 12"):
            solution.potential(r)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"charge": math.nan}, "charge"),
        ({"radius": 0.0}, "radius"),
        ({"domain_radius": 2.0}, "domain_radius"),
        ({"ion_radius": -1.0}, "ion_radius"),
        ({"window": -1.0}, "window"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_values_out_of_range_are_named(wrong, name):
    with pytest.raises(UserError, match=name):
        solve_ion(**wrong)


def test_senseless_boundary_data_end_in_advice():
    with pytest.raises(UserError, match="larger domain_radius"):
        solve_ion(charge=40.0, radius=1.0, domain_radius=1.01, ion_radius=0.0)
