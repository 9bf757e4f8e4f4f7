"""Burgers: residual, odd field, Cole-Hopf against a spectral code, the equation and published figures."""

from math import pi

import numpy as np
import pytest
import torch
from evolution import (
    assert_residual,
    assert_starts,
    assert_vanishes_at_ends,
    derivative,
    difference,
    generator,
    interior,
    values,
)

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.burgers import Burgers, benchmark, cole_hopf
from pinnrun.problems.spectral1d import solve, transport

NU = 0.01 / pi


def problem(**more) -> Burgers:
    return Burgers("case", "burgers", **more)


def start(x: np.ndarray) -> np.ndarray:
    return -np.sin(pi * x)


def plain_field(network, y):
    x, t = y[0], y[1]
    return -torch.sin(pi * x) + t * (1 - x**2) * network(torch.stack([x, 2 * t - 1]))[0]


def odd_field(network, y):
    x, t = y[0], y[1]
    right = torch.abs(x)
    grown = t * 4 * right * (1 - right) * network(torch.stack([2 * right - 1, 2 * t - 1]))[0]
    return torch.sign(x) * (-torch.sin(pi * right) + grown)


@pytest.mark.parametrize(("symmetry", "field"), [("none", plain_field), ("odd", odd_field)])
def test_residual(symmetry, field):
    def equation(u, y):
        return derivative(u, 1)(y) + u(y) * derivative(u, 0)(y) - 0.07 * derivative(u, 0, 0)(y)

    assert_residual(problem(viscosity=0.07, symmetry=symmetry), field, equation)


@pytest.mark.parametrize("symmetry", ["odd", "none"])
def test_start_and_ends_hold_for_any_network(symmetry):
    assert_starts(problem(symmetry=symmetry), start)
    assert_vanishes_at_ends(problem(symmetry=symmetry))


@pytest.mark.parametrize("conditions", ["hard", "soft"])
def test_an_odd_field_is_odd(conditions):
    case = problem(conditions=conditions)
    x = case.test_points(generator()).x[0][:50]
    mirrored = x * torch.tensor([-1.0, 1.0], dtype=x.dtype)
    assert torch.equal(values(case, mirrored), -values(case, x))
    assert float(values(case, x).std()) > 1e-2


def test_points_are_dense_where_they_should_be():
    x = problem(concentration=3.0).terms()[0].sample(generator(), 40_000).x[0, :, 0]
    assert float((x > 0).double().mean()) == pytest.approx(0.5, abs=0.01)
    assert float((x.abs() < 0.5**3).double().mean()) == pytest.approx(0.5, abs=0.01)
    assert float(problem().test_points(generator()).x[0, :, 0].abs().mean()) == pytest.approx(0.5, abs=0.01)


def test_conditions_as_terms():
    terms = {term.name: term for term in problem(conditions="soft").terms()}
    assert list(terms) == ["equation", "start", "ends"]
    points = terms["start"].sample(generator(), 20)
    assert float(points.x[..., 1].abs().max()) == 0
    exact = -(pi * points.coordinates(Derivatives())[0]).sin()
    assert float(terms["start"].residual(points, exact).abs().max()) == 0
    assert torch.allclose(terms["start"].residual(points, exact + 0.1), torch.full((1, 20), 0.1, dtype=torch.float64))
    points = terms["ends"].sample(generator(), 20)
    assert set(points.x[0, :, 0].tolist()) == {-1.0, 1.0}
    assert torch.equal(terms["ends"].residual(points, points.coordinates(Derivatives())[1]), points.x[..., 1])


# -- the reference ---------------------------------------------------------------------------------------------


def test_cole_hopf_is_what_a_spectral_code_finds():
    """Fourier, since the solution is odd and vanishes at the ends; 2048 modes for a layer of width 0.006."""
    x = -1.0 + 2.0 * np.arange(2048) / 2048
    found = solve(lambda k: -NU * k * k, transport, start(x), -1.0, 2.0, 1.0, 2000, every=4)
    at = interior(problem(), 2000)
    assert np.abs(found(at) - cole_hopf(at[:, 0], at[:, 1], NU)).max() < 2e-8
    fine = np.stack([np.linspace(-0.02, 0.02, 41), np.full(41, 0.5)], -1)
    assert np.abs(found(fine) - cole_hopf(fine[:, 0], fine[:, 1], NU)).max() < 2e-8


def test_the_quadrature_has_converged():
    at = interior(problem(), 500)
    assert np.abs(cole_hopf(at[:, 0], at[:, 1], NU, 400) - cole_hopf(at[:, 0], at[:, 1], NU)).max() < 1e-13


def test_cole_hopf_solves_the_equation():
    u = problem(viscosity=0.05).reference().field
    at = interior(problem())
    u_t, u_x, u_xx = (difference(u, at, *which, 2e-3) for which in ((1, 1), (0, 1), (0, 2)))
    residual = u_t + u(at) * u_x - 0.05 * u_xx
    assert np.abs(u_t).max() > 1
    assert np.abs(residual).max() < 1e-5 * np.abs(u_t).max()
    x = np.linspace(-1, 1, 21)
    assert np.allclose(u(np.stack([x, 0 * x], -1)), start(x), rtol=0, atol=1e-15)


def test_the_steepest_slope_is_the_published_one():
    """Basdevant et al. (1986): the slope at x = 0 is largest, 152.00516, at πt = 1.6037."""
    t = np.linspace(0.45, 0.56, 1101)
    h = 1e-4
    x = np.full_like(t, h)
    slope = (8 * cole_hopf(x, t, NU) - cole_hopf(2 * x, t, NU)) / (6 * h)
    assert np.abs(slope).max() == pytest.approx(152.00516, rel=1e-6)
    assert pi * t[np.abs(slope).argmax()] == pytest.approx(1.6037, abs=5e-4)


# -- the benchmark's nodes ---------------------------------------------------------------------------------------


def test_the_benchmark_file_is_a_coarse_solution_of_the_same_problem():
    """At t = 0 the file is the start, later it is off by up to 0.09 beside the layer: 1.3e-2 in all."""
    at, data = benchmark()
    exact = cole_hopf(at[:, 0], at[:, 1], NU)
    assert at.shape == (1111, 2)
    assert np.abs(data - exact)[at[:, 1] == 0].max() < 1e-5
    assert np.linalg.norm(data - exact) / np.linalg.norm(data) == pytest.approx(1.3263e-2, rel=1e-3)
    worst = np.abs(data - exact).argmax()
    assert abs(at[worst, 0]) == pytest.approx(0.02)


def test_the_reference_has_no_error_at_the_nodes():
    """The observables of the exact field: none against Cole-Hopf, that of the file against the file."""
    case = problem()

    def exact(points: Points, derivatives: Derivatives) -> Jet:
        x, t = points.x[0].numpy().T
        shifted = [cole_hopf(x + h, t, NU) for h in (-1e-5, 1e-5)]
        channels = torch.zeros((derivatives.channels(2), 1, len(x), 1), dtype=torch.float64)
        channels[0, 0, :, 0] = torch.as_tensor(cole_hopf(x, t, NU))
        if derivatives.gradient:
            channels[1, 0, :, 0] = torch.as_tensor(shifted[1] - shifted[0]) / 2e-5
        return Jet(channels, 2, derivatives)

    found = case.observables(exact)
    assert found["slope_at_half"].error < 1e-5
    assert found["error_at_nodes"].value == 0
    assert found["distance_to_pinnacle"].value == pytest.approx(1.3263e-2, rel=1e-3)
    assert found["slope_at_half"].reference == pytest.approx(-152.0, rel=2e-2)


def test_another_viscosity_is_not_the_benchmark():
    def zero(points: Points, derivatives: Derivatives) -> Jet:
        return Points(points.x).coordinates(derivatives)[0]

    assert "distance_to_pinnacle" not in problem(viscosity=0.1).observables(zero)
