"""Energies and Rayleigh quotients against the plain network: quadrature sums spelled out, derivatives by torch.func."""

import numpy as np
import pytest
import torch
from cases import close, cube, draw, parameters
from scipy.integrate import dblquad
from torch.func import grad, jacrev, vmap

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Objective, Points, Rayleigh, Term, Variance
from pinnrun.problems.quadrature import gauss_box, square_weights

NETWORK = Mlp(2, 1, 4, 2)
THETA = parameters(NETWORK, 3)
FIELD = Field(NETWORK, Points.coordinates, lambda points, raw: raw)
POINTS = cube(2, 5)(torch.Generator(), 11)
X = POINTS.x[0]


def terms(**roles):
    """The gradient (two rows a point), the value and 3 sin(x)·u, in the roles asked for."""
    residuals = {
        "slope": (lambda p, u: u.gradient[..., 0].movedim(0, -1), Derivatives(gradient=True), 2, 0.5),
        "value": (lambda p, u: u.value[..., 0], Derivatives(), 1, 2.0),
        "source": (lambda p, u: 3.0 * torch.sin(p.x[..., 0]) * u.value[..., 0], Derivatives(), 1, 1.5),
    }
    blocks = []
    for name, role in roles.items():
        residual, derivatives, rows, weight = residuals[name]
        term = Term(name, cube(2, 5), residual, derivatives, 11, weight=weight, rows=rows, role=role)
        blocks.append((term, POINTS))
    return blocks


def u(theta, x=X):
    return NETWORK.value(theta, x)[..., 0]


def slope(theta, x=X):
    return vmap(grad(lambda y: NETWORK.value(theta, y)[0]))(x)


def energy(theta):
    """½·½ mean|∇u|² − 1.5 mean 3 sin(x) u."""
    return 0.25 * slope(theta).square().sum(1).mean() - 4.5 * (torch.sin(X[:, 0]) * u(theta)).mean()


def quotient(theta):
    return 0.5 * slope(theta).square().sum(1).mean() / (2.0 * u(theta).square().mean())


def test_a_term_of_several_rows_a_point_is_linearized_row_by_row():
    objective = Objective(FIELD, terms(slope="square", value="square"))
    linear = objective.linearize(THETA)
    rows = np.sqrt(0.5 / 11) * slope(THETA).T.reshape(-1)
    jacobian = np.sqrt(0.5 / 11) * jacrev(slope)(THETA).movedim(1, 0).reshape(22, -1)
    assert objective.rows == 33
    assert close(linear.r[:22], rows)
    assert close(linear.J()[:22], jacobian)
    assert close(objective.linearize_rowwise(THETA).J(), linear.J())
    assert close(objective.residual(THETA), linear.r)
    v = draw(NETWORK.size, seed=4)
    assert close(linear.mv(v), linear.J() @ v)


def test_an_energy_is_its_squares_less_its_loads():
    objective = Objective(FIELD, terms(slope="square", source="load"))
    assert not objective.is_least_squares
    expected = grad(energy)(THETA)
    assert float(objective.value(THETA)) == pytest.approx(float(energy(THETA)), rel=1e-12)
    assert objective.shares() == pytest.approx({"slope": float(0.25 * slope(THETA).square().sum(1).mean())})
    value, gradient = objective.gradient(THETA)
    assert float(value) == pytest.approx(float(energy(THETA)), rel=1e-12)
    assert close(gradient, expected)
    linear = objective.linearize(THETA)
    assert not linear.is_least_squares
    assert float(linear.value) == pytest.approx(float(energy(THETA)), rel=1e-12)
    assert close(linear.gradient, expected)
    assert linear.J().shape == (22, NETWORK.size), "a load has no rows in the metric"


def tangents(theta, of):
    """Derivatives of the rows `of` the normalised function, by differentiating the normalisation too."""
    return jacrev(lambda t: of(t) / (2.0 * u(t).square().mean()).sqrt())(theta)


@pytest.mark.parametrize("metric", ["l2", "energy"])
def test_a_rayleigh_quotient_and_its_metric(metric):
    objective = Rayleigh(FIELD, terms(slope="square", value="norm"), metric)
    expected = grad(quotient)(THETA)
    value = float(quotient(THETA))
    assert float(objective.value(THETA)) == pytest.approx(value, rel=1e-12)
    assert sum(objective.shares().values()) == pytest.approx(value, rel=1e-12)
    for found, gradient in (objective.gradient(THETA), _triple(objective.linearize(THETA))):
        assert float(found) == pytest.approx(value, rel=1e-12)
        assert close(gradient, expected)
    linear = objective.linearize(THETA)
    if metric == "l2":
        jacobian = np.sqrt(2.0 / 11) * tangents(THETA, u)
    else:
        jacobian = np.sqrt(2.0 * 0.5 / 11) * tangents(THETA, lambda t: slope(t).T.reshape(-1))
    assert close(linear.J(), jacobian)
    assert close(linear.gram(), jacobian.T @ jacobian)
    v, y = draw(NETWORK.size, seed=6), draw(len(linear.r), seed=7)
    assert close(linear.mv(v), jacobian @ v)
    assert close(linear.rmv(y), jacobian.T @ y)
    assert not linear.is_least_squares
    for name, shape in NETWORK.layout.shapes:
        if len(shape) == 2:
            part = NETWORK.layout.slices[name]
            columns = (jacobian[:, part].reshape(-1, *shape) * v[part].view(shape)).sum(1)
            assert close(linear.mv_by_column(v, part, shape[1]), columns)
    assert set(linear.signals()) == {NETWORK.layout.slices[name].start for name in NETWORK.layout.slices if "w" in name}


def _triple(linear):
    return linear.value, linear.gradient


def test_stretching_the_function_changes_neither_the_quotient_nor_its_tangents():
    """u → (1 + s) u is the direction of the output layer's weights: the metric must not see it."""
    stretch = torch.zeros_like(THETA)
    for name in ("output.weight", "output.bias"):
        stretch[NETWORK.layout.slices[name]] = THETA[NETWORK.layout.slices[name]]
    for metric in ("l2", "energy"):
        linear = Rayleigh(FIELD, terms(slope="square", value="norm"), metric).linearize(THETA)
        assert float(linear.mv(stretch).norm()) < 1e-13 * float(linear.J().norm() * stretch.norm())
        assert abs(float(linear.gradient @ stretch)) < 1e-13 * float(linear.gradient.norm() * stretch.norm())


def test_the_variance_of_the_local_energy():
    operator = Term("operator", cube(2, 5), lambda p, u: u.d(0) + u.value, Derivatives(gradient=True), 11)
    norm = Term("norm", cube(2, 5), lambda p, u: u.value, Derivatives(), 11, role="norm")
    found = Variance(FIELD, [(operator, POINTS), (norm, POINTS)]).value(THETA)
    psi = u(THETA)
    h = slope(THETA)[:, 0] + psi
    local = h / psi  # its variance under |ψ|² by its definition
    weights = psi.square() / psi.square().sum()
    mean = (weights * local).sum()
    assert float(found) == pytest.approx(0.5 * float((weights * (local - mean).square()).sum()), rel=1e-10)


def test_gauss_points_integrate_over_the_box():
    grid = gauss_box(-1.0, 3.0, 2, 400)
    x = grid.x[0]
    assert len(grid) == 400
    mean = float((square_weights(grid)[0] * torch.exp(0.3 * x[:, 0]) * torch.cos(x[:, 1])).mean())
    integral, _ = dblquad(lambda b, a: np.exp(0.3 * a) * np.cos(b), -1, 3, -1, 3)
    assert mean == pytest.approx(integral / 16.0, rel=1e-12)
    assert len(gauss_box(0.0, 1.0, 3, 25)) == 27
