"""The cavity: walls hold exactly, residuals against torch.func, the reference flow in place of the network."""

import numpy as np
import pytest
import torch
from cases import close, draw
from problems.residuals import check_residuals, generator, network_of
from torch.func import hessian, jacrev

from pinnrun.calculus import Derivatives, Field, Jet, Points
from pinnrun.errors import UserError
from pinnrun.problems.cavity import Cavity


def problem(**more) -> Cavity:
    return Cavity("case", "cavity", **more)


def lid(x, n):
    return (1 - (2 * x - 1) ** n) ** 2


@pytest.mark.parametrize("n", [2, 16])
def test_residuals_are_those_of_torch_func(n):
    def field(network, x):
        raw = network(2 * x - 1)
        walls = 16 * x[0] * (1 - x[0]) * x[1] * (1 - x[1])
        return torch.stack([x[1] ** 3 * lid(x[0], n) + walls * raw[0], walls * raw[1], raw[2]])

    def equations(u, x, data):
        value, slope, bend = u(x), jacrev(u)(x), hessian(u)(x)
        momentum = slope[:2] @ value[:2] + slope[2] - bend[:2].diagonal(dim1=-2, dim2=-1).sum(-1) / 50.0
        return torch.cat([momentum, slope[:2].trace()[None]])

    check_residuals(problem(reynolds=50.0, lid=n), field, [equations])


@pytest.mark.parametrize("n", [2, 16])
def test_walls_hold_whatever_the_network(n):
    case = problem(lid=n)
    network, theta = network_of(case)
    along = torch.linspace(0, 1, 101, dtype=torch.float64)
    zero, one = torch.zeros_like(along), torch.ones_like(along)
    for x, u in (((along, zero), zero), ((zero, along), zero), ((one, along), zero), ((along, one), lid(along, n))):
        jet = Field(network, case.inputs, case.ansatz).jet(theta, Points(torch.stack(x, -1)), Derivatives())
        assert float((jet.value[0, :, 0] - u).abs().max()) < 1e-14
        assert float(jet.value[0, :, 1].abs().max()) < 1e-14


def test_the_reference_has_no_error_and_the_observables_of_its_lines():
    case = problem()
    points = case.test_points(generator())
    exact = case.reference().field(points.x[0].numpy())
    moved = exact + np.array([0.0, 0.0, 2.0])
    assert np.abs(case.align(moved, exact) - exact).max() < 1e-14

    def solution(points, derivatives):
        return Jet(torch.as_tensor(case.flow().at(points.x[0].numpy()))[None, None], 2, derivatives)

    found = case.observables(solution)
    assert set(found) == {"u_min", "v_max", "v_min"}
    for item in found.values():
        assert item.error is not None and item.error < 1e-12
    assert found["u_min"].value < -0.1 < 0.1 < found["v_max"].value < -found["v_min"].value


def test_settings_that_will_not_do():
    assert list(problem().problems()) == []
    [told] = problem(lid=3).problems()
    assert "3 is odd" in told
    with pytest.raises(UserError, match="x from 0 to 1, y from 0 to 1"):
        problem().locate(draw(3, 2) + 5.0)
    assert close(problem().locate(torch.ones((1, 2))).x, torch.ones((1, 1, 2)))
    assert (problem().outputs, problem().components) == (3, ("u", "v", "p"))
