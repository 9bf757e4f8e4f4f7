import numpy as np
import pytest

from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.pooled_trend import fit_pooled_trend, slopes
from pinnrun.koopman.prior import Pooled, pooled

KNOWN = Pooled(intercept=-0.05, late=0.7, before=0.4, steepest=1.2, damping=0.2)


def curve(y):
    return LossCurve.from_history(np.arange(1, len(y) + 1), 10.0 ** np.asarray(y))


def kinked(before, late, count=4000, knot=0.55):
    tau = np.log(np.arange(1.0, count + 1))
    return before * tau + (late - before) * np.maximum(tau - np.log(knot * count), 0.0)


@pytest.mark.parametrize(("before", "late"), [(-0.4, -0.9), (-1.0, -0.1), (0.0, -0.6)])
def test_the_trend_is_the_linear_combination_of_its_slopes(before, late):
    y = kinked(before, late)
    level, seen_late, seen_before = slopes(curve(y))
    assert (seen_late, seen_before) == pytest.approx((late, before), abs=2e-3)
    assert level == pytest.approx(y[-1], abs=1e-3)
    trend = fit_pooled_trend(curve(y), KNOWN)
    expected = -0.05 + 0.7 * late + 0.4 * before
    for factor in (2.0, 5.0, 10.0):
        moved = expected * (1 - np.exp(-0.2 * np.log(factor))) / 0.2
        assert trend.predict([4000 * factor])[0] == pytest.approx(y[-1] + moved, abs=5e-3)


@pytest.mark.parametrize(("late", "counted"), [(-1.0, -1.0), (-1.2, -1.2), (-3.0, -1.2), (0.4, 0.0)])
def test_a_slope_counts_within_its_bounds(late, counted):
    trend = fit_pooled_trend(curve(kinked(-0.5, late)), KNOWN).trend[0]
    assert trend == pytest.approx(-0.05 + 0.7 * counted - 0.2, abs=5e-3)


def test_it_never_rises():
    rising = Pooled(0.5, 0.5, 0.5, 1.0, 0.1)
    assert fit_pooled_trend(curve(kinked(-0.1, -0.1)), rising).trend[0] == 0.0


def test_where_nothing_is_known_of_earlier_steps_the_late_slope_stands_in():
    steps = np.arange(2100, 4001)
    late = LossCurve.from_history(steps, 1e3 * (steps / 1000.0) ** (-0.6 * np.log(10)))
    assert slopes(late)[1] == slopes(late)[2] == pytest.approx(-0.6, abs=1e-6)


def test_the_shipped_constants_are_the_default():
    y = kinked(-0.3, -0.5)
    mine, theirs = fit_pooled_trend(curve(y)), fit_pooled_trend(curve(y), pooled())
    assert mine.trend == theirs.trend and mine.damping[0] == pooled().damping


@pytest.mark.parametrize("sigma", [0.05, 0.1])
def test_noise_moves_the_forecast_little(sigma):
    noise = sigma * np.random.default_rng(0).normal(size=(40, 4000))
    y = kinked(-0.5, -0.5)
    ends = [fit_pooled_trend(curve(y + n), KNOWN).predict([40000])[0] for n in noise]
    assert np.mean(ends) == pytest.approx(fit_pooled_trend(curve(y), KNOWN).predict([40000])[0], abs=0.03)
    assert np.std(ends) < 0.1
