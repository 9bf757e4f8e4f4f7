"""What is known to go wrong in forecasting a training curve, each shown to go wrong, and not to go wrong here."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from pinnrun.koopman import FORECASTERS, History, Regime, Verdict, forecast, forecast_stage, verdict
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import DAMPINGS, DampedTrend, fit_damped_trend
from pinnrun.koopman.hankel_dmd import delay_modes
from pinnrun.koopman.reach import backtest

OF_THE_LOSS = [name for name in FORECASTERS if name != "weights"]


def curve(y):
    return LossCurve.from_history(np.arange(1, len(y) + 1), 10.0 ** np.asarray(y))


def kinked(knots, slopes, count, start=1.0):
    """y straight in ln(step) with slopes[i] decades per unit, changing at `knots` (steps)."""
    tau = np.log(np.arange(1.0, count + 1))
    y = start + slopes[0] * tau
    for knot, before, after in zip(knots, slopes, slopes[1:], strict=False):
        y += (after - before) * np.maximum(tau - np.log(knot), 0.0)
    return y


# -- 1. asking too early -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_THE_LOSS)
def test_before_the_first_drop_every_forecaster_fails_and_nothing_is_given_up(name):
    y = kinked([1000], [-0.03, -1.2], 10000, start=2.0)
    early, later = y[:900], y[:4000]
    assert FORECASTERS[name](curve(early)).predict([9000])[0] - y[8999] > 2.0
    look = forecast(np.arange(1, 901), 10**early, target=1e-1, horizon=20000, forecaster=name)
    assert verdict(look, minimum=2000).verdict is not Verdict.SCALE
    if name == "damped_trend":
        assert abs(FORECASTERS[name](curve(later)).predict([10000])[0] - y[-1]) < 0.5


# -- 2. exponentials in linear time --------------------------------------------------------------------------


def test_exponentials_in_linear_time_fall_through_the_floor_or_stop_at_once():
    steps = np.arange(1.0, 20001)
    y = 2 - 1.5 * np.log10(steps)
    last = slice(600, 2000)
    line = np.polyfit(steps[last], y[last], 1)  # one exponential, no floor
    assert np.polyval(line, 20000) < y[-1] - 4
    (a, b, c), _ = curve_fit(
        lambda t, a, b, c: np.log10(np.abs(c) + np.exp(a - b * t / 1000)), steps[last], y[last], p0=(-3, 1, 1e-4)
    )  # one exponential with a floor
    floored = np.log10(np.abs(c) + np.exp(a - b * 20))
    assert floored > y[-1] + 1
    for name in ("damped_trend", "hankel_slope", "power_law"):
        assert abs(FORECASTERS[name](curve(y[:2000])).predict([20000])[0] - y[-1]) < 0.45, name


# -- 3. free floors ------------------------------------------------------------------------------------------


def test_a_free_floor_latches_onto_a_local_flattening():
    y = kinked([500, 900], [-0.6, -0.25, -0.6], 12000, start=0.0) + 0.02 * np.sin(np.arange(12000) / 50)
    y[900:] = kinked([500, 1200], [-0.6, -0.25, -0.6], 12000, start=0.0)[900:]
    now, steps = 1200, np.arange(1.0, 12001)
    window = slice(360, now)
    (a, b, c), _ = curve_fit(
        lambda t, a, b, c: np.log10(np.exp(c) + np.exp(a) * (t / now) ** (-np.abs(b))),
        steps[window], y[window], p0=(y[now] * 2.3, 1.0, y[now] * 2.3), maxfev=20000,
    )  # fmt: skip
    floored = np.log10(np.exp(c) + np.exp(a) * 10.0 ** (-np.abs(b)))
    trend = fit_damped_trend(curve(y[:now])).predict([12000])[0]
    assert floored - y[-1] > 0.5
    assert trend < floored - 0.2


# -- 4. one model by its backtests ---------------------------------------------------------------------------


def test_the_median_of_six_members_is_safer_than_the_forecaster_that_did_best_so_far():
    """60 curves of random slopes and noise; the choice is by the backtests of each curve."""
    rng = np.random.default_rng(0)
    chosen, together = [], []
    for _ in range(60):
        knots = np.sort(np.exp(rng.uniform(np.log(50), np.log(20000), 6)))
        y = kinked(knots, -rng.gamma(1.5, 0.5, 7), 20000) + 0.05 * rng.normal(size=20000)
        past, truth = curve(y[:2000]), np.median(y[19000:])
        names = ("damped_trend", "hankel_slope", "hankel", "power_law", "last_value")
        errors = {name: np.abs(backtest(past, FORECASTERS[name])).mean() for name in names}
        best = FORECASTERS[min(errors, key=lambda name: errors[name])](past)
        chosen.append(abs(best.predict([19500.0])[0] - truth))
        together.append(abs(fit_damped_trend(past).predict([19500.0])[0] - truth))
    assert np.median(together) < np.median(chosen)
    assert np.quantile(together, 0.9) < 0.8 * np.quantile(chosen, 0.9)


def member(trend, k):
    return DampedTrend(trend.now, trend.level[k : k + 1], trend.trend[k : k + 1], trend.damping[k : k + 1])


# -- 5. clipping a defective pair ----------------------------------------------------------------------------


def test_a_clip_to_the_unit_disc_kills_the_trend_of_the_loss_but_not_that_of_its_slope():
    """A power law with a little noise, 30 times: what is missed of the 1.5 decades to come."""
    missed, kept = [], []
    for seed in range(30):
        y = 2 - 1.5 * np.log10(np.arange(1.0, 2001)) + 0.02 * np.random.default_rng(seed).normal(size=2000)
        tau, binned = curve(y).binned(0.05, count=48)
        even = np.linspace(tau[0], tau[-1], 48)
        modes = delay_modes(np.interp(even, tau, binned), 12, 3)
        clipped = modes._replace(eigenvalues=modes.eigenvalues / np.maximum(np.abs(modes.eigenvalues), 1.0))
        k = np.log(10.0) / (even[1] - even[0])
        missed.append(clipped.ahead(np.array([k]))[0] - (binned[-1] - 1.5))
        kept.append(FORECASTERS["hankel_slope"](curve(y)).predict([20000])[0] - (2 - 1.5 * np.log10(20000)))
    assert np.median(missed) > 0.5
    assert np.max(np.abs(kept)) < 0.1


# -- 6. eigenvalues outside the unit disc --------------------------------------------------------------------


def test_without_a_clip_some_forecasts_explode():
    worst = {"free": 0.0, "hankel": 0.0, "hankel_slope": 0.0}
    for seed in range(20):
        y = -np.log10(np.arange(1.0, 2001)) + 0.1 * np.random.default_rng(seed).normal(size=2000)
        free = delay_modes(y[600:].reshape(100, 14).mean(axis=1), 25, 25).ahead(np.array([1286.0]))[0]
        worst["free"] = max(worst["free"], abs(free + np.log10(20000)))
        for name in ("hankel", "hankel_slope"):
            error = abs(FORECASTERS[name](curve(y)).predict([20000])[0] + np.log10(20000))
            worst[name] = max(worst[name], error)
    assert worst["free"] > 8
    assert worst["hankel"] < 2
    assert worst["hankel_slope"] < 2


# -- 7. bands of resampled fits ------------------------------------------------------------------------------


def test_bands_of_resampled_fits_know_the_noise_and_not_the_models_error():
    """40 curves whose slope changes after the present: a bootstrap of the fit against the band that is given."""
    rng = np.random.default_rng(2)
    steps, horizon, now = np.arange(1, 2001), 10000, 2000
    held = {"bootstrap": 0, "band": 0}
    for _ in range(40):
        before, after = -rng.gamma(4, 0.2), -rng.gamma(4, 0.2)
        y = kinked([rng.uniform(1500, 4000)], [before, after], horizon) + 0.05 * rng.normal(size=horizon)
        truth = np.median(y[9700:])
        refits = []
        for _ in range(12):
            keep = np.sort(rng.choice(now, size=now // 2, replace=False))
            past = LossCurve.from_history(steps[keep], 10.0 ** y[keep])
            refits.append(fit_damped_trend(past).predict([9850])[0])
        low, high = np.quantile(refits, (0.1, 0.9))
        held["bootstrap"] += low <= truth <= high
        look = forecast(steps, 10.0 ** y[:now], target=1e-9, horizon=horizon)
        held["band"] += np.log10(look.low[-1]) <= truth <= np.log10(look.high[-1])
    assert held["bootstrap"] / 40 < 0.4
    assert held["band"] / 40 > 0.75


# -- 10. schedules of the learning rate ----------------------------------------------------------------------


def test_under_a_schedule_the_steps_are_the_wrong_clock():
    every = np.arange(1, 10001)
    rates = 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * np.minimum((every - 1) / 5000, 1.0)))
    loss = 10 * np.cumsum(rates) ** -1.2
    seen = History(
        every[:2500].astype(float), loss[:2500], rate=rates[:2500], rate_ahead=lambda k: rates[min(2499 + k, 9999)]
    )
    target, truth = float(0.6 * loss[4999]), np.log10(loss[9999])
    looks = {name: forecast_stage(seen, target=target, horizon=10000, clock=name) for name in ("auto", "steps")}
    assert abs(np.log10(looks["auto"].trend) - truth) < 0.1
    assert np.log10(looks["steps"].trend) < truth - 0.3
    assert looks["steps"].probability > looks["auto"].probability + 0.3  # of what never happens
    assert looks["auto"].probability < 0.35


# -- 11. lucky dips ------------------------------------------------------------------------------------------


def test_dips_of_a_noisy_loss_are_not_where_it_stands():
    rng = np.random.default_rng(3)
    steps = np.arange(1.0, 2001)
    y = -1.0 * np.log10(steps) + 0.1 * rng.normal(size=2000)
    dips = rng.choice(np.arange(1000, 2000), 30, replace=False)
    dipped = y.copy()
    dipped[dips] -= 3
    target = 1e-4  # 0.4 decades below where the trend will be
    assert np.sum(10**dipped <= target) >= 25
    without, look = (
        forecast_stage(History(steps, 10**z), target=target, horizon=4000, forecaster="damped_trend")
        for z in (y, dipped)
    )
    assert look.probability < 0.25
    assert look.probability == pytest.approx(without.probability, abs=0.1)
    assert look.loss == pytest.approx(1 / 2000, rel=0.15)


# -- 13. escapes from plateaus -------------------------------------------------------------------------------


def test_an_escape_from_a_plateau_cannot_be_seen_so_only_the_minimum_guards_against_it():
    """And no plateau has made a target impossible: one training in twenty keeps to no law."""
    y = kinked([300, 1500], [-0.8, 0.0, -2.0], 10000)
    look = forecast(np.arange(1, 1401), 10.0 ** y[:1400], target=10.0 ** y[7999], horizon=14000)
    assert look.regime is Regime.PLATEAU
    assert np.log10(look.trend) - y[7999] > 2  # nothing of it in the trend
    assert 0.001 < look.probability < 0.01
    assert verdict(look, minimum=3000).verdict is Verdict.EXTEND
    assert verdict(look, minimum=2000).verdict is Verdict.SCALE


def test_the_shortfall_of_the_damped_trend_is_the_price_of_its_caution():
    """Every damping of the ensemble falls short of a power law; none of them overshoots."""
    y = -1.5 * np.log10(np.arange(1.0, 2001))
    for k in range(2 * len(DAMPINGS)):
        assert member(fit_damped_trend(curve(y)), k).predict([20000])[0] > -1.5 * np.log10(20000)
