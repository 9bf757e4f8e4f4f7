import numpy as np
import pytest
from scipy.special import sph_harm_y

from pinnrun.problems.npbe.harmonics import SphereGrid, degrees_of, real_harmonics

RNG = np.random.default_rng(3)
DIRECTIONS = np.concatenate([RNG.normal(size=(12, 3)), [[0, 0, 2.0], [0, 0, -1.0], [0.5, 0, 0]]])


def scipy_harmonics(degree, directions):
    x, y, z = directions.T
    polar, angle = np.arccos(z / np.linalg.norm(directions, axis=1)), np.arctan2(y, x)
    rows = []
    for l in range(degree + 1):
        for m in range(-l, l + 1):
            value = (-1) ** m * sph_harm_y(l, abs(m), polar, angle)
            rows.append(value.real if m == 0 else np.sqrt(2) * (value.real if m > 0 else value.imag))
    return np.array(rows)


@pytest.mark.parametrize("degree", [0, 1, 2, 40])
def test_harmonics_are_those_of_scipy(degree):
    expected = scipy_harmonics(degree, DIRECTIONS)
    assert real_harmonics(degree, DIRECTIONS) == pytest.approx(expected, abs=1e-13)


def test_degrees_in_flat_order():
    assert degrees_of(2).tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2]


def test_zero_vector_counts_as_one_along_z():
    zero, pole = real_harmonics(3, np.array([[0, 0, 0], [0, 0, 1.0]])).T
    assert np.array_equal(zero, pole)


@pytest.mark.parametrize("degree", [0, 1, 7])
def test_transforms_agree_with_dense_sums(degree):
    grid = SphereGrid(degree, latitudes=degree + 3)
    coefficients = RNG.normal(size=((degree + 1) ** 2, 4))
    harmonics = scipy_harmonics(degree, grid.directions.reshape(-1, 3))
    values = grid.synthesize(grid.table(coefficients))
    assert values.reshape(-1, 4) == pytest.approx(harmonics.T @ coefficients, abs=1e-12)
    assert grid.flat(grid.analyze(values)) == pytest.approx(coefficients, abs=1e-12)


def test_mean_over_the_sphere():
    grid = SphereGrid(2, latitudes=6)
    x, y, z = np.moveaxis(grid.directions, -1, 0)
    values = np.stack([np.ones_like(x), z**2, x**2 * y**2, x * z**4], axis=-1)
    assert grid.mean(values) == pytest.approx([1, 1 / 3, 1 / 15, 0], abs=1e-14)
