"""The loop when it is disturbed: divergence, failing analysis, full disk; and what every end leaves."""

import errno
import json
import os
import re
from functools import partial
from math import nan
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from runs import assert_same, interrupt, lookup, resume, start

from pinnrun import storage
from pinnrun.commands.train import exit_code
from pinnrun.errors import UserError
from pinnrun.run import analyst as analyst_module
from pinnrun.run import runner as runner_module
from pinnrun.storage import atomic
from pinnrun.training.trainer import Trainer

FAULTY = ("problem.type=faulty", f"plugins=[{Path(__file__).parents[1] / 'faulty.py'}]")
OPTIMIZERS = [(), ("optimizer=adam",), ("optimizer=lbfgs",)]
RESULT_KEYS = {
    "status", "loss", "merit", "target", "error", "observables", "stages", "cpu_seconds", "wall_seconds",
    "seed", "steps", "parameters", "versions", "problem", "folder",
}  # fmt: skip
STAGE_KEYS = {"width", "depth", "parameters", "steps", "seconds", "decision", "evidence"}


def strict_json(path: Path):
    """The content of a JSON file without NaN or Infinity, of which JSON knows nothing."""

    def refuse(word):
        raise AssertionError(f"{path} holds {word}")

    return json.loads(path.read_text(), parse_constant=refuse)


def left_behind(folder: Path, state: str) -> dict:
    """What result.json says, after a check of all that a run must leave."""
    result, status = (strict_json(folder / f"{name}.json") for name in ("result", "status"))
    assert result.keys() >= RESULT_KEYS
    assert all(stage.keys() >= STAGE_KEYS for stage in result["stages"])
    assert result["status"] == status["state"] == state
    assert result["reason"] == status["reason"]
    assert not (folder / "run.lock").exists()
    return result


@pytest.mark.parametrize("words", OPTIMIZERS, ids=["lm", "adam", "lbfgs"])
def test_an_equation_that_is_never_defined_ends_as_diverged(tmp_path, words):
    result = start(tmp_path, *FAULTY, *words, "+problem.bound=0")
    assert exit_code(result) == 3
    assert [event[:34] for event in result["events"]] == ["rewound to step 0 with a smaller s"] * 3
    assert "loss nan after step 0" in result["reason"] and "3 rewinds" in result["reason"]
    assert left_behind(tmp_path, "diverged")["steps"] == 0
    assert result["stages"] == [] and lookup(tmp_path).windows == ()


def spoil(monkeypatch, factor, times_at):
    """Multiply θ by `factor` before step k + 1, as long as there were fewer rewinds than `times_at[k]`."""

    def advance(self, *, judge=False, original=Trainer.advance):
        if self.rewinds < times_at.get(self.step, 0):
            self.theta = factor * self.theta
        return original(self, judge=judge)

    monkeypatch.setattr(Trainer, "advance", advance)


@pytest.mark.parametrize("factor", [nan, 1e30], ids=["nan", "huge"])
@pytest.mark.parametrize("words", OPTIMIZERS, ids=["lm", "adam", "lbfgs"])
def test_divergences_are_forgiven_with_smaller_steps(tmp_path, monkeypatch, words, factor):
    spoil(monkeypatch, factor, {7: 2, 13: 3})
    result = start(tmp_path, *words, "scaleup=fixed")
    assert result["status"] == "budget"
    assert [re.sub(":.*", "", event) for event in result["events"]] == [
        "rewound to step 5 with a smaller step (1 of 3)",
        "rewound to step 5 with a smaller step (2 of 3)",
        "rewound to step 10 with a smaller step (3 of 3)",
    ]
    columns = lookup(tmp_path).stages[0].columns
    assert len(columns["loss"]) == 30 and np.isfinite(columns["loss"]).all()
    if words:  # a learning rate, halved at each rewind
        rates = columns["damping"][[4, 5, 10]] / columns["damping"][0]
        assert rates.tolist() == [1.0, 0.25, 0.125]


@pytest.mark.parametrize("factor", [nan, 1e30], ids=["nan", "huge"])
def test_the_fourth_divergence_ends_the_run(tmp_path, monkeypatch, factor):
    spoil(monkeypatch, factor, {7: 1, 13: 4})
    result = start(tmp_path)
    assert exit_code(result) == 3 and len(result["events"]) >= 3
    assert "after step 13" in result["reason"] and "3 rewinds" in result["reason"]
    steps = [int(step) for stage in lookup(tmp_path).stages for step in stage.columns["step"]]
    assert left_behind(tmp_path, "diverged")["steps"] == steps[-1] == 10


@pytest.mark.parametrize("factor", [nan, 1e30], ids=["nan", "huge"])
@pytest.mark.parametrize("step", [3, 6, 8, 18])
def test_a_run_that_rewound_resumes_bit_equal(tmp_path, monkeypatch, step, factor):
    """Step 6 is lost in the first rewind; step 8 comes after the second."""
    spoil(monkeypatch, factor, {6: 2, 12: 3})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert len([event for event in start(whole, "sampling.every=3")["events"] if "rewound" in event]) == 3
    assert start(parts, "sampling.every=3", at={step: interrupt})["status"] == "interrupted"
    assert resume(parts)["status"] == "budget"
    assert_same(whole, parts)


def test_a_window_does_not_end_in_a_state_that_is_unsound(tmp_path, monkeypatch):
    """Adam reports the loss before its update, so that a bad update is only seen in the merit."""

    def measure(self, loss, judge, original=Trainer.measure):
        if self.step == 10 and self.rewinds == 0:
            self.theta = nan * self.theta
        return original(self, loss, judge)

    monkeypatch.setattr(Trainer, "measure", measure)
    result = start(tmp_path, "optimizer=adam", "scaleup=fixed")
    assert result["status"] == "budget"
    assert result["events"] == ["rewound to step 5 with a smaller step (1 of 3): merit nan after step 10"]


def test_fresh_points_that_an_overfitted_network_does_not_fit_are_no_divergence(tmp_path):
    points = ("problem.points=3", "problem.boundary_points=2", "sampling.rows_per_parameter=0")
    words = ("scaleup=fixed", "architecture.width=30", "sampling.every=5", "sampling.evaluation=20")
    words = (*words, "optimizer.acceleration=0")
    assert start(tmp_path, *points, *words)["events"] == []
    column = lookup(tmp_path).stages[0].columns["loss"]
    assert column[4] < 1e-9 * column[5]


@pytest.mark.parametrize(("every", "step"), [(1, 12), (3, 12), (1, 3)])
def test_fresh_points_do_not_hide_a_divergence(tmp_path, monkeypatch, every, step):
    spoil(monkeypatch, 1e30, {step: 1})
    events = start(tmp_path, "scaleup=fixed", "optimizer=adam", f"sampling.every={every}")["events"]
    assert [event.partition(" with")[0] for event in events] == [f"rewound to step {step // 10 * 10}"]


def test_training_goes_on_when_the_analysis_fails(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise np.linalg.LinAlgError("singular matrix")

    monkeypatch.setattr(analyst_module, "forecast_stage", fail)
    assert start(tmp_path)["status"] == "budget"
    decisions = lookup(tmp_path).decisions
    assert {d["action"] for d in decisions} == {"continue", "stop"}
    assert decisions[0]["evidence"] == "no forecast: singular matrix"


def test_an_error_in_a_plugin_leaves_a_record(tmp_path):
    with pytest.raises(RuntimeError, match="the equation is broken"):
        start(tmp_path, *FAULTY, "+problem.bound=0", "+problem.fault=raises")
    result = left_behind(tmp_path, "failed")
    assert result["reason"] == "RuntimeError: the equation is broken"
    assert result["error"] is None and result["merit"] is None and result["steps"] == 0


@pytest.mark.parametrize("name", ["_w0003.h5", "checkpoint.pt", "run.h5", "result.json", "status.json"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_file_that_cannot_be_written_ends_the_run_with_one_message(tmp_path, monkeypatch, name, code):
    whole, folder = tmp_path / "whole", tmp_path / "run"
    start(whole)

    def write_half(path, data, write=atomic._write_through):
        full = name in path.name
        write(path, data[: len(data) // 2] if full else data)
        if full:
            raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch, pytest.raises(UserError) as caught:
        start(folder, at={17: lambda: patch.setattr(atomic, "_write_through", write_half)})
    message = str(caught.value)
    assert len(message.splitlines()) <= 4
    assert name in message and os.strerror(code) in message and f"pinnrun train resume={folder}" in message
    assert list(folder.rglob("*.tmp")) == [] and not (folder / "run.lock").exists()
    lookup(folder)
    resume(folder)
    assert_same(whole, folder)


def test_done_leaves_a_result(tmp_path):
    result = start(tmp_path, "target.loss=0.5", "scaleup=fixed", "architecture.width=8")
    assert exit_code(result) == 0
    kept = left_behind(tmp_path, "done")
    assert kept["merit"] <= 0.5 and kept["resume"] == ""
    merits = lookup(tmp_path).stages[0].columns["merit"]
    assert (merits[-3:] <= 0.5).all()


def test_stopped_at_once_leaves_a_result(tmp_path):
    start(tmp_path, at={2: interrupt})
    kept = left_behind(tmp_path, "interrupted")
    assert kept["steps"] == 2 and kept["stages"] == [] and kept["merit"] is None
    assert kept["loss"] > 0 and kept["error"] > 0


def test_stuck_leaves_a_result(tmp_path):
    """With two trials per step and little damping, Levenberg-Marquardt soon has a step rejected."""
    result = start(tmp_path, "scaleup=fixed", "optimizer.trials=2", "optimizer.damping=0.3")
    assert exit_code(result) == 4
    kept = left_behind(tmp_path, "stalled")
    assert "stuck" in kept["reason"] and kept["resume"] == ""
    merits = lookup(tmp_path).stages[0].columns["merit"]
    assert kept["steps"] % 5 and np.isfinite(merits[-1])  # a window that ends early is judged too


def test_the_status_follows_a_running_run(tmp_path):
    seen = {}

    def look():
        seen.update(storage.read_status(tmp_path) or {})

    start(tmp_path, at={13: look})
    decision = lookup(tmp_path).decisions[1]
    assert (seen["state"], seen["step"], seen["stage"]) == ("running", 10, 2)
    assert seen["reason"] == decision["evidence"] and seen["resume"] == f"pinnrun train resume={tmp_path}"


def test_a_long_window_is_saved_every_half_minute(tmp_path, monkeypatch):
    now, saved = [0.0], []
    monkeypatch.setattr(runner_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    at = {step: partial(now.__setitem__, 0, time) for step, time in ((3, 31.0), (8, 40.0), (10, 62.0))}
    for step in (4, 9, 11):
        at[step] = lambda: saved.append(storage.load_checkpoint(tmp_path)[0]["trainer"]["step"])
    start(tmp_path, "optimizer.pace.window=15", "optimizer.pace.minimum=15", "optimizer.pace.horizon=20", at=at)
    assert saved == [3, 3, 10]


def test_a_budget_that_ends_with_a_rejected_step_is_a_budget(tmp_path):
    words = ("optimizer.trials=2", "optimizer.damping=0.3", "optimizer.acceleration=0", "sampling=fixed")
    result = start(tmp_path, "scaleup=fixed", *words, "budget.steps=8")
    assert lookup(tmp_path).stages[0].columns["accepted"][-1] == 0
    assert result["status"] == "budget" and "budget" in result["reason"]


def test_windows_without_a_checkpoint_are_not_trained_over(tmp_path):
    start(tmp_path, at={12: interrupt})
    for name in ("checkpoint.pt", "checkpoint_prev.pt"):
        (tmp_path / name).unlink()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="holds a run already"):
        start(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_long_run_saves_no_more_per_window_than_a_short_one(tmp_path, monkeypatch):
    """Neither the checkpoint nor the index may grow with every window, or long runs would be all writing."""
    sizes, indices = [], []

    def measure(folder, state, save=storage.save_checkpoint):
        sizes.append(len(state["recorder"]["decisions"]))
        return save(folder, state)

    def count(*arguments, write=storage.write_index, **records):
        indices.append(len(records["decisions"]))
        return write(*arguments, **records)

    monkeypatch.setattr(storage, "save_checkpoint", measure)
    monkeypatch.setattr(storage, "write_index", count)
    words = ("optimizer=adam", "optimizer.pace.window=2", "storage.index_every=4", "scaleup=fixed")
    start(tmp_path, *words, "budget.steps=160")
    assert max(sizes) < 8 and len(sizes) == 81  # a tenth of the decisions, and one checkpoint a window
    gaps = np.diff(indices[:-1])
    assert gaps.min() == 4 and gaps.max() == 7
    assert len(lookup(tmp_path).decisions) == 80


def test_every_step_leaves_its_learning_rate_and_its_evaluations(tmp_path):
    """Half a cosine over ten steps, at one gradient each; Levenberg-Marquardt has no rate."""
    schedule = ("optimizer.learning_rate=0.1", "optimizer.schedule=cosine", "optimizer.decay_to=0.5")
    start(tmp_path / "adam", "optimizer=adam", *schedule, "scaleup=fixed", "budget.steps=10")
    columns = lookup(tmp_path / "adam").stages[0].columns
    expected = 0.1 * (0.5 + 0.5 * 0.5 * (1.0 + np.cos(np.pi * np.arange(10) / 10)))
    np.testing.assert_allclose(columns["rate"], expected, rtol=1e-12)
    assert columns["evaluations"].tolist() == [1] * 10
    start(tmp_path / "lm", "optimizer=lm", "scaleup=fixed", "budget.steps=3")
    columns = lookup(tmp_path / "lm").stages[0].columns
    assert np.isnan(columns["rate"]).all() and (columns["evaluations"] >= 2).all()
