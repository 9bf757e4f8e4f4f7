"""The benchmark of published records: runs are the command line's, a finished run stays finished, files agree."""

import csv
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
import torch

from benchmarks.records import __main__ as program
from benchmarks.records import observe
from benchmarks.records.figure import on_a_common_grid
from benchmarks.records.observe import Look, Trace
from benchmarks.records.results import Result, Results
from benchmarks.records.rows import ROWS, Job
from pinnrun.build import checked_config
from pinnrun.composition.confdir import compose
from pinnrun.run.clock import Clock
from pinnrun.training.trainer import Trainer

JOBS = [(row.name, optimizer) for row in ROWS.values() for optimizer in row.optimizers]


def trainer(job: Job) -> Trainer:
    return Trainer(checked_config(job.config()), torch.device("cpu"), torch.float64)


@pytest.mark.parametrize("name", ROWS)
def test_the_recipe_is_the_experiment_as_a_user_runs_it(name):
    """All that the benchmark sets beside is silence; the experiment has the row's budget, problem and optimizer."""
    row = ROWS[name]
    experiment = compose("train", [f"experiment={row.experiment}", "seed=3", "display=quiet"])
    assert Job(row, row.optimizer, 3).config() == experiment
    assert experiment.optimizer.type == row.optimizer
    assert experiment.budget.seconds == row.seconds
    assert checked_config(experiment).problem.reference() is not None
    assert row.stop < min(row.aim, row.published)


@pytest.mark.parametrize(("name", "optimizer"), JOBS)
def test_all_that_compete_share_problem_network_and_points(name, optimizer):
    row = ROWS[name]
    mine, recipe = Job(row, optimizer, 1).config(), Job(row, row.optimizer, 1).config()
    assert mine.budget.seconds == (row.seconds if optimizer == row.optimizer else row.compare)
    assert {**mine, "optimizer": None, "budget": None} == {**recipe, "optimizer": None, "budget": None}
    assert mine.optimizer.pace == recipe.optimizer.pace
    checked_config(mine)


def test_a_straight_step_is_not_the_recipe_s():
    row = ROWS["poisson2d"]
    straight = checked_config(Job(row, "lm, straight steps", 1).config()).optimizer
    assert (straight.type, straight.acceleration) == ("lm", 0.0)
    assert checked_config(Job(row, "lm", 1).config()).optimizer.acceleration == 0.75


def test_settings_tell_runs_apart():
    row = ROWS["poisson2d"]
    job = Job(row, row.optimizer, 1)
    assert job.settings() == Job(row, row.optimizer, 2).settings()
    assert job.settings() != Job(row, row.optimizer, 1, 0.5).settings()
    assert job.key() == ("poisson2d", row.optimizer, job.settings(), 1)


def test_a_run_is_the_trainer_s_own_and_looking_changes_nothing(monkeypatch):
    """After as many steps the trainer alone has the same loss and the same error, measured here by hand."""
    row = replace(ROWS["heat4d"], aim=0.0)
    job = Job(row, row.optimizer, 4, 0.5 / row.seconds)
    monkeypatch.setattr(observe, "FIRST", 0.0)
    trace = observe.train(job)
    alone = trainer(job)
    assert trace.parameters == alone.network.size
    assert trace.looks[0].step == 1
    assert trace.looks[-1].end == "budget"
    assert 0.5 <= trace.looks[-1].seconds < 2.0
    losses = [alone.advance()["loss"] for _ in range(trace.looks[-1].step)]
    assert [look.loss for look in trace.looks] == [losses[look.step - 1] for look in trace.looks]
    x = alone.test_points.x[0]
    difference = alone.solution.field.jet(alone.theta, alone.test_points, alone.problem.terms()[1].derivatives).value
    exact = torch.exp(-x[:, 0]) * torch.sin(2.0 * x[:, 1:]).sum(-1)
    by_hand = float((difference[0, :, 0] - exact).square().mean().sqrt())
    assert trace.looks[-1].error == pytest.approx(by_hand, rel=1e-10)


def test_the_clock_stands_still_while_the_error_is_measured(monkeypatch):
    row, measure = ROWS["poisson2d"], observe.Assessor.error

    def slowly(self, solution):
        clock = Clock()
        while clock.cpu < 0.1:
            pass
        return measure(self, solution)

    monkeypatch.setattr(observe.Assessor, "error", slowly)
    trace = observe.train(Job(row, row.optimizer, 1, 0.3 / row.seconds))
    assert len(trace.looks) >= 8
    assert trace.looks[-1].seconds < 0.6


def test_a_run_ends_early_once_it_is_good_enough():
    row = replace(ROWS["poisson2d"], aim=30.0, published=30.0)
    trace = observe.train(Job(row, row.optimizer, 1))
    assert trace.looks[-1].end == "enough"
    assert trace.looks[-1].seconds < 1.0


def test_smoke_then_nothing_left_to_do(tmp_path: Path, capsys):
    words = ["--rows", "poisson2d", "--optimizers", "lm", "--seeds", "1,2", "--budget-scale", "0.005"]
    words += ["--results", str(tmp_path), "--page", str(tmp_path / "records.md")]
    assert program.main(words) == 0
    first = (tmp_path / "records.csv").read_text()
    assert {line["seed"] for line in csv.DictReader(first.splitlines())} == {"1", "2"}
    assert (tmp_path / "records.png").stat().st_size > 10_000
    page = (tmp_path / "records.md").read_text()
    assert "| Poisson 2-D, sin πx sin πy | lm |" in page
    assert page.count("| 129 parameters, lm | 2 |") == 1
    assert program.main(words) == 0
    assert "2 runs, 2 of them in" in capsys.readouterr().out
    assert (tmp_path / "records.csv").read_text() == first


def test_unknown_rows_are_refused(capsys):
    with pytest.raises(SystemExit):
        program.main(["--rows", "poisson3d"])
    assert "no row 'poisson3d'" in capsys.readouterr().err


def looks(*pairs, end="budget"):
    return Trace(17, [Look(t, i, 0.1, e, end if i == len(pairs) - 1 else "") for i, (t, e) in enumerate(pairs)])


def test_what_is_written_is_read_back_and_torn_runs_are_not(tmp_path: Path):
    results = Results(tmp_path / "deep/records.csv")
    assert results.read() == {}
    one, two = ("a", "lm", "0f", 1), ("a", "lm", "0f", 2)
    results.add(one, looks((0.5, 1e-3), (1.0, 1e-5)))
    results.add(two, looks((0.5, 1e-2)))
    assert results.read() == {one: Result(one, looks((0.5, 1e-3), (1.0, 1e-5))), two: Result(two, looks((0.5, 1e-2)))}
    text = results.path.read_text()
    results.path.write_text(text[: text.index(",budget\n", text.index(",2,")) + 1] + "\n")
    assert list(results.read()) == [one]


def test_time_to_the_aim_and_common_grid():
    fast = Result(("a", "lm", "0f", 1), looks((0.5, 1e-3), (1.0, 1e-5), (2.0, 1e-6)))
    slow = Result(("a", "lm", "0f", 2), looks((0.6, 1e-2), (8.0, 1e-4)))
    assert (fast.seconds_to(1e-5), slow.seconds_to(1e-5)) == (1.0, inf)
    times, errors = on_a_common_grid([fast, slow])
    assert (times[0], times[-1]) == (pytest.approx(0.6), pytest.approx(8.0))
    assert errors[:, 0].tolist() == [1e-3, 1e-2]
    assert errors[0, times >= 2.0001].tolist() == [1e-6] * int((times >= 2.0001).sum())
    assert errors[1, -1] == 1e-4
