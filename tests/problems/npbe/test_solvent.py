import math

import numpy as np
import pytest

from pinnrun.errors import UserError
from pinnrun.problems.npbe.ion_window import IonWindow
from pinnrun.problems.npbe.medium import Medium
from pinnrun.problems.npbe.solvent import Solvent, charge_doublings


def solvent(domain_radius=15.0, ion_radius=2.0, **medium):
    return Solvent(Medium(**medium), IonWindow(4.0, ion_radius, 0.5), domain_radius)


def test_energy_density_in_full_salt():
    phi = np.array([-5.0, -1.0, 0.5, 2.0])
    medium = solvent().medium
    expected = medium.kappa**2 / (4 * math.pi * medium.solvent_bjerrum)
    expected *= phi * np.sinh(phi) / 2 - np.cosh(phi) + 1
    assert solvent().energy_density(np.full(4, 10.0), phi) == pytest.approx(expected, rel=1e-13)


def test_energy_density_of_a_small_potential_keeps_its_digits():
    phi = np.array([0.01])
    at = np.array([10.0])
    ratio = solvent().energy_density(at, 2 * phi) / solvent().energy_density(at, phi)
    series = [p**4 / 24 + p**6 / 360 for p in (0.02, 0.01)]  # phi sinh(phi)/2 - cosh(phi) + 1
    assert ratio == pytest.approx(series[0] / series[1], rel=1e-7)


def test_no_ions_no_energy_even_where_the_potential_is_huge():
    assert solvent().energy_density(np.array([4.5]), np.array([900.0])).tolist() == [0.0]


@pytest.mark.parametrize("domain_radius", [4.0, 1.0, -3.0, math.nan])
def test_domain_without_solvent_is_refused(domain_radius):
    with pytest.raises(UserError, match="domain_radius"):
        solvent(domain_radius)


def test_mesh_spans_the_domain_through_the_window():
    edges = solvent().mesh(8, first=1.0).edges
    assert (edges[0], edges[-1]) == (4.0, 15.0)
    assert {5.5, 6.5} <= set(edges)


def test_infinite_solvent_is_cut_many_debye_lengths_out():
    endless = solvent(None, ionic_strength=0.01)
    assert endless.mesh(8, first=1.0).edges[-1] * endless.medium.kappa > 20


@pytest.mark.parametrize(("potential", "doublings"), [(0.0, 0), (8.0, 0), (8.1, 1), (16.0, 1), (100.0, 4)])
def test_doublings_bring_the_linear_potential_within_reach(potential, doublings):
    assert charge_doublings(potential) == doublings
    assert potential / 2**doublings <= 8.0
