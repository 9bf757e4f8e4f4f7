import numpy as np
import pytest
from problems.npbe.kirkwood import Kirkwood
from scipy.special import spherical_kn

from pinnrun.errors import UserError
from pinnrun.problems.npbe.charged_sphere import ChargedSphere, solid_harmonics
from pinnrun.problems.npbe.harmonics import real_harmonics
from pinnrun.problems.npbe.ion_window import IonWindow
from pinnrun.problems.npbe.medium import Medium
from pinnrun.problems.npbe.solvent import Solvent

CHARGES = np.array([1.0, -2.0, 0.5])
POSITIONS = np.array([[1.5, 0.5, 0.3], [0.0, 0.0, 0.0], [-0.6, -0.4, -1.9]])


def charged(charges=CHARGES, positions=POSITIONS, *, domain_radius=None, ionic_strength=0.1):
    medium = Medium(ionic_strength=ionic_strength)
    return ChargedSphere(charges, positions, Solvent(medium, IonWindow(4.0, 2.0, 0.0), domain_radius))


def test_multipoles_sum_up_to_coulomb_on_the_sphere():
    sphere = charged()
    points = 4.0 * np.array([[0.6, 0.8, 0.0], [0.0, -0.28, 0.96]])
    distance = np.linalg.norm(points[:, None] - POSITIONS, axis=-1)
    coulomb = sphere.solvent.medium.solute_bjerrum * (CHARGES / distance).sum(axis=1)
    assert sphere.multipoles(40) @ real_harmonics(40, points) == pytest.approx(coulomb, rel=1e-10)


def test_solid_harmonics_are_harmonic():
    centre, step = np.array([0.7, -0.4, 1.1]), 1e-2
    shifts = step * np.concatenate([np.eye(3), -np.eye(3), np.zeros((1, 3))])
    values = solid_harmonics(4, centre + shifts, radius=2.0)
    laplacian = (values[:, :6].sum(axis=1) - 6 * values[:, 6]) / step**2
    assert laplacian == pytest.approx(np.zeros(25), abs=1e-4)
    assert np.abs(values[:, 6]).max() > 0.1


@pytest.mark.parametrize("ionic_strength", [0.0, 0.1])
def test_linear_solution_is_kirkwoods(ionic_strength):
    sphere = charged(ionic_strength=ionic_strength)
    mesh = sphere.solvent.mesh(16, first=1.0)
    solution = sphere.linear_solution(mesh, 30)
    oracle = Kirkwood(CHARGES, POSITIONS, 4.0, 2.0, sphere.solvent.medium, 30)
    direction = np.array([0.48, -0.6, 0.64])
    r = np.array([6.0, 8.5, 20.0, 40.0])
    harmonics = real_harmonics(30, direction[None])[:, 0]
    expected = oracle.potential_at(r[:, None] * direction)
    assert harmonics @ mesh.interpolate(solution, r) == pytest.approx(expected, abs=1e-11)


def test_linear_solution_takes_the_debye_hueckel_sum_on_the_ball():
    sphere = charged(domain_radius=9.0)
    mesh = sphere.solvent.mesh(16, first=1.0)
    points = 9.0 * np.array([[0.6, 0.8, 0.0], [0.0, -0.28, 0.96]])
    surface = sphere.linear_solution(mesh, 24)[:, -1] @ real_harmonics(24, points)
    kappa, bjerrum = sphere.solvent.medium.kappa, sphere.solvent.medium.solvent_bjerrum
    distance = np.linalg.norm(points[:, None] - POSITIONS, axis=-1)
    expected = bjerrum * (CHARGES * np.exp(-kappa * distance) / distance).sum(axis=1)
    assert surface == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("ionic_strength", [0.0, 0.1])
def test_decay_in_infinite_solvent(ionic_strength):
    sphere = charged(ionic_strength=ionic_strength)
    kappa = sphere.solvent.medium.kappa
    decay = sphere.outer_decay(2, np.array([50.0, 80.0]), end=50.0)
    assert decay[:, 0] == pytest.approx(np.ones(9))
    for l, row in zip([0, 1, 1, 1, 2, 2, 2, 2, 2], decay, strict=True):
        ratio = (5 / 8) ** (l + 1) if kappa == 0 else spherical_kn(l, kappa * 80) / spherical_kn(l, kappa * 50)
        assert row[1] == pytest.approx(ratio)


def test_degree_at_which_harmonics_have_decayed():
    off_centre = charged(np.ones(1), np.array([[0.0, 0.0, 2.0]]))
    assert off_centre.degree_for(1e-9) == 30  # 2^-30 = 0.93e-9
    assert charged(np.ones(1), np.zeros((1, 3))).degree_for(1e-9) == 0


@pytest.mark.parametrize(
    ("charges", "positions", "message"),
    [
        ([], np.zeros((0, 3)), "one charge at least"),
        ([1.0, 2.0], [[0.0, 0.0, 0.0]], "do not match"),
        ([1.0], [[0.0, 0.0]], "three coordinates"),
        ([np.nan], [[0.0, 0.0, 0.0]], "finite"),
        ([1.0, 1.0], [[0.0, 0.0, 0.0], [0.0, 4.0, 0.0]], "Charge 2 lies 4 angstrom"),
    ],
)
def test_senseless_charges_are_refused(charges, positions, message):
    with pytest.raises(UserError, match=message):
        charged(np.asarray(charges, dtype=float), np.asarray(positions, dtype=float))
