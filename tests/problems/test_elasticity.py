"""Elasticity: the known displacement is in balance with the paper's force and tractions, residuals by torch.func."""

from math import pi

import pytest
import torch
from cases import close
from problems.residuals import check_residuals, exact_jet, generator, network_of, residual_of
from scipy.integrate import dblquad
from torch.func import jacrev, vmap

from pinnrun.calculus import Derivatives, Field, Points
from pinnrun.errors import UserError
from pinnrun.problems.elasticity import Elasticity

CASES = [{}, {"lame": 0.3, "shear": 1.7, "load": 2.0}]


def problem(**more) -> Elasticity:
    return Elasticity("case", "elasticity", **more)


def displacement(load: float = 4.0):
    def at(x):
        return torch.stack(
            [torch.cos(2 * pi * x[0]) * torch.sin(pi * x[1]), load / 4 * x[1] ** 4 * torch.sin(pi * x[0])]
        )

    return at


def stress(u, x, lame, shear):
    """σ `(2, 2)` of a plain field."""
    gradient = jacrev(u)(x)
    return lame * gradient.trace() * torch.eye(2, dtype=x.dtype) + shear * (gradient + gradient.T)


def divergence(u, x, lame, shear):
    """∇·σ, as the divergence of the stress and not by Navier's form of it."""
    slope = jacrev(lambda y: stress(u, y, lame, shear))(x)
    return slope.diagonal(dim1=1, dim2=2).sum(-1)


@pytest.mark.parametrize("case", CASES)
def test_the_known_displacement_leaves_no_residual(case):
    left = residual_of(displacement(case.get("load", 4.0)), problem(**case))
    assert left["equations"].shape == (200, 2)
    assert all(float(r.abs().max()) < 1e-11 for r in left.values())


def test_another_load_leaves_one():
    """The force gives every material the same displacement, so that only the load is left to get wrong."""
    assert all(float(r.abs().max()) > 0.1 for r in residual_of(displacement(), problem(load=3.0)).values())


def test_the_force_is_that_of_the_stress():
    x = torch.rand((20, 2), generator=generator(), dtype=torch.float64)
    case = problem(lame=0.3, shear=1.7, load=2.0)
    assert close(case.force(x), -vmap(lambda y: divergence(displacement(2.0), y, 0.3, 1.7))(x))


@pytest.mark.parametrize("case", CASES)
def test_residuals_are_those_of_torch_func(case):
    lame, shear = case.get("lame", 1.0), case.get("shear", 0.5)

    def field(network, x):
        raw = network(2 * x - 1)
        return torch.stack([4 * x[1] * (1 - x[1]) * raw[0], 4 * x[0] * (1 - x[0]) * x[1] * raw[1]])

    def equations(u, x, data):
        return divergence(u, x, lame, shear) + data["force"]

    def tractions(u, x, data):
        sigma, top = stress(u, x, lame, shear), x[1] == 1
        pull = (lame + 2 * shear) * case.get("load", 4.0) * torch.sin(pi * x[0])
        return torch.where(top, sigma[1, 1] - pull, sigma[0, 0])

    check_residuals(problem(**case), field, [equations, tractions])


def test_displacements_that_are_given_hold_whatever_the_network():
    case = problem()
    network, theta = network_of(case)
    along = torch.linspace(0, 1, 51, dtype=torch.float64)
    zero, one = torch.zeros_like(along), torch.ones_like(along)
    held = {(along, zero): (0, 1), (along, one): (0,), (zero, along): (1,), (one, along): (1,)}
    for x, components in held.items():
        value = Field(network, case.inputs, case.ansatz).jet(theta, Points(torch.stack(x, -1)), Derivatives()).value[0]
        assert float(value[:, components].abs().max()) < 1e-14
    assert float(value[:, 0].abs().max()) > 0.01, "the sides slide freely in the other direction"


def test_what_is_reported_of_the_known_displacement():
    """The strain energy by scipy's adaptive quadrature of ½ σ:ε."""
    case = problem(load=2.0)

    def density(y: float, x: float) -> float:
        gradient = jacrev(displacement(2.0))(torch.tensor([x, y], dtype=torch.float64))
        strain = 0.5 * (gradient + gradient.T)
        return float(0.5 * strain.trace() ** 2 + 0.5 * strain.square().sum())

    energy = dblquad(density, 0, 1, 0, 1, epsabs=1e-4, epsrel=1e-4)[0]
    found = case.observables(lambda points, wanted: exact_jet(displacement(2.0), points.x[0], wanted))
    assert found["strain_energy"].value == pytest.approx(energy, rel=1e-4)
    assert found["lift"].value == pytest.approx(0.5, rel=1e-12)
    assert all(item.error is not None and item.error < 1e-12 for item in found.values())


def test_what_is_judged():
    case = problem()
    points = case.test_points(generator())
    exact = torch.as_tensor(case.reference().field(points.x[0].numpy()))
    assert close(exact, vmap(displacement())(points.x[0]))
    assert (case.outputs, case.components) == (2, ("u_x", "u_y"))
    with pytest.raises(UserError, match="x from 0 to 1, y from 0 to 1"):
        case.locate(torch.tensor([[0.5, 1.1]]))
