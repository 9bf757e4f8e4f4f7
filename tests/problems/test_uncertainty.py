"""The covariance of a fit: that of linear regression, and the scatter of fits to many sets of data."""

import numpy as np
import pytest
import torch
from cases import draw

from pinnrun.calculus import Derivatives, Field, Jet, Points, Term
from pinnrun.problems.uncertainty import Parametrised, covariance

X = torch.linspace(0.1, 1.0, 12, dtype=torch.float64)[:, None]


class Polynomial:
    """θ_0 x² + θ_1 x + θ_2, linear in θ."""

    has_jets, size = False, 3

    def value(self, theta, inputs):
        return (inputs ** torch.tensor([2.0, 1.0, 0.0], dtype=inputs.dtype)) @ theta[:, None]


class Fit:
    def __init__(self, theta):
        self.field, self.theta = Field(Polynomial(), Points.coordinates, lambda points, raw: raw), theta


def data_term(weight: float = 1.0) -> Term:
    return Term("data", lambda g, n: Points(X), lambda p, u: u.value[..., 0] - p["y"], Derivatives(), 12, weight)


def bend_term(weight: float) -> Term:
    """An equation without noise: u″ = 2."""
    derivatives = Derivatives(pairs=((0, 0),))
    return Term("equation", lambda g, n: Points(X), lambda p, u: u.dd(0, 0)[..., 0] - 2.0, derivatives, 5, weight)


@pytest.mark.parametrize("weight", [1.0, 30.0])
def test_data_alone_are_linear_regression(weight):
    y = X[:, 0] ** 2 + 0.1 * draw(12)
    theta, expected = np.polyfit(X[:, 0].numpy(), y.numpy(), 2, cov=True)
    found = covariance(Fit(torch.as_tensor(theta)), [(data_term(weight), Points(X, y=y))], "data", range(3))
    assert np.allclose(found.matrix.numpy(), expected, rtol=1e-8)
    assert found.effective == pytest.approx(3.0)
    assert found.standard_errors == pytest.approx(np.sqrt(np.diag(expected)))


@pytest.mark.parametrize("weight", [1e-3, 0.1, 1e6])
def test_with_an_equation_it_is_the_scatter_of_many_fits(weight):
    """The fit is linear in the data here, so that its covariance follows from the fits of unit vectors."""
    terms, sigma = [(bend_term(weight), Points(X[:5])), (data_term(2.0), None)], 0.05

    def fit(y):
        powers = X ** torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64)
        bend = torch.zeros(5, 3, dtype=torch.float64)
        bend[:, 0] = 2.0
        rows = torch.cat([(weight / 5) ** 0.5 * bend, (2.0 / 12) ** 0.5 * powers])
        right = torch.cat([(weight / 5) ** 0.5 * torch.full((5,), 2.0, dtype=torch.float64), (2.0 / 12) ** 0.5 * y])
        return torch.linalg.lstsq(rows, right).solution

    y = X[:, 0] ** 2 + sigma * draw(12)
    moved = torch.stack([fit(y + e) - fit(y) for e in torch.eye(12, dtype=torch.float64)])
    blocks = [(terms[0][0], terms[0][1]), (terms[1][0], Points(X, y=y))]
    found = covariance(Fit(fit(y)), blocks, "data", [0, 2])
    expected = found.noise**2 * (moved.T @ moved)[[0, 2]][:, [0, 2]]
    assert torch.allclose(found.matrix, expected, rtol=1e-6, atol=1e-12 * float(expected.max()))
    leverage = sum(float(Polynomial().value(moved[i], X[i : i + 1])) for i in range(12))
    assert found.effective == pytest.approx(leverage, rel=1e-6)


def test_noise_is_estimated_without_bias():
    """Over 400 sets of data of 12 points the mean of the estimated variance is the true one, within 3 of its errors."""
    variances = []
    for seed in range(400):
        y = X[:, 0] + 0.2 * draw(12, seed=seed)
        theta = torch.as_tensor(np.polyfit(X[:, 0].numpy(), y.numpy(), 2))
        variances.append(covariance(Fit(theta), [(data_term(), Points(X, y=y))], "data", [0]).noise ** 2)
    assert np.mean(variances) == pytest.approx(0.04, abs=3 * 0.04 * (2 / 9 / 400) ** 0.5)


def test_what_has_no_parameters_has_no_covariance():
    assert isinstance(Fit(torch.zeros(3)), Parametrised)
    assert not isinstance(lambda points, derivatives: Jet, Parametrised)
