"""Forecasts by trainings that differ in the seed: what each guess gets right, by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from curves import trajectory

from benchmarks.forecast import twins
from benchmarks.forecast.cases import CASES
from benchmarks.forecast.views import truth


def falling(decades):
    """A training with these losses."""
    return trajectory(10.0 ** np.asarray(decades, dtype=float))


T = np.arange(1, 10_001)
FALLS = -3.0 * np.log10(T) + 0.3 * np.sin(T / 700.0)


def test_the_level_is_right_where_the_twin_is_the_same():
    same = falling(FALLS)
    told = twins.guess(same, [same], 1000, 5000)
    assert told == {name: pytest.approx(truth(same, 5000), abs=2e-3) for name in ("level", "descent", "pace", "all")}


def test_the_descent_is_right_where_the_twin_lies_higher():
    told = twins.guess(falling(FALLS), [falling(FALLS + 2.0)], 1000, 5000)
    true = truth(falling(FALLS), 5000)
    assert told["descent"] == pytest.approx(true) and told["level"] == pytest.approx(true + 2.0)
    assert told["all"] == pytest.approx(np.mean([told["level"], told["descent"], told["pace"]]))


def test_the_pace_is_right_where_the_twin_comes_later():
    """Both stay at 1 and then fall by a decade in 1000 steps; the twin 500 steps later."""
    own, later = (falling(np.minimum(0.0, (start - T) / 1000.0)) for start in (500, 1000))
    told = twins.guess(own, [later], 1000, 4000)
    assert told["pace"] == pytest.approx(truth(own, 4000), abs=0.05)
    assert told["level"] == pytest.approx(truth(own, 4000) + 0.5, abs=0.05)


def test_guesses_are_medians_over_the_twins_that_are_long_enough():
    own, low, high = falling(0.0 * T), falling(0.0 * T - 1.0), falling(0.0 * T + 3.0)
    short = falling(np.zeros(1500) - 9.0)
    assert twins.guess(own, [low, own, high, short], 1000, 2000)["level"] == 0.0
    assert twins.guess(own, [short], 1000, 2000) is None


def test_errors_are_those_of_windows_that_guesses_and_forecasts_share():
    own = falling(FALLS)
    found = twins.compare([own, replace(own, name="alone")], {"made": [falling(FALLS + 1.0)]})
    assert {item.trajectory.name for item in found} == {"made"}
    missed = {item.forecaster: item.error for item in found if (item.now, item.factor) == (1000, 5)}
    assert missed["level"] == pytest.approx(1.0) and missed["descent"] == pytest.approx(0.0)
    lines = list(twins.tables(found))
    assert any(line.startswith("held, all windows, level: 1.00 (3) / 1.00 (2) / 1.00 (1)") for line in lines)


def test_twins_are_the_same_trainings_with_seeds_that_no_other_one_has():
    seeds = {case.seed for case in CASES}
    for number in range(1, twins.TWINS + 1):
        others = twins.twins_of(CASES, number)
        assert [case.name for case in others] == [case.name for case in CASES]
        assert seeds.isdisjoint(case.seed for case in others)
    assert len(set(twins.folders(Path("runs/forecast")))) == twins.TWINS
