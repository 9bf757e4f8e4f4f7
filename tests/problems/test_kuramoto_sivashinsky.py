"""Kuramoto-Sivashinsky: residual with a fourth derivative, periodic field, the spectral reference."""

from math import pi

import numpy as np
import torch
from evolution import assert_periodic, assert_residual, assert_starts, derivative, difference, interior

from pinnrun.problems.kuramoto_sivashinsky import KuramotoSivashinsky, spectral


def problem(**more) -> KuramotoSivashinsky:
    return KuramotoSivashinsky("case", "kuramoto_sivashinsky", **more)


def start(x: np.ndarray) -> np.ndarray:
    return np.cos(x / 4) * (1 + np.sin(x / 4))


def field(network, y):
    x, t = y[0] / 2.0, y[1] / 3.0
    seen = torch.stack([torch.cos(x), torch.cos(2 * x), torch.sin(x), torch.sin(2 * x), 2 * t - 1])
    return torch.cos(x) * (1 + torch.sin(x)) + t * network(seen)[0]


def test_residual():
    def equation(u, y):
        slopes = derivative(u, 1)(y) + u(y) * derivative(u, 0)(y)
        return slopes + derivative(u, 0, 0)(y) + derivative(u, 0, 0, 0, 0)(y)

    assert_residual(problem(periods=2.0, harmonics=2, duration=3.0), field, equation)


def test_start_and_period_hold_for_any_network():
    assert_starts(problem(), start)
    assert_periodic(problem(harmonics=2))


def test_the_reference_solves_the_equation():
    case = problem()
    u, at = case.reference().field, interior(case)
    steps = ((1, 1, 0.01), (0, 1, 0.05), (0, 2, 0.05), (0, 4, 0.05))
    u_t, u_x, u_xx, u_xxxx = (difference(u, at, *which) for which in steps)
    assert np.abs(u_xxxx).max() > 1
    assert np.abs(u_t + u(at) * u_x + u_xx + u_xxxx).max() < 1e-4
    x = np.linspace(0, 8 * pi, 21)
    assert np.allclose(u(np.stack([x, 0 * x], -1)), start(x), rtol=0, atol=1e-13)


def test_the_reference_has_converged():
    for periods, duration in ((4.0, 5.0), (16.0, 20.0)):
        at = interior(problem(periods=periods, duration=duration), 1000, margin=0.0)
        coarse, fine = spectral(periods, duration)(at), spectral(periods, duration, grid=512, steps=4000)(at)
        assert np.abs(coarse - fine).max() < 1e-8
