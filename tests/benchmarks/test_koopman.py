"""The study of forecast weights: errors are those of evaluated merits, tables are what the rows say."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.koopman import __main__ as program
from benchmarks.koopman import measure, results
from benchmarks.koopman.cases import CASES, Case
from benchmarks.koopman.measure import HORIZONS, METHODS, Row
from pinnrun.koopman import forecast_weights
from pinnrun.koopman.prospects import recent

TINY = Case(
    "tiny",
    "fixed",
    "a run of seconds",
    (
        "problem=poisson",
        "problem.points=60",
        "problem.boundary_points=20",
        "optimizer=adam",
        "optimizer.pace.snapshot=2",
        "budget.steps=240",
        "scaleup=fixed",
        "target.loss=1e-30",
    ),
    (60, 120),
)


def row(**changes):
    plain = {
        "case": "one",
        "kind": "fixed",
        "seed": 1,
        "parameters": 20,
        "origin": 100,
        "regime": "steady",
        "horizon": 1.1,
        "step": 110,
        "truth": -2.0,
        "now": -1.9,
        "fixed_point": math.nan,
        "last": -1.9,
        "trend": -2.0,
        "modes": -1.95,
        "layers": -1.5,
        "velocity": 3.0,
        "exact": math.inf,
    }
    return Row(**{**plain, **changes})


def window(case="one", **by_method):
    """Rows at all horizons; errors grow as given, no change is off by (h - 1)."""
    return [
        row(
            case=case,
            horizon=h,
            truth=-2.0,
            last=-2.0 + (h - 1),
            **{name: -2.0 + f(h - 1) for name, f in by_method.items()},
        )
        for h in HORIZONS
    ]


def test_forecasts_are_evaluated_at_the_weights_of_the_run():
    seen = {}

    def keep(run, judge):
        seen["stage"], seen["merit"] = run.stages[0], judge.of(run.stages[0].architecture)
        _ = seen["stage"].weights, seen["stage"].columns
        return measure.rows_of(TINY, 1, run.stages[0], judge)

    rows = measure.in_folder((*TINY.words, "seed=1"), keep)
    assert [(item.origin, item.horizon) for item in rows] == [(o, h) for o in TINY.origins for h in HORIZONS]
    stage, merit = seen["stage"], seen["merit"]
    curve = np.log10([merit(weights) for weights in stage.weights])
    for item in rows:
        steps = stage.weight_steps
        assert item.truth == pytest.approx(np.median(curve[(steps >= 0.97 * item.step) & (steps <= item.step)]))
        history = stage.weights[recent(steps[steps <= item.origin])]
        ahead = (item.step - item.origin) // 2
        for rule in ("velocity", "modes"):
            at = forecast_weights(history, [ahead], rule)[0]
            assert getattr(item, rule) == pytest.approx(np.log10(merit(at)), rel=1e-6)
    recorded = stage.columns["merit"][-1]
    assert 10 ** curve[-1] == pytest.approx(recorded, rel=1e-9)


def test_errors_are_decades_and_bounded():
    item = row()
    assert item.error("last") == pytest.approx(0.1) and item.error("trend") == 0.0
    assert item.error("velocity") == 5.0 and item.error("exact") == 8.0
    assert row(modes=math.nan).error("modes") == 8.0 and row(modes=-math.inf).error("modes") == -8.0


def test_where_a_rule_loses_is_read_off_its_errors():
    rows = window(modes=lambda d: 4 * d * d, velocity=lambda d: 0.5 * d, exact=lambda d: 2 * d, layers=lambda d: -3 * d)
    found = {method: results.loses_from(rows, method) for method in ("modes", "velocity", "exact", "layers")}
    assert found == {"modes": 1.5, "velocity": math.inf, "exact": 1.02, "layers": 1.02}
    assert [results.good_until(rows, method) for method in ("modes", "velocity", "exact")] == [1.25, 2.0, None]
    assert results.better_than_standing([row(modes=-3.0), row(modes=-1.0)], "modes", 1.1) == 0.5
    assert len(results.windows([*rows, *window("two", modes=lambda d: d)])) == 2


def test_results_are_read_back_and_a_second_call_measures_nothing(tmp_path: Path, monkeypatch, capsys):
    measured = [*window("poisson", modes=lambda d: d * d), *window("poisson_lm", modes=lambda d: 9 * d)]
    measured[6:] = [Row(**{**vars(item), "kind": "second order"}) for item in measured[6:]]
    stages = [
        measure.StageRow(0, "3 x 1", 13, 80, -3.0, -1.0, -6.0),
        measure.StageRow(1, "6 x 1", 25, 40, -6.0, math.nan, -6.0),
    ]
    monkeypatch.setattr(program, "run_case", lambda case, seed: [item for item in measured if item.case == case.name])
    monkeypatch.setattr(program, "run_grown", lambda words: stages)
    monkeypatch.setattr(program, "costs", lambda *_: ({name: np.full(5, 0.05) for name in measure.COSTS}, 10_291))
    places = ["--results", str(tmp_path), "--page", str(tmp_path / "page.md"), "--figure", str(tmp_path / "figure.png")]
    assert program.main(["--cases", "poisson,poisson_lm", *places]) == 0
    assert capsys.readouterr().out.count("seed 1") == 2
    again = results.read_rows(tmp_path)
    assert [(item.case, item.kind, item.horizon) for item in again] == [
        (item.case, item.kind, item.horizon) for item in measured
    ]
    for name in METHODS:
        np.testing.assert_allclose([getattr(i, name) for i in again], [getattr(i, name) for i in measured], rtol=1e-3)
    assert results.read_stages(tmp_path)[0] == stages[0] and math.isnan(results.read_stages(tmp_path)[1].fixed_point)

    def refuse(*_):
        raise AssertionError("nothing was left to measure")

    for name in ("run_case", "run_grown", "costs"):
        monkeypatch.setattr(program, name, refuse)
    assert program.main(["--cases", "poisson,poisson_lm", *places]) == 0
    page = (tmp_path / "page.md").read_text()
    assert "2 windows of 2 runs (seeds 1)" in page and "(figure.png)" in page
    line = next(line for line in page.splitlines() if line.startswith("| weights: modes |"))
    shown = [float(cell) for cell in line.split("|")[2:-1]]
    d = np.array(HORIZONS) - 1
    np.testing.assert_allclose(shown, (d**2 + np.minimum(9 * d, 8)) / 2, atol=0.0051)  # the median of two
    assert "throughout: modes 2 n" in " ".join(page.split()) and "L-BFGS: modes none" in " ".join(page.split())
    assert "cost 6.0 training steps" in page  # a spectrum, a forecast, four evaluations
    assert max(len(line) for line in page.splitlines() if not line.startswith("|")) <= 120
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_every_case_names_twice_its_last_origin_as_budget():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        [budget] = [int(word.partition("=")[2]) for word in case.words if word.startswith("budget.steps=")]
        assert budget == 2 * max(case.origins)


def test_costs_are_taken_in_turn():
    taken, parameters = measure.costs(rounds=3, longest=0.1)
    assert parameters == 10_291 and taken.keys() == measure.COSTS.keys()
    assert all(len(seconds) == 3 and np.all(seconds > 0) for seconds in taken.values())
    assert np.median(taken["spectrum"]) < 3 * np.median(taken["step"])


def test_unknown_cases_are_refused(capsys):
    with pytest.raises(SystemExit):
        program.main(["--cases", "poison"])
    assert "no case 'poison'" in capsys.readouterr().err
