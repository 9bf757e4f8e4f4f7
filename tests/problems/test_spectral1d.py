"""Fourier ETDRK4: linear equations are exact, order four, the same as scipy on the same grid, interpolation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pinnrun.problems.spectral1d import modes, solve, stencil, transport


def points(low: float, period: float, duration: float, count: int = 400) -> np.ndarray:
    return np.array([low, 0.0]) + np.array([period, duration]) * np.random.default_rng(0).random((count, 2))


def test_linear_equations_are_exact():
    """u_t = 0.1 u_xx − 2 u_x, of three waves, in two steps."""
    low, period, n = 0.5, 3.0, 16
    k = 2 * np.pi / period

    def exact(x, t):
        waves = ((1, 1.0, 0.3), (2, -0.5, 1.0), (5, 0.25, 2.0))
        decay = [np.exp(-0.1 * (m * k) ** 2 * t) for m, *_ in waves]
        return 0.7 + sum(f * a * np.cos(m * k * (x - 2 * t) + c) for (m, a, c), f in zip(waves, decay, strict=True))

    grid = low + period * np.arange(n) / n
    found = solve(lambda k: -0.1 * k * k - 2j * k, lambda u, k: 0 * k, exact(grid, 0.0), low, period, 0.05, 2)
    for t in (0.0, 0.025, 0.05):
        at = np.stack([np.linspace(low - 1, low + 4, 50), np.full(50, t)], -1)
        assert np.abs(found(at) - exact(*at.T)).max() < 1e-13


@pytest.mark.parametrize(
    ("symbol", "nonlinear", "start"),
    [
        (lambda k: -0.05 * k * k, transport, lambda x: -np.sin(x)),
        (lambda k: 0.1j * k**3, transport, lambda x: np.cos(x) + 0.3),
        (lambda k: 1 - 0.1 * k * k, lambda u, k: -modes(u * u * u), lambda x: 0.5 * np.cos(x) + 0.2),
        (lambda k: k**2 - 0.5 * k**4, transport, lambda x: np.cos(x) * (1 + np.sin(x))),
    ],
    ids=["burgers", "kdv", "allen_cahn", "kuramoto_sivashinsky"],
)
def test_fourth_order_and_what_scipy_finds(symbol, nonlinear, start):
    """Three step sizes against an adaptive Runge-Kutta method of order eight on the same modes."""
    n = 32
    k = np.arange(n // 2)
    grid = 2 * np.pi * np.arange(n) / n

    def slope(t: float, v: np.ndarray) -> np.ndarray:
        return symbol(k) * v + nonlinear(np.fft.irfft(v, n), k)

    first = np.fft.rfft(start(grid))[: n // 2]
    oracle = solve_ivp(slope, (0, 1), first, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    at = np.stack([grid, np.ones(n)], -1)
    expected = np.fft.irfft(oracle, n)
    errors = [
        np.abs(solve(symbol, nonlinear, start(grid), 0.0, 2 * np.pi, 1.0, steps)(at) - expected).max()
        for steps in (80, 160, 320)
    ]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-6
    assert 3.7 < rates[-1] < 4.3, rates


def test_stencils_reproduce_polynomials_of_degree_seven():
    position = np.linspace(0, 20, 301)
    first, weights = stencil(position, 21)
    assert weights.shape == (301, 8) and first.min() == 0 and first.max() == 13
    nodes = first[:, None] + np.arange(8)
    for power in range(8):
        assert np.allclose((weights * (nodes / 20.0) ** power).sum(1), (position / 20.0) ** power, rtol=0, atol=1e-12)
    inside = (position > 4) & (position < 16)
    assert (np.abs(nodes.mean(1) - position)[inside] <= 0.5).all(), "centred"


def test_few_times_are_interpolated_with_what_there_is():
    first, weights = stencil(np.array([0.0, 1.5, 2.0]), 3)
    assert weights.shape == (3, 3) and (first == 0).all()
    assert np.allclose(weights @ np.array([0.0, 1.0, 4.0]), [0.0, 2.25, 4.0])


def test_times_that_are_left_out_are_interpolated():
    """Every eighth step kept, against all of them."""
    x = 2 * np.pi * np.arange(64) / 64
    settings = (lambda k: -0.1 * k * k, transport, -np.sin(x), 0.0, 2 * np.pi, 1.0, 400)
    at = points(0.0, 2 * np.pi, 1.0)
    every, some = solve(*settings), solve(*settings, every=8)
    assert (len(every.coefficients), len(some.coefficients)) == (401, 51)
    assert np.abs(every(at) - some(at)).max() < 1e-9


def test_no_points_no_values():
    x = np.zeros(8)
    assert solve(lambda k: -k, transport, x, 0.0, 1.0, 1.0, 2)(np.zeros((0, 2))).shape == (0,)
