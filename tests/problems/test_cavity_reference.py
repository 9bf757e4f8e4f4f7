"""The cavity's reference: its matrices on polynomials, the equations between its nodes, and published flows."""

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from pinnrun.errors import UserError
from pinnrun.problems import cavity_reference
from pinnrun.problems.cavity_reference import derivative_matrix, interpolate, solve

# Ghia, Ghia & Shin, J. Comput. Phys. 48 (1982) 387, tables I and II, Re = 100: u on x = 1/2, v on y = 1/2.
GHIA_U = [
    *((0.9766, 0.84123), (0.9688, 0.78871), (0.9609, 0.73722), (0.9531, 0.68717), (0.8516, 0.23151)),
    *((0.7344, 0.00332), (0.6172, -0.13641), (0.5000, -0.20581), (0.4531, -0.21090), (0.2813, -0.15662)),
    *((0.1719, -0.10150), (0.1016, -0.06434), (0.0703, -0.04775), (0.0625, -0.04192), (0.0547, -0.03717)),
]
GHIA_V = [
    *((0.9688, -0.05906), (0.9609, -0.07391), (0.9531, -0.08864), (0.9453, -0.10313), (0.9063, -0.16914)),
    *((0.8594, -0.22445), (0.8047, -0.24533), (0.5000, 0.05454), (0.2344, 0.17527), (0.2266, 0.17507)),
    *((0.1563, 0.16077), (0.0938, 0.12317), (0.0781, 0.10890), (0.0703, 0.10091), (0.0625, 0.09233)),
]


def test_matrices_are_exact_for_polynomials():
    nodes = 0.5 - 0.5 * np.cos(np.pi * np.arange(10) / 9)
    f, g = Polynomial([1.0, -2.0, 0.5, 3.0, -1.0]), Polynomial([0.3, 1.0, 0.0, -2.0])
    for part in (nodes, nodes[1:-1]):
        assert np.allclose(derivative_matrix(part) @ f(part), f.deriv()(part), rtol=0, atol=1e-11)
        x = np.random.default_rng(0).random((30, 2))
        values = f(part)[:, None] * g(part)[None]
        assert np.allclose(interpolate(part, values, x), f(x[:, 0]) * g(x[:, 1]), rtol=0, atol=1e-12)


def test_equations_hold_between_the_nodes():
    """By central differences of the interpolated flow, at points that no collocation knows."""
    flow, h = solve(100.0, 2, 24), 1e-3
    x = 0.2 + 0.6 * np.random.default_rng(1).random((50, 2))
    along, up = h * np.array([1.0, 0.0]), h * np.array([0.0, 1.0])
    centre, east, west, north, south = (flow.at(x + step) for step in (0 * along, along, -along, up, -up))
    slope_x, slope_y = (east - west) / (2 * h), (north - south) / (2 * h)
    bend = (east + west + north + south - 4 * centre) / h**2
    transport = centre[:, :1] * slope_x[:, :2] + centre[:, 1:2] * slope_y[:, :2]
    momentum = transport + np.stack([slope_x[:, 2], slope_y[:, 2]], -1) - bend[:, :2] / 100.0
    assert np.abs(momentum).max() < 1e-5
    assert np.abs(slope_x[:, 0] + slope_y[:, 1]).max() < 1e-4
    assert np.abs(transport).max() > 0.05, "nothing of it is small by itself"


def test_walls_are_those_of_the_lid():
    flow = solve(100.0, 2, 16)
    along = np.linspace(0.0, 1.0, 31)
    lid = flow.at(np.stack([along, np.ones(31)], -1))
    assert np.allclose(lid[:, 0], 16 * along**2 * (1 - along) ** 2, atol=1e-13)
    for wall in (np.stack([along, np.zeros(31)], -1), np.stack([np.zeros(31), along], -1)):
        assert np.abs(flow.at(wall)[:, :2]).max() < 1e-13


def test_it_converges_spectrally():
    x = np.random.default_rng(2).random((200, 2))
    best, *others = (solve(100.0, 2, order).at(x) for order in (26, 14, 20))
    errors = [np.abs(other - best)[:, :2].max() for other in others]
    assert errors[1] < 3e-5
    assert errors[1] < 0.1 * errors[0]


def test_a_rigid_lid_gives_the_published_flow():
    """Ghia's finite differences are good to a percent or two of the largest velocity; the extremes on the centre lines
    are known to four digits: -0.2140424, 0.1795728, -0.2538030 (Botella & Peyret, Computers & Fluids 27 (1998) 421).
    """
    flow = solve(100.0, None, 26)
    y, u = np.array(GHIA_U).T
    x, v = np.array(GHIA_V).T
    assert np.abs(flow.at(np.stack([np.full_like(y, 0.5), y], -1))[:, 0] - u).max() < 0.012
    assert np.abs(flow.at(np.stack([x, np.full_like(x, 0.5)], -1))[:, 1] - v).max() < 0.012
    fine = np.linspace(0.0, 1.0, 2001)
    half = np.full_like(fine, 0.5)
    up, across = flow.at(np.stack([half, fine], -1)), flow.at(np.stack([fine, half], -1))
    extremes = np.array([up[:, 0].min(), across[:, 1].max(), across[:, 1].min()])
    assert np.abs(extremes / [-0.2140424, 0.1795728, -0.2538030] - 1).max() < 1e-3


def test_a_larger_reynolds_number_starts_from_a_smaller_one(monkeypatch):
    started = []
    newton = cavity_reference._newton
    monkeypatch.setattr(cavity_reference, "_newton", lambda grid, *rest: started.append(rest[0]) or newton(grid, *rest))
    solve.cache_clear()
    flow = solve(500.0, 2, 14)
    assert started == [125.0, 250.0, 500.0]
    direct = cavity_reference._Grid(14, 2)
    residual, _ = direct.linearize(direct.pack(flow), 500.0)
    assert np.abs(residual).max() < 1e-8


def test_the_jacobian_is_the_slope_of_the_residual():
    grid = cavity_reference._Grid(7, 2)
    state, direction = (np.random.default_rng(seed).standard_normal(grid.size) for seed in (0, 1))
    _, jacobian = grid.linearize(state, 40.0)
    ahead, behind = (grid.linearize(state + sign * 1e-5 * direction, 40.0)[0] for sign in (1, -1))
    assert np.allclose(jacobian @ direction, (ahead - behind) / 2e-5, rtol=0, atol=1e-7)


def test_no_flow_is_said_so(monkeypatch):
    monkeypatch.setattr(cavity_reference, "ITERATIONS", 1)
    solve.cache_clear()
    with pytest.raises(UserError, match="no steady flow was found for 100"):
        solve(100.0, 2, 8)
