"""Plate: residuals by nested torch.func, edges hold exactly, the reference's numbers."""

from math import pi

import numpy as np
import pytest
import torch
from cases import close
from problems.residuals import check_residuals, exact_jet, generator, network_of
from torch.func import hessian

from pinnrun.calculus import Derivatives, Field, Points
from pinnrun.errors import UserError
from pinnrun.problems.plate import BIHARMONIC, SIZE, Plate

SUPPORTS = ("clamped", "simply_supported")


def problem(**more) -> Plate:
    return Plate("case", "plate", **more)


def laplacian(u):
    return lambda x: hessian(u)(x).trace()


@pytest.mark.parametrize("load", ["uniform", "sine"])
@pytest.mark.parametrize("support", SUPPORTS)
def test_residuals_are_those_of_torch_func(support, load):
    """The equation as the Laplacian of the Laplacian; the moment as the second derivative along the normal."""

    def field(network, x):
        distance = 16 * (x * (1 - x)).prod()
        return SIZE * (distance**2 if support == "clamped" else distance) * network(2 * x - 1)

    def equation(u, x, data):
        q = torch.sin(pi * x).prod() if load == "sine" else 1.0
        return 16 * (x * (1 - x)).prod() * (laplacian(laplacian(lambda y: u(y)[0]))(x) - q)

    def moment(u, x, data):
        bend = hessian(lambda y: u(y)[0])(x)
        return torch.where((x[0] == 0) | (x[0] == 1), bend[0, 0], bend[1, 1])

    residuals = [equation] if support == "clamped" else [equation, moment]
    check_residuals(problem(support=support, load=load), field, residuals, count=6)


def sine(x):
    return torch.sin(pi * x).prod()[None] / (4 * pi**4)


def test_the_closed_form_leaves_no_residual():
    equation, moment = problem(support="simply_supported", load="sine").terms()
    points = equation.sample(generator(), 50)
    x = points.x[0]
    value = torch.sin(pi * x).prod(-1)[:, None] / (4 * pi**4)

    class Known:
        """w has ∂⁴ of π⁴ w in every direction."""

        @staticmethod
        def derivative(*index):
            assert index in BIHARMONIC
            return pi**4 * value[None]

    assert float(equation.residual(points, Known()).abs().max()) < 1e-14  # type: ignore[arg-type]
    points = moment.sample(generator(), 50)
    assert float(moment.residual(points, exact_jet(sine, points.x[0], moment.derivatives)).abs().max()) < 1e-15


@pytest.mark.parametrize("support", SUPPORTS)
def test_edges_hold_whatever_the_network(support):
    case = problem(support=support)
    network, theta = network_of(case)
    along = torch.linspace(0, 1, 51, dtype=torch.float64)
    zero, one = torch.zeros_like(along), torch.ones_like(along)
    for x, normal in (((along, zero), 1), ((along, one), 1), ((zero, along), 0), ((one, along), 0)):
        field = Field(network, case.inputs, case.ansatz)
        jet = field.jet(theta, Points(torch.stack(x, -1)), Derivatives(gradient=True))
        assert float(jet.value.abs().max()) < 1e-14
        slope = float(jet.d(normal).abs().max())
        assert slope < 1e-14 if support == "clamped" else slope > 1e-4


def test_what_is_reported_of_the_closed_form():
    case = problem(support="simply_supported", load="sine", poisson_ratio=0.2)
    found = case.observables(lambda points, wanted: exact_jet(sine, points.x[0], wanted))
    assert found["deflection"].value == pytest.approx(1 / (4 * pi**4), rel=1e-12)
    assert found["moment"].value == pytest.approx(1.2 / (4 * pi**2), rel=1e-12)
    assert all(item.error is not None and item.error < 1e-12 for item in found.values())


@pytest.mark.parametrize("load", ["uniform", "sine"])
@pytest.mark.parametrize("support", SUPPORTS)
def test_references(support, load):
    case = problem(support=support, load=load)
    reference = case.reference()
    found = reference.field(np.array([[0.5, 0.5], [0.5, 0.0]]))
    known = {("clamped", "uniform"): 0.00126532, ("simply_supported", "uniform"): 0.00406235}
    if (support, load) in known:
        assert found[0] == pytest.approx(known[support, load], abs=5e-9)
    assert abs(found[1]) < 1e-15
    assert reference.source == {"clamped": "Legendre-Galerkin", "simply_supported": "Navier's series"}[support]


def test_where_it_is_defined():
    case = problem()
    x = case.test_points(generator()).x[0]
    assert x.shape == (4000, 2) and ((x > 0) & (x < 1)).all()
    assert close(case.locate(x).x[0], x)
    with pytest.raises(UserError, match="x from 0 to 1, y from 0 to 1"):
        case.locate(x + 1.0)
    assert (case.outputs, case.components) == (1, ("w",))
    equation, moment = problem(support="simply_supported", boundary_points=7).terms()
    x = moment.sample(generator(), 200).x[0]
    assert ((x == 0) | (x == 1)).any(1).all()
    assert (equation.count, moment.count, moment.weight) == (800, 7, 10_000.0)
