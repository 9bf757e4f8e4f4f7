import numpy as np
import pytest
from scipy import stats

from pinnrun.koopman.baselines import PowerLaw, fit_power_law
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import fit_damped_trend
from pinnrun.koopman.prior import table
from pinnrun.koopman.reach import (
    SURPRISES,
    SURPRISING,
    ResidualLaw,
    backtest,
    first_passage,
    mix,
    prior,
    probability,
)
from pinnrun.koopman.regime import Regime

FALL = PowerLaw(now=1000.0, level=-1.0, trend=-0.8)
LAW = ResidualLaw(-0.7, -0.05, 0.4)


def damped(exponent=-1.5, count=1000):
    steps = np.arange(1.0, count + 1)
    return fit_damped_trend(LossCurve.from_history(steps, steps**exponent))


@pytest.mark.parametrize("regime", Regime)
def test_prior_holds_the_measured_quantiles(regime):
    law = prior(regime, "hankel_slope", "quasi_newton")
    measured = table()["residuals"]["hankel_slope"]["quasi_newton"][regime.value]
    for p, q in zip((0.1, 0.5, 0.9), measured, strict=True):
        assert law.quantile(p) == pytest.approx(q, abs=1e-12)
        assert law.cdf(q) == pytest.approx(p, abs=1e-12)


def test_law_is_two_half_logistics():
    for r in np.linspace(-4, 3, 29):
        scale = (0.65 if r < -0.05 else 0.45) / np.log(9)
        assert LAW.cdf(r) == pytest.approx(stats.logistic.cdf(r, loc=-0.05, scale=scale), rel=1e-12)
    p = np.linspace(0.001, 0.999, 200)
    np.testing.assert_allclose([LAW.cdf(r) for r in LAW.quantile(p)], p, rtol=1e-10)
    assert LAW.cdf(1e6) == 1.0
    assert 0.0 <= LAW.cdf(-1e6) < 1e-300


@pytest.mark.parametrize("law", [prior(regime, "damped_trend") for regime in Regime])
@pytest.mark.parametrize("goal", [-2.0, -3.0, -4.5])
def test_probability_is_the_share_of_simulated_runs_that_pass(law, goal):
    trend, rng = damped(-1.0), np.random.default_rng(0)
    u = np.linspace(0.001, np.log(8), 3000)
    residuals = law.quantile(rng.uniform(size=4000))
    path = trend.predict(1000 * np.exp(u))
    lowest = np.array([np.min(path + r * u) for r in residuals])
    wild = np.where(rng.uniform(size=4000) < SURPRISES)[0]  # and some that keep to no law
    drawn = rng.logistic(0, SURPRISING / np.log(9), size=len(wild))
    lowest[wild] = [np.min(path + r * u) for r in drawn]
    share = np.mean(lowest <= goal)
    assert probability(trend, law, 1000, 8000, goal) == pytest.approx(share, abs=3 * 0.5 / np.sqrt(4000))


@pytest.mark.parametrize("law", [prior(regime, "damped_trend") for regime in Regime])
def test_probability_never_falls_with_a_later_horizon_or_a_milder_target(law):
    trend = damped(-0.6)
    goals = np.linspace(-6, 0, 25)
    horizons = np.unique(np.geomspace(1001, 40000, 60).astype(int))
    table = np.array([[probability(trend, law, 1000, T, goal) for T in horizons] for goal in goals])
    assert np.all(np.diff(table, axis=0) >= 0)
    assert np.all(np.diff(table, axis=1) >= 0)
    assert np.all((table >= 0) & (table <= 1))


def test_probability_is_one_half_where_the_median_just_passes():
    median = FALL.level + (FALL.trend + LAW.median) * np.log(5)
    surprised = 1 / (1 + 9 ** (-LAW.median / SURPRISING))
    expected = 0.5 * (1 - SURPRISES) + SURPRISES * surprised
    assert probability(FALL, LAW, 1000, 5000, median) == pytest.approx(expected, abs=1e-4)


def test_first_passage_closed_form():
    goal = -2.5
    expected = 1000 * np.exp((goal - FALL.level) / (FALL.trend + LAW.median))
    assert first_passage(FALL, LAW, 1000, 50000, goal) == pytest.approx(expected, rel=1e-6)
    assert first_passage(FALL, LAW, 1000, expected * 0.99, goal) is None
    assert first_passage(FALL, LAW, 1000, 50000, -0.5) == 1000


def test_backtests_of_an_exact_power_law():
    steps = np.arange(1.0, 1001)
    curve = LossCurve.from_history(steps, steps**-1.5)
    np.testing.assert_allclose(backtest(curve, fit_power_law), 0, atol=1e-6)
    # the damped trend forecasts too little of a fall: the truth lies below it, more so the longer the horizon
    residuals = backtest(curve, fit_damped_trend)
    assert len(residuals) == 4
    assert np.all(residuals < 0)
    assert np.all(np.diff(residuals) > 0)


def test_backtest_against_a_plain_reimplementation():
    rng = np.random.default_rng(3)
    steps = np.arange(1, 401)
    loss = steps**-1.0 * 10 ** (0.05 * rng.normal(size=400))
    expected = []
    for origin in (120, 180, 240, 300):
        past = fit_damped_trend(LossCurve.from_history(steps[:origin], loss[:origin]))
        reached = np.median(steps[387:])  # steps 388 to 400 are the last 3 %
        truth = np.median(np.log10(loss[387:]))
        expected.append((truth - past.predict([reached])[0]) / np.log(reached / origin))
    residuals = backtest(LossCurve.from_history(steps, loss), fit_damped_trend)
    np.testing.assert_allclose(residuals, expected, atol=1e-4)


def test_origins_with_too_little_history_are_left_out():
    def residuals(count):
        return backtest(LossCurve.from_history(np.arange(1, count + 1), np.ones(count)), fit_damped_trend)

    assert [len(residuals(count)) for count in (1, 8, 11, 20, 27)] == [0, 0, 1, 3, 4]


def test_own_backtests_count_from_eight_on():
    assert mix(LAW, np.zeros(7)) is LAW
    mixed = mix(LAW, np.zeros(8))
    np.testing.assert_allclose([mixed.low, mixed.median, mixed.high], np.array([-0.7, -0.05, 0.4]) * 16 / 24)


def test_own_backtests_take_over_but_never_alone():
    own = np.random.default_rng(0).normal(1.0, 0.1, size=5000)
    mixed = mix(LAW, own)
    last = own[-32:]
    for value, p, before in zip(
        (mixed.low, mixed.median, mixed.high), (0.1, 0.5, 0.9), (-0.7, -0.05, 0.4), strict=True
    ):
        assert value == pytest.approx(before / 3 + 2 * np.quantile(last, p) / 3)


def test_own_backtests_that_are_useless_do_no_harm():
    assert mix(LAW, [np.nan] * 20) is LAW
    wild = mix(LAW, [-1e9, 1e9] * 10)
    assert -3.0 < wild.low < wild.median < wild.high < 3.0
