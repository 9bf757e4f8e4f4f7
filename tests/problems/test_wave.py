"""The wave equation: residual, conditions in both forms, and the closed form."""

from math import pi

import numpy as np
import torch
from evolution import (
    assert_residual,
    assert_starts,
    assert_vanishes_at_ends,
    derivative,
    difference,
    generator,
    interior,
)

from pinnrun.calculus import Jet, Points
from pinnrun.problems.wave import Wave


def problem(**more) -> Wave:
    return Wave("case", "wave", **more)


def start(x: np.ndarray) -> np.ndarray:
    return np.sin(pi * x) + 0.5 * np.sin(4 * pi * x)


def field(network, y):
    x, t = y[0], y[1]
    tau = t / 1.5
    raw = network(torch.stack([2 * x - 1, 2 * tau - 1]))[0]
    return torch.sin(pi * x) + 0.5 * torch.sin(4 * pi * x) + tau**2 * 4 * x * (1 - x) * raw


def test_residual():
    assert_residual(
        problem(speed=3.0, duration=1.5),
        field,
        lambda u, y: derivative(u, 1, 1)(y) - 9.0 * derivative(u, 0, 0)(y),
    )


def test_start_and_ends_hold_for_any_network():
    assert_starts(problem(), start)
    assert_vanishes_at_ends(problem())


def test_the_closed_form_solves_it():
    case = problem(speed=1.3)
    u, at = case.reference().field, interior(case)
    u_tt, u_xx = difference(u, at, 1, 2, 2e-3), difference(u, at, 0, 2, 2e-3)
    assert np.abs(u_tt).max() > 10
    assert np.abs(u_tt - 1.3**2 * u_xx).max() < 1e-5 * np.abs(u_tt).max()
    x = np.linspace(0, 1, 11)
    assert np.allclose(u(np.stack([x, 0 * x], -1)), start(x), rtol=0, atol=1e-15)
    t = np.linspace(0, 1, 11)
    assert np.abs(u(np.stack([0 * t + 1, t], -1))).max() < 1e-14
    assert np.abs(difference(u, np.stack([x, 0 * x], -1), 1, 1, 1e-3)).max() < 1e-8


def test_the_default_is_the_benchmark():
    """PINNacle's Wave 1d-C as its table defines it."""
    at = np.array([[0.3, 0.7], [0.85, 0.11]])
    x, t = at.T
    exact = np.sin(pi * x) * np.cos(2 * pi * t) + 0.5 * np.sin(4 * pi * x) * np.cos(8 * pi * t)
    assert np.allclose(problem().reference().field(at), exact, rtol=1e-13)


def test_conditions_as_terms():
    """The solution in jets leaves no row; another function leaves the ones that it should."""
    terms = problem(conditions="soft", condition_points=10, condition_weight=7.0).terms()
    assert [(term.name, term.count, term.weight) for term in terms] == [
        ("equation", 1000, 1.0),
        ("start", 10, 7.0),
        ("velocity", 10, 7.0),
        ("ends", 10, 7.0),
    ]
    for term in terms:
        points = term.sample(generator(), 40)
        y = points.coordinates(term.derivatives)
        x, turn = pi * y[0], 2 * pi * y[1]
        exact = x.sin() * turn.cos() + 0.5 * (4 * x).sin() * (4 * turn).cos()
        assert float(term.residual(points, exact).abs().max()) < 2e-12
        wrong = exact + 0.25 * y[1] + 0.5
        expected = {"equation": 0.0, "start": 0.5, "velocity": 0.25}
        rows = term.residual(points, wrong)
        if term.name == "ends":
            assert torch.allclose(rows, 0.25 * points.x[..., 1] + 0.5)
            assert sorted(set(points.x[0, :, 0].tolist())) == [0.0, 1.0]
        else:
            assert torch.allclose(rows, torch.full_like(rows, expected[term.name]), atol=2e-12)


def test_soft_leaves_the_network_alone():
    case, x = problem(conditions="soft"), torch.rand((3, 2), dtype=torch.float64)
    raw = Jet.coordinates(x, case.derivatives)[0]
    assert case.ansatz(Points(x), raw) is raw
