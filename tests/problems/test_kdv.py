"""Korteweg-de Vries: residual with a third derivative, the soliton, the spectral reference, what is conserved."""

from math import pi

import numpy as np
import pytest
import torch
from evolution import assert_periodic, assert_residual, assert_starts, derivative, difference, interior

from pinnrun.problems.kdv import Kdv, spectral
from pinnrun.problems.spectral1d import solve, transport


def problem(**more) -> Kdv:
    return Kdv("case", "kdv", **more)


def soliton(x: np.ndarray) -> np.ndarray:
    """Speed 1, δ = 0.05, at −0.5, with its images."""
    return 3 * sum(1 / np.cosh(10 * (x + 0.5 + image)) ** 2 for image in (-2, 0, 2))


def field_from(initial: str):
    def field(network, y):
        x, t = y[0], y[1]
        start = torch.cos(pi * x)
        if initial == "soliton":
            images = torch.tensor([-2.0, 0.0, 2.0], dtype=x.dtype)
            start = 3 * (1 / torch.cosh(10 * (x + 0.5 + images)) ** 2).sum()
        return start + t * network(torch.stack([torch.cos(pi * x), torch.sin(pi * x), 2 * t - 1]))[0]

    return field


@pytest.mark.parametrize("initial", ["cosine", "soliton"])
def test_residual(initial):
    def equation(u, y):
        return derivative(u, 1)(y) + u(y) * derivative(u, 0)(y) + 0.0025 * derivative(u, 0, 0, 0)(y)

    assert_residual(problem(initial=initial), field_from(initial), equation)


def test_start_and_period_hold_for_any_network():
    assert_starts(problem(), lambda x: np.cos(pi * x))
    assert_starts(problem(initial="soliton"), soliton)
    assert_periodic(problem())


def test_the_soliton_is_what_the_spectral_method_finds():
    """Up to the images, which the sum of them takes as if they did not interact: e^{−20}."""
    case = problem(initial="soliton")
    x = -1 + 2 * np.arange(256) / 256
    found = solve(lambda k: 0.0025j * k**3, transport, soliton(x), -1.0, 2.0, 1.0, 2000, every=2)
    at = interior(case, 1000, margin=0.0)
    assert np.abs(found(at) - case.reference().field(at)).max() < 1e-5
    assert case.reference().field(np.array([[0.5, 1.0]])) == pytest.approx(3.0, abs=1e-7)


@pytest.mark.parametrize("initial", ["cosine", "soliton"])
def test_the_reference_solves_the_equation(initial):
    case = problem(initial=initial)
    u, at = case.reference().field, interior(case)
    u_t, u_x, u_xxx = (difference(u, at, *which) for which in ((1, 1, 2e-3), (0, 1, 2e-3), (0, 3, 2e-3)))
    residual = u_t + u(at) * u_x + 0.0025 * u_xxx
    assert np.abs(u_t).max() > 3
    assert np.abs(residual).max() < 3e-4 * np.abs(u_t).max()


def test_the_reference_starts_as_a_cosine_and_has_converged():
    x = np.linspace(-1, 1, 21)
    assert np.allclose(spectral(0.0025, 1.0)(np.stack([x, 0 * x], -1)), np.cos(pi * x), rtol=0, atol=1e-13)
    at = interior(problem(), 1000, margin=0.0)
    for dispersion, known in ((0.0025, 1e-8), (0.000484, 3e-6)):
        coarse, fine = spectral(dispersion, 1.0)(at), spectral(dispersion, 1.0, grid=512, steps=4000)(at)
        assert np.abs(coarse - fine).max() < known


def test_the_reference_keeps_mass_and_momentum():
    """∫u = 0 and ∫u² = 1 at all times."""
    x = -1 + 2 * np.arange(256) / 256
    for t in (0.0, 0.4, 1.0):
        u = spectral(0.0025, 1.0)(np.stack([x, np.full(256, t)], -1))
        assert abs(u.mean()) < 1e-12
        assert (2 * (u * u).mean()) == pytest.approx(1.0, abs=1e-8)
