"""Allen-Cahn: residual, lifts, symmetry; the spectral reference against scipy, itself and the equation."""

from math import pi

import numpy as np
import pytest
import torch
from evolution import assert_periodic, assert_residual, assert_starts, derivative, difference, interior, values
from scipy.integrate import solve_ivp

from pinnrun.calculus import Derivatives, Jet
from pinnrun.problems.allen_cahn import AllenCahn, spectral


def problem(**more) -> AllenCahn:
    return AllenCahn("case", "allen_cahn", **more)


def start(x: np.ndarray) -> np.ndarray:
    return x**2 * np.cos(pi * x)


def field_from(lift: str, even: bool):
    def field(network, y):
        x, t = y[0], y[1]
        waves = [torch.cos(pi * x), torch.cos(2 * pi * x)]
        waves += [] if even else [torch.sin(pi * x), torch.sin(2 * pi * x)]
        u = x**2 * torch.cos(pi * x)
        if lift == "reaction":
            u = u * torch.exp(2 * t) / torch.sqrt(1 + u**2 * (torch.exp(4 * t) - 1))
        return u + t * network(torch.stack([*waves, 2 * t - 1]))[0]

    return field


@pytest.mark.parametrize(("lift", "symmetry"), [("reaction", "even"), ("start", "none")])
def test_residual(lift, symmetry):
    case = problem(lift=lift, symmetry=symmetry, diffusivity=0.02, rate=2.0, harmonics=2)
    assert case.features == (3 if symmetry == "even" else 5)

    def equation(u, y):
        return derivative(u, 1)(y) - 0.02 * derivative(u, 0, 0)(y) + 2.0 * (u(y) ** 3 - u(y))

    assert_residual(case, field_from(lift, symmetry == "even"), equation)


@pytest.mark.parametrize("lift", ["reaction", "start"])
def test_start_holds_for_any_network(lift):
    assert_starts(problem(lift=lift), start)


def test_an_even_field_is_even_and_one_that_starts_softly_is_periodic():
    at = torch.tensor([[0.3, 0.2], [-0.3, 0.2], [0.9, 1.0], [-0.9, 1.0]], dtype=torch.float64)
    u = values(problem(), at)
    assert torch.allclose(u[::2], u[1::2], rtol=0, atol=1e-14)
    u = values(problem(symmetry="none"), at)
    assert float((u[::2] - u[1::2]).abs().min()) > 1e-3
    assert_periodic(problem(symmetry="none", conditions="soft"))


def test_the_lift_solves_the_equation_without_diffusion():
    """By scipy, at the end."""
    case = problem()
    x = torch.tensor([0.05, 0.3, 0.7, 0.98], dtype=torch.float64)
    at = torch.stack([x, torch.ones_like(x)], -1)
    found = case.lifted(Jet.coordinates(at, Derivatives())).value[:, 0]
    ode = solve_ivp(lambda t, u: 5 * (u - u**3), (0, 1), start(x.numpy()), rtol=1e-10, atol=1e-12)
    assert np.allclose(found.numpy(), ode.y[:, -1], rtol=1e-7)


# -- the reference ---------------------------------------------------------------------------------------------


def test_the_reference_is_what_scipy_finds_on_the_same_grid():
    """A pseudo-spectral method of lines written here, with an adaptive Runge-Kutta method."""
    n = 512
    x = -1 + 2 * np.arange(n) / n
    k = np.pi * np.arange(n // 2)

    def slope(t: float, v: np.ndarray) -> np.ndarray:
        u = np.fft.irfft(v, n)
        return -1e-4 * k**2 * v - 5 * np.fft.rfft(u**3 - u)[: n // 2]

    first = np.fft.rfft(start(x))[: n // 2]
    lines = solve_ivp(slope, (0, 1), first, "DOP853", t_eval=[0.5, 1.0], rtol=1e-9, atol=1e-9)
    for t, v in zip(lines.t, lines.y.T, strict=True):
        found = spectral(1e-4, 5.0, 1.0, grid=n)(np.stack([x, np.full(n, t)], -1))
        assert np.abs(found - np.fft.irfft(v, n)).max() < 1e-8


def test_the_reference_has_converged():
    at = interior(problem(), 2000, margin=0.0)
    coarse, fine = spectral(1e-4, 5.0, 1.0)(at), spectral(1e-4, 5.0, 1.0, grid=2048, steps=2000)(at)
    assert np.linalg.norm(coarse - fine) < 3e-6 * np.linalg.norm(fine)


def test_the_reference_solves_the_equation():
    u = problem().reference().field
    at = interior(problem())
    at[:, 0] = 0.5 + 0.05 * at[:, 0]  # across the wall
    h = 2.5e-4  # walls are 0.006 wide
    u_t, u_xx, v = difference(u, at, 1, 1, 4e-3), difference(u, at, 0, 2, h), u(at)
    reaction = 5 * (v**3 - v)
    assert np.abs(1e-4 * u_xx).max() > 0.1
    assert np.abs(u_t - 1e-4 * u_xx + reaction).max() < 1e-4
    x = np.linspace(-0.9, 0.9, 19)
    assert np.allclose(u(np.stack([x, 0 * x], -1)), start(x), rtol=0, atol=1e-4)
    u_on_grid = np.stack([-1 + 2 * np.arange(1024) / 1024, np.zeros(1024)], -1)
    assert np.allclose(u(u_on_grid), start(u_on_grid[:, 0]), rtol=0, atol=1e-4)
