"""Advection: residual, periodic field, and the closed form."""

from math import pi

import numpy as np
import torch
from evolution import assert_periodic, assert_residual, assert_starts, derivative, difference, interior

from pinnrun.problems.advection import Advection


def problem(**more) -> Advection:
    return Advection("case", "advection", **more)


def field(network, y):
    x, t = y[0], y[1]
    seen = torch.stack([torch.cos(x), torch.cos(2 * x), torch.sin(x), torch.sin(2 * x), 4 * t - 1])
    return torch.sin(x) + 2 * t * network(seen)[0]


def test_residual():
    case = problem(speed=7.0, harmonics=2, duration=0.5)
    assert case.features == 5
    assert_residual(case, field, lambda u, y: derivative(u, 1)(y) + 7.0 * derivative(u, 0)(y))


def test_start_and_period_hold_for_any_network():
    assert_starts(problem(), np.sin)
    assert_periodic(problem())


def test_the_closed_form_solves_it():
    case = problem(speed=30.0)
    u, at = case.reference().field, interior(case)
    u_t, u_x = difference(u, at, 1, 1, 1e-3), difference(u, at, 0, 1, 1e-3)
    assert np.abs(u_t).max() > 29
    assert np.abs(u_t + 30.0 * u_x).max() < 1e-7
    x = np.linspace(0, 2 * pi, 9)
    assert np.allclose(u(np.stack([x, 0 * x], -1)), np.sin(x), atol=1e-15)


def test_conditions_as_terms():
    """A periodic field has no ends."""
    assert [term.name for term in problem(conditions="soft").terms()] == ["equation", "start"]
    assert [term.name for term in problem().terms()] == ["equation"]
