"""What every forecaster promises, whatever it is."""

import json
import time
from typing import get_args

import numpy as np
import pytest

from pinnrun.config import Forecaster
from pinnrun.koopman import FORECASTERS, forecast
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.forecasters import forecaster_named

OF_THE_LOSS = [name for name in FORECASTERS if name != "weights"]


def test_the_config_names_them_all():
    assert set(get_args(Forecaster)) == set(FORECASTERS)


def test_one_that_there_is_not():
    with pytest.raises(ValueError, match="damped_trend, "):
        forecaster_named("crystal_ball")


@pytest.mark.parametrize("name", FORECASTERS)
def test_each_names_what_it_is_and_where_it_comes_from(name):
    assert FORECASTERS[name].__doc__


@pytest.mark.parametrize("name", OF_THE_LOSS)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 12, 60, 600])
@pytest.mark.parametrize("kind", ["constant", "rising", "cliff", "noise", "power", "bad head"])
def test_whatever_the_history_the_forecast_is_finite_and_json(name, count, kind):
    steps = np.arange(1, count + 1)
    loss = {
        "constant": np.ones(count),
        "rising": 10.0 ** (0.02 * steps),
        "cliff": np.where(steps < count, 1.0, 0.0),
        "noise": 10.0 ** np.random.default_rng(0).normal(size=count),
        "power": 5.0 / steps,
        "bad head": np.where((steps < 4) & (steps < count), np.nan, 1.0 / steps),
    }[kind]
    look = forecast(steps, loss, target=1e-5, horizon=20 * count, forecaster=name)
    assert np.isfinite([look.low, look.median, look.high]).all()
    assert np.all(look.low <= look.median) and np.all(look.median <= look.high)
    assert 0 <= look.probability <= 1
    assert len(look.eigenvalues) == len(look.half_lives)
    json.dumps(look.as_dict(), allow_nan=False)


@pytest.mark.parametrize("name", OF_THE_LOSS)
def test_it_starts_where_the_loss_stands(name):
    steps = np.arange(1.0, 1001)
    curve = LossCurve.from_history(steps, 3.0 * steps**-0.8)
    assert FORECASTERS[name](curve).predict([1000])[0] == pytest.approx(np.log10(3.0) - 2.4, abs=0.02)


@pytest.mark.parametrize("name", OF_THE_LOSS)
def test_the_units_of_loss_and_time_do_not_matter(name):
    """A factor on the loss lifts the forecast, a factor on the clock stretches it."""
    steps = np.arange(1.0, 801)
    loss = steps**-1.1 * 10 ** (0.05 * np.random.default_rng(4).normal(size=800))
    future = np.array([800.0, 1500.0, 8000.0])
    plain = FORECASTERS[name](LossCurve.from_history(steps, loss)).predict(future)
    moved = FORECASTERS[name](LossCurve.from_history(7 * steps, 1e-4 * loss)).predict(7 * future)
    if name == "hankel":  # the level is one of its modes, so what the rank cuts off changes with it
        moved, plain = np.round(moved + 4, 0), np.round(plain, 0)
        np.testing.assert_allclose(moved, plain, atol=1)
    else:
        np.testing.assert_allclose(moved + 4, plain, atol=1e-6)


@pytest.mark.parametrize("name", OF_THE_LOSS)
def test_what_comes_after_the_present_is_not_looked_at(name):
    steps = np.arange(1.0, 1001)
    loss = np.where(steps > 450, 1e-9, steps**-1.0)
    past = LossCurve.from_history(steps, loss).until(0.45)
    alone = LossCurve.from_history(steps[:450], loss[:450])
    np.testing.assert_allclose(
        FORECASTERS[name](past).predict([450, 900]), FORECASTERS[name](alone).predict([450, 900]), rtol=1e-9
    )


@pytest.mark.parametrize("name", OF_THE_LOSS)
def test_it_is_cheap(name):
    steps = np.arange(1, 2001)
    loss = steps**-1.0
    spent = []
    for _ in range(15):
        start = time.thread_time()
        forecast(steps, loss, target=1e-6, horizon=20000, forecaster=name)
        spent.append(time.thread_time() - start)
    assert min(spent) < 0.03
