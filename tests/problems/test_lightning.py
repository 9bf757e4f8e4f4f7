"""The lightning solver: known harmonic functions, smooth and singular; errors stay below the measured misfit."""

import numpy as np
import pytest

from pinnrun.problems.lightning import solve_laplace

SQUARE = np.array([0, 1, 1 + 1j, 1j])
L_SHAPE = np.array([0, 1, 1 + 1j, -1 + 1j, -1 - 1j, -1j])


def corner_power(z):
    """Im z^{2/3} with the cut along (1, −1)."""
    angle = np.angle(z * np.exp(-0.75j * np.pi)) + 0.75 * np.pi
    return np.abs(z) ** (2 / 3) * np.sin(2 * angle / 3)


def inside(corners, count=300):
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, 4 * count) + 1j * rng.uniform(-1, 1, 4 * count)
    keep = (z.real > 0) & (z.imag > 0) if len(corners) == 4 else (z.real < 0) | (z.imag > 0)
    return z[keep][:count]


@pytest.mark.parametrize(
    ("corners", "exact"),
    [
        (SQUARE, lambda z: (z**3 - 2 * z).real),
        (SQUARE, lambda z: np.exp(z).imag),
        (L_SHAPE, lambda z: np.exp(z).real),
        (L_SHAPE, corner_power),
    ],
)
def test_known_harmonic_functions(corners, exact):
    found = solve_laplace(corners, exact)
    z = inside(corners)
    error = np.abs(found(np.stack([z.real, z.imag], 1)) - exact(z)).max()
    assert found.misfit < 2e-7
    assert error <= found.misfit + 1e-12


def test_more_poles_are_better():
    misfits = [solve_laplace(L_SHAPE, corner_power, poles, 2 + poles).misfit for poles in (6, 12, 20)]
    assert misfits[0] > 4 * misfits[1] > 16 * misfits[2]
