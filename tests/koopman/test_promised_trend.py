from itertools import pairwise

import numpy as np
import pytest

from pinnrun.koopman import forecast
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.forecasters import DEFAULT, STAND_IN, forecaster_named, settled
from pinnrun.koopman.pooled_trend import slopes
from pinnrun.koopman.prior import Promised, promised
from pinnrun.koopman.promised_trend import EDGES, Promise, fit_promised_trend

KNOWN = Promised(intercept=-0.05, weight=0.7, late=0.5, steepest=2.0, damping=0.4)
STEPS = np.arange(1, 101)


def history(slope=-0.3, promise=1.5, at=100):
    """A power law of 100 steps, asked what is promised at one of them."""
    promises = np.full(100, np.nan)
    promises[at - 1] = promise
    return STEPS, 10.0 ** (slope * np.log(STEPS)), promises


def curve(*args, **settings):
    return LossCurve.from_history(*history(*args, **settings))


@pytest.mark.parametrize(("slope", "promise"), [(-0.3, 1.5), (-1.0, 0.0), (-3.0, 4.0), (0.2, 0.3)])
def test_the_slope_is_what_is_promised_and_some_of_what_was(slope, promise):
    seen = curve(slope, promise)
    level = slopes(seen)[0]
    expected = -0.05 - 0.7 * promise + 0.5 * np.clip(slope, -2.0, 0.0)
    for factor in (2.0, 5.0, 10.0):
        moved = expected * (1 - np.exp(-0.4 * np.log(factor))) / 0.4
        assert fit_promised_trend(seen, known=KNOWN).predict([100 * factor])[0] == pytest.approx(
            level + moved, abs=1e-9
        )


def test_it_never_rises():
    rising = Promised(0.5, 0.0, 0.0, 1.0, 0.4)
    assert fit_promised_trend(curve(), known=rising).trend[0] == 0.0


@pytest.mark.parametrize(("at", "known"), [(100, 1.5), (80, 1.5), (67, 1.5), (66, None), (30, None)])
def test_a_promise_is_out_of_date_after_half_as_many_steps_again(at, known):
    assert curve(at=at).promise == known


def test_a_curve_is_cut_with_its_promises():
    past = curve(at=50).until(0.5)
    assert (len(past), past.promise, curve(at=51).until(0.5).promise) == (50, 1.5, None)


def test_losses_that_are_left_out_take_their_promises_along():
    steps, loss, promises = history()
    loss[[10, 99]] = np.nan
    promises[97] = 0.7
    seen = LossCurve.from_history(steps, loss, promises)
    assert len(seen) == len(seen.promises) == 98 and seen.promise == 0.7


def test_where_nothing_is_promised_the_combined_trend_stands_in():
    seen = curve(promise=np.nan)
    assert settled(DEFAULT, seen) == STAND_IN and settled("hankel", seen) == "hankel"
    mine, theirs = (forecaster_named(name, "gauss_newton")(seen).predict([200, 1000]) for name in (DEFAULT, STAND_IN))
    assert mine == pytest.approx(theirs)


def test_the_shipped_constants_are_the_default_and_promises_count():
    known = promised()
    assert known.weight > 0.0 and known.late >= 0.0 and known.damping >= 0.0
    seen = curve(promise=3.0)
    assert settled(DEFAULT, seen) == DEFAULT
    trends = [fit_promised_trend(seen).trend[0], fit_promised_trend(seen, known=known).trend[0]]
    assert trends[0] == trends[1] < fit_promised_trend(curve(promise=0.1)).trend[0]


def test_classes_are_bounded_by_their_edges():
    between = [0.0, *((low + high) / 2 for low, high in pairwise(EDGES)), 10.0]
    assert [Promise.of(value) for value in between] == list(Promise)
    assert [Promise.of(value) for value in EDGES] == list(Promise)[1:]


def outlook(promise, family="gauss_newton", **settings):
    steps, loss, promises = history(slope=-0.3, promise=promise)
    return forecast(steps, loss, target=1e-3, horizon=500, family=family, promises=promises, **settings)


def test_a_network_that_is_promised_nothing_is_known_to_stay():
    """The same loss curve, three promises: the band is narrow at none, and the target likelier with every decade."""
    none, some, much = outlook(0.01), outlook(0.5), outlook(4.0)
    assert none.probability < some.probability < much.probability
    width = [np.log10(one.high[-1] / one.low[-1]) for one in (none, some)]
    assert width[0] < 0.5 * width[1]
    assert (none.forecaster, none.promise) == ("promised_trend", 0.01)


def test_without_a_promise_the_forecast_says_who_made_it():
    assert outlook(np.nan).forecaster == STAND_IN and outlook(np.nan).promise is None
    assert outlook(1.0, forecaster="power_law").forecaster == "power_law"


def test_backtests_are_of_the_same_forecaster():
    """From 45 and 75 % of the steps nothing is promised yet, so nothing is learned from there."""
    steps, loss, promises = history()
    known = promises.copy()
    known[[29, 59]] = 1.0
    few = forecast(steps, loss, target=1e-3, horizon=500, family="gauss_newton", promises=promises).backtests
    more = forecast(steps, loss, target=1e-3, horizon=500, family="gauss_newton", promises=known).backtests
    assert (len(few), len(more)) == (0, 4)
