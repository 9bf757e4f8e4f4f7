"""The analyst: from the rows of a run to its forecasts, by the forecaster, clock and observable that it names."""

import numpy as np
import pytest
from runs import assert_same, interrupt, lookup, resume, start

from pinnrun.config import KoopmanSettings
from pinnrun.koopman import FORECASTERS, History
from pinnrun.optimizers.adam import Adam
from pinnrun.optimizers.base import Pace
from pinnrun.optimizers.lm import LevenbergMarquardt
from pinnrun.run.analyst import Analyst, rates_ahead

PACE = Pace(window=10, minimum=10, horizon=40, snapshot=1, check=1)
COSINE = ("optimizer=adam", "optimizer.schedule=cosine", "optimizer.pace.snapshot=1", "scaleup.max_parameters=13")


def outlooks(folder):
    return [decision["forecast"] for decision in lookup(folder).decisions if decision["forecast"]]


@pytest.mark.parametrize("forecaster", FORECASTERS)
def test_a_run_is_guided_by_the_forecaster_that_it_names(tmp_path, forecaster):
    start(tmp_path, f"koopman.forecaster={forecaster}", "optimizer.pace.snapshot=1")
    found = outlooks(tmp_path)
    assert found and all(look["forecaster"] == forecaster for look in found)
    assert all(look["observable"] == "merit" for look in found)
    merits = [stage.columns["merit"][-1] for stage in lookup(tmp_path).stages]
    assert found[-1]["loss"] == pytest.approx(merits[-1], rel=0.5)


@pytest.mark.parametrize("choice", ["loss", "merit"])
def test_the_observable_is_held_against_the_target_itself(tmp_path, choice):
    start(tmp_path, f"koopman.observable={choice}", "target.loss=1e-5")
    for look in outlooks(tmp_path):
        assert (look["observable"], look["target"]) == (choice, 1e-5)


def test_a_schedule_is_the_clock_and_is_known_ahead(tmp_path):
    start(tmp_path, *COSINE)
    found = outlooks(tmp_path)
    assert {look["clock"] for look in found} == {"rate"}
    steps = np.arange(1, 21)
    rates = 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * np.minimum((steps - 1) / 10, 1)))
    spent = np.cumsum(rates)
    for look in found:
        ahead = np.log(spent[look["horizon"] - 1] / spent[look["now"] - 1]) if look["horizon"] <= 20 else None
        assert ahead is None or look["ahead"] == pytest.approx(ahead, abs=1e-9)
    assert any(look["horizon"] <= 20 for look in found)


@pytest.mark.parametrize("words", [COSINE, ("koopman.forecaster=weights", "optimizer.pace.snapshot=1")])
@pytest.mark.parametrize("step", [7, 12])
def test_a_resumed_run_is_forecast_bit_equally(tmp_path, words, step):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole, *words)
    start(parts, *words, at={step: interrupt})
    resume(parts)
    assert_same(whole, parts)


def test_rewound_rows_are_forgotten():
    analyst = Analyst(KoopmanSettings(), LevenbergMarquardt(PACE))
    for step in range(1, 9):
        analyst.note(step, {"loss": 1.0 / step, "merit": 2.0 / step})
    analyst.keep_until(5)
    np.testing.assert_array_equal(analyst.steps, [1, 2, 3, 4, 5])
    assert {len(column) for column in analyst.columns.values()} == {5}
    assert np.isnan(analyst.columns["rate"]).all()  # rows from before there was such a column


def test_backtests_are_kept_across_stages_up_to_a_bound():
    analyst = Analyst(KoopmanSettings(), LevenbergMarquardt(PACE))
    for _ in range(20):
        analyst.start_stage()
        for step in range(1, 41):
            analyst.note(step, {"loss": 1.0 / step, "merit": 1.0 / step})
        analyst.forecast(1e-6, 100)
    assert len(analyst.backtests) == 64


def test_rates_ahead_go_on_from_the_rate_that_was_recorded():
    adam = Adam(PACE, learning_rate=1e-2, schedule="cosine")
    steps = np.arange(1.0, 11)
    recorded = 0.5 * np.array([adam.rate_at(int(step)) for step in steps])  # softened once
    ahead = rates_ahead(adam, History(steps, steps, rate=recorded))
    for k in (1, 7, 30, 100):
        assert ahead(k) == pytest.approx(0.5 * adam.rate_at(10 + k))


@pytest.mark.parametrize("rate", [None, np.full(3, np.nan)])
def test_where_no_rate_was_recorded_none_is_foretold(rate):
    assert rates_ahead(Adam(PACE), History(np.arange(1.0, 4), np.ones(3), rate=rate)) is None
    assert rates_ahead(LevenbergMarquardt(PACE), History(np.arange(1.0, 4), np.ones(3), rate=np.ones(3))) is None


def test_what_is_promised_is_recorded_where_a_window_ends_and_nowhere_else(tmp_path):
    start(tmp_path)
    run = lookup(tmp_path)
    ends = {decision["step"] for decision in run.decisions}
    for stage in run.stages:
        known = np.isfinite(stage.columns["promise"])
        assert known.any() and set(stage.columns["step"][known].tolist()) <= ends
        assert (stage.columns["promise"][known] >= 0.0).all()
    told = [decision["forecast"]["promise"] for decision in run.decisions if decision["forecast"]]
    recorded = np.concatenate([stage.columns["promise"] for stage in run.stages])
    assert told and set(told) <= set(recorded[np.isfinite(recorded)].tolist())
