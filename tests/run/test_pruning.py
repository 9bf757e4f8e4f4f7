"""Smaller networks after the target is met: which, for how long, and what the run then is."""

from types import SimpleNamespace as Plain

import numpy as np
import pytest
import torch
from runs import assert_same, composed, interrupt, lookup, resume, start

from pinnrun.build import checked_config
from pinnrun.commands.train import exit_code
from pinnrun.errors import UserError
from pinnrun.registry import network_of
from pinnrun.run.pruning import PORTION, Pruning, next_width, too_narrow
from pinnrun.scaleup import Action, Decision
from pinnrun.scaleup.price import step_cost
from pinnrun.storage import load_checkpoint
from pinnrun.training.solution import TrainedField
from pinnrun.training.trainer import Diverged, Trainer

EASY = (
    "target.loss=1e-2",
    "budget.steps=200",
    "sampling=fixed",
    "architecture.width=12",
    "architecture.depth=1",
    "scaleup.prune=2",
)


@pytest.mark.parametrize(
    ("kept", "too_narrow", "width"),
    [
        (10, 0, 7),
        (10, 7, 8),
        (10, 8, 9),
        (10, 9, None),
        (26, 13, 18),
        (13, 0, 9),
        (2, 0, 1),
        (20, 18, None),
    ],
)
def test_the_next_width_is_seven_tenths_or_between_what_did_and_what_did_not(kept, too_narrow, width):
    assert next_width(kept, too_narrow) == width


@pytest.mark.parametrize(
    ("before", "narrow"),
    [
        ([(13, 1, "widen")], 13),
        ([(13, 1, "widen"), (13, 2, "widen")], 13),
        ([(13, 1, "deepen")], 13),  # of one layer, and this is one of one layer
        ([(30, 1, "widen")], 0),
        ([(13, 1, "widen"), (18, 1, "restart"), (13, 1, "restart")], 0),  # what failed was not their size
        ([], 0),
    ],
)
def test_what_has_failed_before_need_not_be_tried(before, narrow):
    lines = [{"width": width, "depth": depth, "decision": decision} for width, depth, decision in before]
    assert too_narrow(lines, 26, 1) == narrow
    assert too_narrow([{**line, "depth": 1} for line in lines], 26, 2) == 0  # too shallow, perhaps


def test_the_run_gives_the_smallest_network_that_met_the_target(tmp_path):
    result = start(tmp_path, *EASY)
    assert result["status"] == "done" and exit_code(result) == 0
    first = result["stages"][0]
    met = [line for line in result["stages"] if line["merit"] <= 1e-2 and line["error"] <= 2.0 * first["error"]]
    assert len(met) > 1 and result["width"] == min(line["width"] for line in met) < 12
    assert [line["decision"] for line in result["stages"]] == ["prune"] * (len(result["stages"]) - 1) + ["done"]
    assert result["target_seconds"] < result["cpu_seconds"]
    config = checked_config(composed(*EASY))
    trainer = Trainer(config, torch.device("cpu"), torch.float64)
    best = load_checkpoint(tmp_path)[0]["best"]
    trainer.network, trainer.theta = network_of(best["network"]), best["theta"]
    trainer.draw_points()
    assert float(trainer.evaluation.value(trainer.theta)) == result["merit"] <= 1e-2
    field = TrainedField(config.problem, trainer.network, trainer.theta)
    assert trainer.assessor.error(field) == result["error"]


def test_it_takes_no_more_work_than_its_share(tmp_path):
    for share in (0.5, 2.0):
        result = start(tmp_path / str(share), *EASY[:-1], f"scaleup.prune={share}")
        cost = step_cost(checked_config(composed(*EASY)))
        work = [line["steps"] * cost.operations(line["parameters"]) for line in result["stages"]]
        assert sum(work[1:]) <= share * work[0]
        assert len(work) > 2
    assert len(start(tmp_path / "none", *EASY[:-1], "scaleup.prune=0")["stages"]) == 1


def test_a_candidate_leaves_something_for_the_next(tmp_path):
    """The first may use `PORTION` of it all, and the second that of what is left."""
    made = Pruning(1.0, step_cost(checked_config(composed(*EASY))))
    run = Standing(made.cost)
    decision = made.arrived(run, run.done())
    assert (decision.action.value, decision.width) == ("prune", 7)
    first = made.until - run.work
    assert first == pytest.approx(PORTION * run.work)
    run.work += first
    made.too_narrow = 7
    second = made.narrower(run, "")
    assert second is not None and second.width == 8
    assert made.until - run.work == pytest.approx(PORTION * (made.limit - run.work))


@pytest.mark.parametrize(
    ("first", "second", "kept"), [(1e-3, 1.9e-3, True), (1e-3, 2.1e-3, False), (None, None, True), (1e-3, 1e-4, True)]
)
def test_the_same_loss_with_a_larger_error_is_not_the_same(first, second, kept):
    made = Pruning(1.0, step_cost(checked_config(composed(*EASY))))
    run = Standing(made.cost, first)
    assert made.arrived(run, run.done()).width == 7
    run.trainer.network.width = 7
    run.errors.append(second)
    decision = made.arrived(run, run.done())
    assert (run.kept, made.width) == ((2, 7) if kept else (1, 10))
    assert (decision.action, decision.width) == (Action.PRUNE, 4 if kept else 8)
    if not kept:
        assert decision.evidence == "7 x 1: an error of 0.0021 is more than 2 times 0.001"


def test_an_error_that_is_the_target_is_not_asked_for_more():
    made = Pruning(1.0, step_cost(checked_config(composed(*EASY))))
    run = Standing(made.cost, 1e-3)
    run.config.target.error = 1e-2
    made.arrived(run, run.done())
    assert made.error is None


class Standing:
    """A run that has met the target with a network of ten neurons, after a hundred steps."""

    def __init__(self, cost, error=None):
        self.cost, self.stage, self.outlook = cost, 0, ""
        network = Plain(width=10, depth=1, size=41, of_width=lambda width: Plain(size=4 * width + 1))
        self.trainer = Plain(network=network, stage_step=100, state=dict)
        self.recorder, self.clock, self.pace = Plain(stages=[]), Plain(cpu=1.0), Plain(window=20)
        self.spent = lambda: False
        self.config = Plain(target=Plain(error=None, hold=3))
        self.errors, self.kept, self.merit = [error], 0, 1e-3
        self.analyst = Plain(latest_loss=1e-3)
        self.account = Plain(assessor=Plain(error=lambda solution: self.errors[-1]), keep=self.keep)
        self.trainer.solution = None

    def keep(self, merit, loss):
        self.kept += 1

    @property
    def work(self):
        return self.trainer.stage_step * self.cost.operations(41)

    @work.setter
    def work(self, value):
        self.trainer.stage_step = value / self.cost.operations(41)

    @staticmethod
    def done():
        return Decision(Action.DONE, "met", 0)


@pytest.mark.parametrize("after", [1, 4, 7, 12])
def test_interrupted_while_it_looks_for_a_smaller_one_it_resumes_bit_equal(tmp_path, after):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    stages = start(whole, *EASY)["stages"]
    step = stages[0]["steps"] + after
    stopped = start(parts, *EASY, at={step: interrupt})
    assert stopped["status"] == "interrupted" and "; the target is met by " in stopped["reason"]
    assert stopped["merit"] <= 1e-2
    assert resume(parts)["status"] == "done"
    assert_same(whole, parts)
    with pytest.raises(UserError, match=r"has ended .done: "):
        resume(parts)


def test_a_stricter_target_goes_on_from_the_network_that_is_kept(tmp_path):
    first = start(tmp_path, *EASY[:-1], "scaleup.prune=0.4")
    assert first["stages"][-1]["decision"] == "restore"
    second = resume(tmp_path, "target.loss=5e-3")
    assert second["status"] == "done" and second["merit"] <= 5e-3
    number = len(first["stages"])
    stage = next(stage for stage in lookup(tmp_path).stages if stage.number == number)
    assert stage.architecture["width"] == first["width"]
    assert stage.columns["loss"][0] <= 1e-2  # not trained anew


def test_a_spent_budget_ends_it_and_the_target_is_met_all_the_same(tmp_path):
    met = start(tmp_path / "whole", *EASY)["stages"][0]["steps"]
    result = start(tmp_path / "short", *EASY, f"budget.steps={met + 2}")
    assert result["status"] == "done" and result["width"] == 12 and result["steps"] == met + 2


def test_a_candidate_that_diverges_is_given_up(tmp_path, monkeypatch):
    advance = Trainer.advance

    def blow_up(self, **how):
        if self.network.width < 12:
            raise Diverged("by hand")
        return advance(self, **how)

    monkeypatch.setattr(Trainer, "advance", blow_up)
    result = start(tmp_path, *EASY)
    assert result["status"] == "done" and result["width"] == 12
    assert [line["steps"] for line in result["stages"][1:]] == [0] * (len(result["stages"]) - 1)
    assert len(lookup(tmp_path).stages) == 1


def test_growth_ends_where_pruning_begins(tmp_path):
    result = start(tmp_path, *EASY)
    run = lookup(tmp_path)
    assert len(run.stages) == len(result["stages"]) and len(run.growth) == 1
    np.testing.assert_array_equal(run.growth[0].columns["loss"], run.stages[0].columns["loss"])
