import numpy as np
import pytest

from pinnrun.koopman import Snapshots, forecast
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.weight_trend import KNOTS, fit_weight_trend
from pinnrun.koopman.weights import forecast_weights


def test_the_weights_are_those_of_the_rule_of_modes():
    """Noisy increments of many directions: what `forecast_weights` says, at every knot."""
    rng = np.random.default_rng(3)
    weights = np.cumsum(rng.normal(size=(40, 12)) * 0.97 ** np.arange(40)[:, None], axis=0)
    asked = []
    at = np.arange(1.0, 41.0)
    curve = LossCurve.from_history(at, np.ones(40))
    object.__setattr__(curve, "snapshots", Snapshots(at, weights, lambda w: asked.append(w) or 1.0))
    fit_weight_trend(curve)
    ahead = [round(40 * knot) - 40 for knot in KNOTS]
    whole = [k for k, knot in enumerate(KNOTS) if abs(40 * knot - round(40 * knot)) < 1e-9]
    expected = forecast_weights(weights, ahead, "modes")
    assert len(whole) > 6
    for k in whole:
        np.testing.assert_allclose(asked[k], expected[k], atol=1e-10)


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
