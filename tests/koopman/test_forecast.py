import doctest
import importlib
import json
import time
from functools import partial

import numpy as np
import pytest

import pinnrun.koopman
from pinnrun.koopman import Regime
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import fit_damped_trend
from pinnrun.koopman.reach import SURPRISES, SURPRISING, mix, prior

forecast = partial(pinnrun.koopman.forecast, forecaster="damped_trend")  # whose numbers can be told


def power_law(count=2000, exponent=-1.0, scale=100.0):
    steps = np.arange(1, count + 1)
    return steps, scale * steps.astype(float) ** exponent


def test_docstring_example():
    # the package's attribute of this name is the function
    module = importlib.import_module("pinnrun.koopman.forecast")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_all_fields_of_a_power_law():
    steps, loss = power_law()
    outlook = forecast(steps, loss, target=1e-4, horizon=20000)
    assert (outlook.now, outlook.horizon, outlook.target) == (2000, 20000, 1e-4)
    assert outlook.loss == pytest.approx(np.median(loss[1939:]), rel=1e-9)
    assert outlook.regime is Regime.STEADY
    assert outlook.since is None
    assert outlook.baselines["power_law"] == pytest.approx(100.0 / 20000, rel=1e-6)
    assert outlook.baselines["last_value"] == pytest.approx(outlook.loss, rel=1e-9)
    assert outlook.trend == pytest.approx(100.0 / 2000 * 10**-0.727, rel=0.02)
    assert outlook.eigenvalues[0] == 1.0
    assert np.isinf(outlook.half_lives[0])


def test_grid_runs_from_now_to_the_horizon_in_whole_steps():
    steps, loss = power_law(20)
    for horizon in (21, 40, 5000):
        grid = forecast(steps, loss, target=1e-3, horizon=horizon).steps
        assert (grid[0], grid[-1]) == (20, horizon)
        assert np.all(np.diff(grid) >= 1)
        np.testing.assert_array_equal(grid, np.round(grid))


def test_band_is_the_trend_plus_the_prior_times_log_time():
    steps, loss = power_law()
    outlook = forecast(steps, loss, target=1e-4, horizon=20000)
    law, u = prior(Regime.STEADY, "damped_trend"), np.log(outlook.steps / 2000)
    trend = fit_damped_trend(LossCurve.from_history(steps, loss)).predict(outlook.steps)
    for band, r in ((outlook.low, law.low), (outlook.median, law.median), (outlook.high, law.high)):
        np.testing.assert_allclose(np.log10(band), trend + r * u, atol=1e-9)


@pytest.mark.parametrize("regime", Regime)
def test_coverage_and_reliability_on_runs_drawn_from_the_prior(regime):
    """True runs are drawn as forecast + r u; the band must hold 80 % and P(reach) the share that passes."""
    steps = np.arange(1, 2001).astype(float)
    loss = {
        Regime.PLATEAU: np.full(2000, 1e-2),
        Regime.EARLY: np.minimum(1.0, (steps / 1000) ** -1.2),
        Regime.ACCELERATING: np.minimum(1.0, (steps / 1000) ** -4),
        Regime.STEADY: steps**-1.0,
    }[regime]
    outlook = forecast(steps, loss, target=1e-3, horizon=10000)
    assert outlook.regime is regime
    trend, rng = fit_damped_trend(LossCurve.from_history(steps, loss)), np.random.default_rng(11)
    residuals = prior(regime, "damped_trend").quantile(rng.uniform(size=20000))
    u = np.log(outlook.steps / 2000)
    for k in (5, 20, -1):
        truth = 10 ** (trend.predict(outlook.steps)[k] + residuals * u[k])
        below_low, below_median, below_high = (
            np.mean(truth < band[k]) for band in (outlook.low, outlook.median, outlook.high)
        )
        assert (below_low, below_median, below_high) == pytest.approx((0.1, 0.5, 0.9), abs=0.012)
    fine = np.linspace(1e-3, np.log(5), 500)
    needed = np.max((-3.0 - trend.predict(2000 * np.exp(fine))) / fine)
    surprised = SURPRISES / (1 + 9 ** (-needed / SURPRISING))
    expected = (1 - SURPRISES) * np.mean(residuals <= needed) + surprised
    assert outlook.probability == pytest.approx(expected, abs=0.012)


def test_probability_rises_with_target_and_horizon():
    steps, loss = power_law()
    by_target = [forecast(steps, loss, target=t, horizon=9000).probability for t in np.geomspace(1e-6, 1, 30)]
    by_horizon = [forecast(steps, loss, target=5e-3, horizon=T).probability for T in range(2001, 60000, 2000)]
    assert np.all(np.diff(by_target) >= 0)
    assert np.all(np.diff(by_horizon) >= 0)
    assert by_target[0] < 0.01
    assert by_target[-1] == 1.0


def test_reach_agrees_with_the_median_and_with_the_probability():
    steps, loss = power_law()
    outlook = forecast(steps, loss, target=2e-2, horizon=20000)
    assert outlook.reach is not None
    crossing = np.interp(np.log(outlook.reach), np.log(outlook.steps), np.log10(outlook.median))
    assert crossing == pytest.approx(np.log10(2e-2), abs=0.01)
    assert outlook.probability > 0.5
    half = (
        0.5 * (1 - SURPRISES) + SURPRISES * 0.5
    )  # surprises are as often good as bad; the median of the others is not 0
    for ahead in (outlook.reach - 2, outlook.reach + 2):
        assert forecast(steps, loss, target=2e-2, horizon=ahead).probability == pytest.approx(half, abs=0.01)


def test_reach_is_looked_for_past_the_horizon_as_far_as_errors_are_known():
    steps, loss = power_law()
    assert forecast(steps, loss, target=2e-2, horizon=2100).reach is not None
    assert forecast(steps, loss, target=1e-9, horizon=2100).reach is None


def test_target_already_met():
    steps, loss = power_law()
    outlook = forecast(steps, loss, target=0.06, horizon=4000)
    assert (outlook.probability, outlook.reach) == (1.0, 2000)


def test_one_lucky_dip_does_not_meet_the_target():
    steps, loss = power_law()
    loss[1500] = loss[-1] = 1e-12
    outlook = forecast(steps, loss, target=1e-10, horizon=4000)
    assert outlook.probability < 0.01
    assert outlook.reach is None


def test_rising_loss_that_has_been_low_is_not_expected_to_be_there_again():
    steps = np.arange(1, 1001)
    outlook = forecast(steps, 1e-6 * steps**2.0, target=1e-3, horizon=2000)
    assert outlook.probability < 0.2
    assert outlook.loss > 0.9
    assert outlook.trend > 0.9


def test_no_time_left():
    steps, loss = power_law()
    outlook = forecast(steps, loss, target=1e-3, horizon=2000)
    assert outlook.probability == 0.0
    np.testing.assert_allclose(outlook.low, outlook.high)
    assert forecast(steps, loss, target=1.0, horizon=2000).probability == 1.0


def test_plateau_is_dated():
    loss = np.concatenate([np.geomspace(10, 1e-2, 500), np.full(1500, 1e-2)])
    outlook = forecast(np.arange(1, 2001), loss, target=1e-4, horizon=10000)
    assert outlook.regime is Regime.PLATEAU
    assert 400 < outlook.since < 600


def test_own_backtests_refine_the_band():
    steps, loss = power_law()
    first = forecast(steps, loss, target=1e-4, horizon=20000)
    later = forecast(steps, loss, target=1e-4, horizon=20000, residuals=list(first.backtests))
    assert len(first.backtests) == 4
    law = mix(prior(Regime.STEADY, "damped_trend"), np.concatenate([first.backtests, first.backtests]))
    assert law is not prior(Regime.STEADY, "damped_trend")
    u = np.log(10)
    for band, r in ((later.low, law.low), (later.median, law.median), (later.high, law.high)):
        assert np.log10(band[-1]) == pytest.approx(np.log10(later.trend) + r * u, abs=1e-9)
    # this run has always done better than forecast, and by much the same amount
    assert later.high[-1] / later.low[-1] < first.high[-1] / first.low[-1]
    assert later.trend == first.trend


@pytest.mark.parametrize("count", [1, 2, 5, 8, 20, 100])
@pytest.mark.parametrize("kind", ["constant", "rising", "bad head", "cliff", "noise"])
def test_forecast_is_finite_and_json_whatever_the_history(count, kind):
    steps = np.arange(1, count + 1)
    loss = {
        "constant": np.ones(count),
        "rising": 10.0 ** (3 * steps),
        "bad head": np.where((steps < 4) & (steps < count), np.inf, 1.0 / steps),
        "cliff": np.where(steps < count, 1.0, 0.0),
        "noise": 10.0 ** (3 * np.random.default_rng(0).normal(size=count)),
    }[kind]
    outlook = forecast(steps, loss, target=1e-5, horizon=20 * count)
    for band in (outlook.low, outlook.median, outlook.high):
        assert np.isfinite(band).all()
    assert np.all(outlook.low <= outlook.median)
    assert np.all(outlook.median <= outlook.high)
    assert 0 <= outlook.probability <= 1
    plain = json.loads(json.dumps(outlook.as_dict(), allow_nan=False))
    assert plain["regime"] == outlook.regime.value
    assert plain["half_lives"][0] is None
    assert plain["median"] == outlook.median.tolist()


@pytest.mark.parametrize(
    ("target", "horizon", "words"), [(0.0, 100, "positive"), (np.nan, 100, "positive"), (1e-3, 49, "horizon")]
)
def test_impossible_questions_are_refused(target, horizon, words):
    steps, loss = power_law(50)
    with pytest.raises(ValueError, match=words):
        forecast(steps, loss, target=target, horizon=horizon)


@pytest.mark.parametrize("count", [20, 20000])
def test_a_forecast_with_its_backtests_takes_a_few_milliseconds(count):
    steps, loss = power_law(count)
    spent = []
    for _ in range(15):
        start = time.thread_time()
        forecast(steps, loss, target=1e-6, horizon=10 * count)
        spent.append(time.thread_time() - start)
    assert min(spent) < 0.01
