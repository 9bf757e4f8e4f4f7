import numpy as np
import pytest

from pinnrun.koopman import History, forecast, forecast_stage
from pinnrun.koopman.stage import make_clock

STEPS = np.arange(1.0, 1001)
LOSS = 10 * STEPS**-1.2


def test_without_further_columns_it_is_the_forecast_of_the_loss_by_steps():
    stage = forecast_stage(History.of({"step": STEPS, "loss": LOSS}), target=1e-4, horizon=5000)
    plain = forecast(STEPS, LOSS, target=1e-4, horizon=5000)
    assert stage.as_dict() == plain.as_dict()


@pytest.mark.parametrize(
    ("columns", "choice", "name"),
    [
        ({}, "auto", "steps"),
        ({}, "rate", "steps"),
        ({}, "evaluations", "steps"),
        ({"rate": np.full(1000, np.nan)}, "rate", "steps"),
        ({"rate": np.full(1000, 3e-3)}, "auto", "steps"),
        ({"rate": np.full(1000, 3e-3)}, "rate", "rate"),
        ({"rate": np.linspace(1, 0.5, 1000)}, "auto", "rate"),
        ({"rate": np.linspace(1, 0.5, 1000)}, "steps", "steps"),
        ({"evaluations": np.full(1000, 3.0)}, "evaluations", "evaluations"),
    ],
)
def test_choice_of_the_clock(columns, choice, name):
    history = History.of({"step": STEPS, "loss": LOSS, **columns})
    assert make_clock(history, choice, 2000).name == name
    assert forecast_stage(history, target=1e-4, horizon=2000, clock=choice).clock == name


def test_a_schedule_that_is_yet_to_set_in_counts():
    history = History(STEPS, LOSS, rate=np.ones(1000), rate_ahead=lambda ahead: 1.0 if ahead < 500 else 0.1)
    assert make_clock(history, "auto", 4000).name == "rate"
    assert make_clock(history, "auto", 1200).name == "steps"


def test_a_clock_that_there_is_not():
    with pytest.raises(ValueError, match="auto, steps, rate, evaluations"):
        make_clock(History(STEPS, LOSS), "hours", 2000)


@pytest.mark.parametrize("forecaster", ["damped_trend", "power_law", "hankel_slope"])
def test_under_a_cosine_the_loss_follows_the_rates_and_answers_come_in_steps(forecaster):
    """The loss is a power law of the sum of the rates; by steps the forecast is far too low."""
    total = 4000
    every = np.arange(1, 40001)
    rates = 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * np.minimum((every - 1) / total, 1.0)))
    spent = np.cumsum(rates)
    loss = 100 * spent**-1.5
    seen = History(
        every[:2000].astype(float), loss[:2000], rate=rates[:2000], rate_ahead=lambda ahead: rates[1999 + ahead]
    )
    look = forecast_stage(seen, target=float(loss[2999]), horizon=4000, forecaster=forecaster)
    exact = forecast(
        spent[:2000] / spent[1999] * 2000,
        loss[:2000],
        target=1e-4,
        horizon=int(spent[3999] / spent[1999] * 2000) + 1,
        forecaster=forecaster,
    )
    assert look.clock == "rate" and look.now == 2000 and look.horizon == 4000
    assert look.ahead == pytest.approx(np.log(spent[3999] / spent[1999]), abs=1e-3)
    assert look.trend == pytest.approx(exact.trend, rel=2e-3)
    if forecaster == "power_law":
        assert look.trend == pytest.approx(loss[3999], rel=2e-3)
        by_steps = forecast_stage(seen, target=1e-4, horizon=4000, forecaster=forecaster, clock="steps")
        assert by_steps.trend < 0.75 * loss[3999]
    assert look.reach is None or 2000 < look.reach < 4000


def test_a_price_that_changes_is_seen_by_evaluations():
    price = np.where(STEPS <= 500, 1.0, 5.0)
    spent = np.cumsum(price)
    history = History(STEPS, 10 * spent**-1.0, evaluations=price)
    look = forecast_stage(history, target=1e-6, horizon=4000, clock="evaluations", forecaster="power_law")
    assert look.trend == pytest.approx(10 / (spent[-1] + 5 * 3000), rel=1e-6)


def test_a_run_from_before_there_was_a_rate_column_is_analysed_by_steps():
    columns = {"step": STEPS, "loss": LOSS, "merit": np.full(1000, np.nan), "rate": np.full(1000, np.nan)}
    for clock in ("auto", "rate", "steps"):
        look = forecast_stage(History.of(columns), target=1e-4, horizon=5000, clock=clock)
        assert (look.clock, look.observable) == ("steps", "loss")
