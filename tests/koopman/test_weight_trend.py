import numpy as np
import pytest

from pinnrun.koopman import Snapshots, forecast
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.weight_trend import continued, fit_weight_trend


def trajectory(values, count=60, size=50, seed=0):
    """w(k) = w* + sum_j c_j lambda_j^k phi_j, (count, size), from a real linear system; and w*."""
    rng = np.random.default_rng(seed)
    fixed, basis = rng.normal(size=size), rng.normal(size=(len(values), size))
    k = np.arange(count)[:, None]
    return fixed + (np.array(values) ** k) @ basis, fixed


@pytest.mark.parametrize("values", [[0.9], [0.97, 0.8], [0.99, 0.9, 0.5]])
def test_weights_of_a_linear_map_are_continued(values):
    weights, _ = trajectory(values, count=200)
    found, future = continued(weights[:60], energy=1.0)
    np.testing.assert_allclose(np.sort(found.real)[::-1], values, atol=1e-5)
    for k in (1, 5, 140):
        np.testing.assert_allclose(future(k), weights[59 + k], atol=1e-5)


def test_energy_cuts_the_modes_that_move_least():
    weights, _ = trajectory([0.9, 0.2], count=60)
    assert [len(continued(weights, energy)[0]) for energy in (0.5, 1.0)] == [1, 2]


def test_the_sum_of_increments_is_that_of_a_loop():
    rng = np.random.default_rng(3)
    weights = np.cumsum(rng.normal(size=(40, 12)) * 0.97 ** np.arange(40)[:, None], axis=0)
    d = np.diff(weights, axis=0).T
    u, s, vt = np.linalg.svd(d[:, :-1], full_matrices=False)
    rank = min(1 + int(np.sum(np.cumsum(s**2) / np.sum(s**2) < 0.99)), 10)
    u, s, vt = u[:, :rank], s[:rank], vt[:rank]
    values, modes = np.linalg.eig(u.T @ d[:, 1:] @ vt.T / s)
    values = values / np.maximum(np.abs(values), 1)
    shares = np.linalg.solve(modes, (u.T @ d[:, -1]).astype(complex))
    moved = sum((u @ modes @ (shares * values**i)).real for i in range(1, 26))
    np.testing.assert_allclose(continued(weights)[1](25), weights[-1] + moved, atol=1e-8)


def test_a_constant_velocity_has_eigenvalue_one_and_goes_on():
    weights = np.arange(20.0)[:, None] * np.array([1.0, -2.0]) + 5
    _, future = continued(weights)
    np.testing.assert_allclose(future(30), [5 + 49, 5 - 98], rtol=1e-6)


def test_the_loss_is_evaluated_at_the_weights_that_will_be():
    """Gradient descent on a quadratic: w(k) is known, and so is its loss."""
    steps = np.arange(1, 4001)
    curvature = 1e-3

    def loss(w):
        return float(0.5 * w @ w)

    start = np.array([3.0, -1.0])
    at = np.arange(10, 1001, 10)
    weights = start * ((1 - curvature) ** at)[:, None]
    y = np.array([loss(start * (1 - curvature) ** k) for k in steps])
    snapshots = Snapshots(at.astype(float), weights, loss)
    look = forecast(steps[:1000], y[:1000], target=1e-4, horizon=2000, forecaster="weights", snapshots=snapshots)
    assert np.log10(look.trend) == pytest.approx(np.log10(y[1999]), abs=1e-3)
    assert look.forecaster == "weights"
    assert len(look.backtests) == 4
    # the last backtest is made from step 750: its snapshots end there
    assert look.backtests[-1] == pytest.approx(0, abs=0.05)


def test_the_horizon_does_not_change_how_often_the_loss_is_asked_for():
    asked = []

    def loss(w):
        asked.append(w)
        return float(w @ w)

    curve = LossCurve.from_history(np.arange(1, 101), np.ones(100))
    at = np.arange(1.0, 101.0)
    weights = 0.9 ** at[:, None] * np.ones(3)
    object.__setattr__(curve, "snapshots", Snapshots(at, weights, loss))
    trend = fit_weight_trend(curve)
    trend.predict(np.geomspace(100, 1e5, 500))
    assert len(asked) == 11


def test_losses_that_are_no_number_are_the_worst_there_is():
    curve = LossCurve.from_history(np.arange(1, 11), np.ones(10))
    snapshots = Snapshots(np.arange(1.0, 11.0), np.arange(10.0)[:, None], lambda w: np.nan)
    object.__setattr__(curve, "snapshots", snapshots)
    assert np.isfinite(fit_weight_trend(curve).predict([20, 100])).all()


@pytest.mark.parametrize("count", [0, 3])
def test_without_weights_it_says_what_it_needs(count):
    snapshots = Snapshots(np.arange(1.0, 1 + count), np.ones((count, 2)), lambda w: 1.0) if count else None
    with pytest.raises(ValueError, match="4 stored weight vectors"):
        forecast([1, 2, 3], [1.0, 1.0, 1.0], target=1, horizon=5, forecaster="weights", snapshots=snapshots)
