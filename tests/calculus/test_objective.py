"""The objective: rows, weights, shares and gradient, against sums written out by hand and plain autograd."""

from dataclasses import replace

import pytest
import torch
from cases import CATALOGUE, close, draw, naive

from pinnrun.calculus import Derivatives, Objective


@pytest.mark.parametrize("name", CATALOGUE)
def test_value_is_the_weighted_mean_of_squares(name):
    """½ Σ_m w_m mean(residual²), from the unscaled rows of the oracle."""
    case = CATALOGUE[name]()
    r, start, expected = naive(case)[0], 0, 0.0
    for block in case.blocks:
        rows = r[start : start + len(block.points)] / (block.term.weight / len(block.points)) ** 0.5
        expected += 0.5 * block.term.weight * float((rows * rows).mean())
        start += len(block.points)
    assert float(case.objective.value(case.theta)) == pytest.approx(expected, rel=1e-12)
    assert case.objective.rows == start == len(r)


@pytest.mark.parametrize("evaluate", ["value", "residual", "gradient"])
def test_shares_add_up_to_the_latest_value(evaluate):
    case = CATALOGUE["burgers"]()
    objective = case.objective
    assert objective.shares() == {}, "nothing has been evaluated yet"
    objective.value(2.0 * case.theta)
    getattr(objective, evaluate)(case.theta)
    shares = objective.shares()
    r = naive(case)[0]
    assert shares["equation"] == pytest.approx(0.5 * float(r[:9] @ r[:9]), rel=1e-12)
    assert shares["start"] == pytest.approx(0.5 * float(r[9:] @ r[9:]), rel=1e-12)
    assert list(shares) == ["equation", "start"]


def test_gradient_is_that_of_plain_autograd():
    case = CATALOGUE["poisson_soft"]()
    theta = case.theta.clone().requires_grad_(True)
    x = torch.cat([block.points.x[0] for block in case.blocks])
    equation, boundary = case.blocks
    scaled = (2.0 * x - 1.0).requires_grad_(True)
    u = case.network.value(theta, scaled)
    (du,) = torch.autograd.grad(u.sum(), scaled, create_graph=True)
    # ∂²/∂x² = 4 ∂²/∂(2x − 1)²
    curvature = sum(4.0 * torch.autograd.grad(du[:, i].sum(), scaled, create_graph=True)[0][:, i] for i in range(2))
    inside = len(equation.points)
    r_inside = curvature[:inside] + equation.points["source"][0]
    r_boundary = u[inside:, 0] - boundary.points["data"][0]
    loss = 0.5 * (r_inside.square().mean() + r_boundary.square().mean())
    (expected,) = torch.autograd.grad(loss, theta)
    value, gradient = case.objective.gradient(case.theta)
    assert float(value) == pytest.approx(loss.item(), rel=1e-13)
    assert close(gradient, expected)


def test_gradient_follows_the_value():
    case = CATALOGUE["without_jets"]()
    objective, direction, step = case.objective, draw(case.network.size, seed=3), 1e-6
    ahead, behind = (objective.value(case.theta + s * step * direction) for s in (1, -1))
    _, gradient = objective.gradient(case.theta)
    assert float(gradient @ direction) == pytest.approx(float(ahead - behind) / (2 * step), rel=1e-7)


@pytest.mark.parametrize("name", CATALOGUE)
def test_evaluations_leave_theta_alone_and_no_graph_behind(name):
    case = CATALOGUE[name]()
    theta = case.theta.clone().requires_grad_(True)
    value, gradient = case.objective.gradient(theta)
    for tensor in (value, gradient, case.objective.value(theta), case.objective.residual(theta)):
        assert not tensor.requires_grad
    assert theta.grad is None
    assert torch.equal(theta, case.theta)


def test_a_residual_may_have_any_shape():
    case = CATALOGUE["fit"]()
    block = case.blocks[0]
    column = replace(block.term, residual=lambda points, u: u.value - points["data"][..., None])
    shaped = Objective(case.field, [(column, block.points)])
    assert torch.equal(shaped.residual(case.theta), case.objective.residual(case.theta))


def test_a_jet_of_the_field_has_the_channels_that_were_asked_for():
    case = CATALOGUE["poisson_boltzmann"]()
    points = case.blocks[2].points
    jet = case.field.jet(case.theta, points, Derivatives(gradient=True))
    assert jet.channels.shape == (4, 2, len(points), 1)
