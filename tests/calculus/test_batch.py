"""Batched values, rows and Jacobians against a loop over the starts, and against the dense oracle for one of them."""

from dataclasses import replace

import pytest
import torch
from cases import CATALOGUE, close, draw, naive

from pinnrun.calculus import Objective, Term, batch
from pinnrun.calculus.rayleigh import Rayleigh


def starts(case, count=5):
    """The case's own θ and others about as large."""
    return torch.stack([case.theta, *(0.5 * draw(case.network.size, seed=20 + k) for k in range(count - 1))])


@pytest.fixture(params=list(CATALOGUE))
def case(request):
    return CATALOGUE[request.param]()


def test_rows_and_jacobians_are_those_of_the_loop(case):
    thetas = starts(case)
    r, jacobian = batch.linearize(case.objective, thetas)
    for k, theta in enumerate(thetas):
        linear = case.objective.linearize(theta)
        assert close(r[k], linear.r)
        assert close(jacobian[k], linear.J())
    assert close(jacobian[0], naive(case)[1])
    assert close(batch.residuals(case.objective, thetas), r)
    assert not r.requires_grad and not jacobian.requires_grad


@pytest.mark.parametrize("group", [1, 2, 1000])
def test_systems_are_those_of_the_loop(case, group, monkeypatch):
    """However the starts are grouped."""
    thetas = starts(case)
    monkeypatch.setattr(batch, "group_size", lambda *_: group)
    together = batch.systems(case.objective, thetas)
    values = batch.values(case.objective, thetas)
    for k, theta in enumerate(thetas):
        linear = case.objective.linearize(theta)
        jacobian = linear.J()
        assert close(together.value[k], linear.value)
        assert close(values[k], linear.value)
        assert close(together.gradient[k], linear.gradient)
        assert close(together.gram[k], jacobian.T @ jacobian)


def energy(kind=Objective, role="load"):
    """The soft Poisson case with its boundary term as a load, or as the norm of a quotient."""
    case = CATALOGUE["poisson_soft"]()
    square, other = case.blocks
    return case, kind(case.field, [(square.term, square.points), (replace(other.term, role=role), other.points)])


@pytest.mark.parametrize(("kind", "role"), [(Objective, "load"), (Rayleigh, "norm")])
def test_energies_and_quotients(kind, role):
    case, objective = energy(kind, role)
    assert not objective.is_least_squares
    thetas = starts(case)
    together, values = batch.systems(objective, thetas), batch.values(objective, thetas)
    for k, theta in enumerate(thetas):
        value, gradient = objective.gradient(theta)
        assert close(together.value[k], value)
        assert close(values[k], value)
        assert close(together.gradient[k], gradient)
        assert close(together.gram[k], objective.linearize(theta).gram())


def test_several_rows_a_point():
    """A gradient as rows: two of them at every point, row after row as ``Objective.residual`` has them."""
    case = CATALOGUE["burgers"]()
    old = case.blocks[0]
    slopes: Term = replace(old.term, residual=lambda points, u: u.gradient[:, 0, :, 0].T, rows=2)
    objective = Objective(case.field, [(slopes, old.points)])
    thetas = starts(case)
    r, jacobian = batch.linearize(objective, thetas)
    for k, theta in enumerate(thetas):
        linear = objective.linearize(theta)
        assert close(r[k], linear.r)
        assert close(jacobian[k], linear.J())


def test_a_start_that_is_not_finite_leaves_the_others_alone():
    case = CATALOGUE["burgers"]()
    thetas = starts(case)
    sound = batch.systems(case.objective, thetas)
    thetas[2] = float("nan")
    together = batch.systems(case.objective, thetas)
    for ill, well in zip(together, sound, strict=True):
        assert ill[2].isnan().any()
        assert torch.equal(ill[[0, 1, 3, 4]], well[[0, 1, 3, 4]])


def test_nothing_is_left_behind():
    """Neither in what the points remember, nor in the shares, nor in θ."""
    case = CATALOGUE["poisson_boltzmann"]()
    objective, thetas = case.objective, starts(case)
    before = thetas.clone()
    batch.systems(objective, thetas)
    batch.values(objective, thetas)
    assert torch.equal(thetas, before)
    assert all(type(share) is float for share in objective.shares().values())
    assert close(objective.linearize(case.theta).J(), naive(case)[1])


def test_groups_are_small_enough_for_a_cache():
    case = CATALOGUE["fit"]()
    entries = case.objective.rows * case.network.size
    thetas = case.theta.expand(10, -1)
    assert batch.group_size(case.objective, thetas) == batch.GROUP["cpu"] // entries
    large = batch.GROUP["cpu"] // (batch.WORTH_IT * case.objective.rows)
    assert batch.group_size(case.objective, thetas.new_zeros((10, large))) >= batch.WORTH_IT
    assert batch.group_size(case.objective, thetas.new_zeros((10, large + 1))) == 1, "one after the other is faster"
