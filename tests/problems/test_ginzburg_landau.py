"""Ginzburg-Landau: residuals in complex arithmetic by torch.func, start and period hold, the reference solves it."""

from math import pi

import numpy as np
import pytest
import torch
from cases import close
from problems.residuals import check_residuals, exact_jet, generator, network_of, residual_of
from torch.func import hessian, jacrev

from pinnrun.calculus import Derivatives, Field, Jet, Points
from pinnrun.errors import UserError
from pinnrun.problems.ginzburg_landau import GinzburgLandau, spectral

Q = 2 * pi / 10


def problem(**more) -> GinzburgLandau:
    return GinzburgLandau("case", "ginzburg_landau", **more)


def travelling(alpha: float, beta: float):
    """R e^{i(qx − ωt)}, which solves the equation from a start of its own."""
    size, omega = (1 - Q**2) ** 0.5, beta + (alpha - beta) * Q**2

    def at(x):
        phase = Q * x[0] - omega * x[1]
        return size * torch.stack([torch.cos(phase), torch.sin(phase)])

    return at


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, -0.4), (0.0, 1.5), (-1.0, 0.7)])
def test_the_travelling_wave_leaves_no_residual(alpha, beta):
    [left] = residual_of(travelling(alpha, beta), problem(alpha=alpha, beta=beta)).values()
    assert left.shape == (200, 2)
    assert float(left.abs().max()) < 1e-12
    [left] = residual_of(travelling(alpha, beta), problem(alpha=alpha + 0.5, beta=beta)).values()
    assert float(left.abs().max()) > 0.1


def test_residuals_are_those_of_torch_func():
    def field(network, x):
        angle = Q * x[0]
        raw = network(torch.stack([torch.cos(angle), torch.sin(angle), 2 * x[1] / 3 - 1]))
        return torch.stack([torch.cos(angle), 0.5 * torch.sin(angle)]) + x[1] / 3 * raw

    def equation(u, x, data):
        value, rate, bend = (torch.complex(*part) for part in (u(x), jacrev(u)(x)[:, 1], hessian(u)(x)[:, 0, 0]))
        left = rate - value - (1 + 0.7j) * bend + (1 - 1.3j) * value.abs() ** 2 * value
        return torch.stack([left.real, left.imag])

    check_residuals(problem(alpha=0.7, beta=-1.3, duration=3.0), field, [equation])


def test_start_and_period_hold_whatever_the_network():
    case = problem()
    network, theta = network_of(case)
    field = Field(network, case.inputs, case.ansatz)
    x = torch.zeros((40, 2), dtype=torch.float64)
    x[:, 0] = torch.linspace(0, 10, 40)
    start = torch.stack([torch.cos(Q * x[:, 0]), 0.5 * torch.sin(Q * x[:, 0])], -1)
    assert float((field.jet(theta, Points(x), Derivatives()).value[0] - start).abs().max()) < 1e-14
    wanted = Derivatives(gradient=True, pairs=((0, 0),))
    here = torch.tensor([[1.3, 0.4], [7.0, 1.9]], dtype=torch.float64)
    there = here + torch.tensor([10.0, 0.0], dtype=torch.float64)
    assert close(field.jet(theta, Points(here), wanted).channels, field.jet(theta, Points(there), wanted).channels)


def test_the_reference_solves_the_equation():
    """Central differences at points that its time steps do not know."""
    alpha, beta, h = 2.0, -0.4, 1e-3
    solution = spectral(alpha, beta, 10.0, 2.0)
    x = np.array([10.0, 1.9]) * np.random.default_rng(0).random((100, 2)) + np.array([0.0, 0.05])

    def field(dx: float, dt: float) -> np.ndarray:
        a, b = solution(x + np.array([dx, dt])).T
        return a + 1j * b

    here = field(0, 0)
    bend = (field(h, 0) + field(-h, 0) - 2 * here) / h**2
    rate = (field(0, h) - field(0, -h)) / (2 * h)
    left = rate - here - (1 + alpha * 1j) * bend + (1 + beta * 1j) * abs(here) ** 2 * here
    assert np.abs(left).max() < 1e-5
    assert np.abs(rate).max() > 0.5
    start = solution(np.stack([x[:, 0], np.zeros(100)], -1))
    assert np.allclose(start, np.stack([np.cos(Q * x[:, 0]), 0.5 * np.sin(Q * x[:, 0])], -1), atol=1e-13)


def test_the_reference_does_not_depend_on_its_grid():
    x = np.random.default_rng(1).random((200, 2)) * [10.0, 2.0]
    coarse, fine = (spectral(2.0, -0.4, 10.0, 2.0, grid)(x) for grid in (32, 96))
    assert np.abs(coarse - fine).max() < 1e-7


def test_the_travelling_wave_comes_out_after_a_long_time():
    field = spectral(2.0, -0.4, 10.0, 40.0)(np.stack([np.linspace(0, 10, 20), np.full(20, 40.0)], -1))
    assert np.allclose((field**2).sum(-1), 1 - Q**2, atol=1e-3)


def test_what_is_reported_of_the_reference():
    case = problem()

    def solution(points, derivatives):
        return Jet(torch.as_tensor(spectral(2.0, -0.4, 10.0, 2.0)(points.x[0].numpy()))[None, None], 2, derivatives)

    found = case.observables(solution)
    assert set(found) == {"a", "b", "intensity"}
    assert all(item.error == 0.0 for item in found.values())
    [wave] = [case.observables(lambda at, wanted: exact_jet(travelling(2.0, -0.4), at.x[0], wanted))["intensity"]]
    assert wave.value == pytest.approx(1 - Q**2, rel=1e-12)


def test_where_it_is_defined():
    case = problem()
    x = case.test_points(generator()).x[0]
    assert ((x >= 0) & (x <= torch.tensor([10.0, 2.0]))).all()
    assert len(case.locate(torch.tensor([[-30.0, 0.5]]))) == 1, "periodic: any x"
    with pytest.raises(UserError, match="t from 0 to 2"):
        case.locate(torch.tensor([[0.0, 2.1]]))
    assert (case.outputs, case.components, case.coordinates) == (2, ("a", "b"), ("x", "t"))
