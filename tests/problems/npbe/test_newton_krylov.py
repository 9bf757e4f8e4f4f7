import numpy as np
import pytest

from pinnrun.errors import UserError
from pinnrun.problems.npbe.charged_sphere import ChargedSphere
from pinnrun.problems.npbe.harmonics import degrees_of, real_harmonics
from pinnrun.problems.npbe.ion_window import IonWindow
from pinnrun.problems.npbe.medium import Medium
from pinnrun.problems.npbe.newton_krylov import NewtonKrylov, latitudes_for
from pinnrun.problems.npbe.solvent import Solvent


@pytest.mark.parametrize("strength", [1.0, -4.0])
@pytest.mark.parametrize("ion_radius", [0.0, 2.0])
def test_solution_satisfies_the_equations_written_out_densely(strength, ion_radius):
    degree = 4
    charges = strength * np.array([2.0, -1.0, 1.0])
    positions = np.array([[1.5, 0.5, 0.3], [-1.0, 1.2, -0.8], [-0.6, -0.4, -1.9]])
    solvent = Solvent(Medium(), IonWindow(4.0, ion_radius, 0.5), 12.0)
    sphere = ChargedSphere(charges, positions, solvent)
    mesh = solvent.mesh(8, first=1.0)
    linear = sphere.linear_solution(mesh, degree + 2)
    correction = NewtonKrylov(sphere, mesh, linear, degree).solve()

    # The same grid, point by point, and every harmonic by itself.
    latitudes = latitudes_for(degree)
    cosines, weights = np.polynomial.legendre.leggauss(latitudes)
    angles = np.pi * np.arange(2 * latitudes) / latitudes
    c, a = (grid.ravel() for grid in np.meshgrid(cosines, angles, indexing="ij"))
    s = np.sqrt(1 - c**2)
    directions = np.stack([s * np.cos(a), s * np.sin(a), c], axis=1)
    measure = np.repeat(weights * np.pi / latitudes, 2 * latitudes)

    potential = real_harmonics(degree + 2, directions).T @ linear
    harmonics = real_harmonics(degree, directions)
    potential = potential + harmonics.T @ correction
    salt = solvent.screening(mesh.nodes)
    source = (harmonics * measure) @ (salt * (np.sinh(np.where(salt > 0, potential, 0)) - potential))
    operators = sphere.operators(mesh, degree, salt)
    for k, l in enumerate(degrees_of(degree)):
        rest = operators[l] @ correction[k] - np.where(mesh.interior, source[k], 0.0)
        scale = np.abs(operators[l]).max(axis=1)
        assert rest / scale == pytest.approx(np.zeros(len(rest)), abs=1e-11)
    assert np.abs(correction).max() > 1e-3


def test_failure_ends_in_advice(monkeypatch):
    monkeypatch.setattr("pinnrun.problems.npbe.newton_krylov._ITERATIONS", 1)
    solvent = Solvent(Medium(), IonWindow(4.0, 2.0, 0.5), 12.0)
    sphere = ChargedSphere(np.array([3.0]), np.zeros((1, 3)), solvent)
    mesh = solvent.mesh(8, first=1.0)
    with pytest.raises(UserError, match="smaller charges"):
        NewtonKrylov(sphere, mesh, sphere.linear_solution(mesh, 1), 1).solve()
