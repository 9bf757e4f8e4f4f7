"""Runs by the newer policies and targets: fresh starts, an error as the target, and what is out of reach."""

import numpy as np
import pytest
from runs import assert_same, interrupt, lookup, resume, start

from pinnrun.commands import train
from pinnrun.commands.train import exit_code
from pinnrun.composition.confdir import compose
from pinnrun.errors import UserError
from pinnrun.problems.poisson import Poisson
from pinnrun.scaleup import Action, Decision, Policy
from pinnrun.scaleup.koopman_cost import KoopmanCostPolicy

COST = ("scaleup=koopman_cost", "scaleup.max_parameters=70")


def curves(folder):
    return [(stage.record["width"], stage.record["depth"], stage.columns["loss"]) for stage in lookup(folder).stages]


@pytest.mark.parametrize("step", [3, 10, 12, 20, 27])
def test_a_run_of_the_cost_policy_resumes_bit_equal_whatever_the_clock_said(tmp_path, step):
    """Its prices are all read from one clock, so their order does not depend on it; the seconds in the evidence do."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole, *COST)
    assert start(parts, *COST, at={step: interrupt})["status"] == "interrupted"
    resume(parts)
    for one, other in zip(curves(whole), curves(parts), strict=True):
        assert one[:2] == other[:2]
        np.testing.assert_array_equal(one[2], other[2])


def test_a_fresh_start_keeps_the_size_and_loses_the_function(tmp_path, monkeypatch):
    def decide(self, view, outlook):
        return Decision(Action.RESTART if view.now == 10 and not view.past else Action.CONTINUE, "by hand", 5)

    monkeypatch.setattr(KoopmanCostPolicy, "decide", decide)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    result = start(whole, *COST)
    first, second = lookup(whole).stages
    assert [(s.record["width"], s.record["depth"]) for s in (first, second)] == [(3, 1)] * 2
    assert [len(s.columns["loss"]) for s in (first, second)] == [10, 20]
    assert second.record["growth"]["action"] == "restart" and second.record["growth"]["change"] > 1e-3
    assert not np.array_equal(first.weights[0], second.weights[0])
    assert "restart at 3 x 1 (13 parameters)" in result["events"][0]
    start(parts, *COST, at={10: interrupt})
    resume(parts, "budget.steps=30")
    assert_same(whole, parts)


def test_a_wrong_solution_is_left_by_a_fresh_start_not_by_growth(tmp_path):
    """From this seed Lotka and Volterra's predators die out, at every size: the loss stops at 0.031."""
    words = ("problem=lotka_volterra", "seed=2", "display=quiet", "threads=1")
    result = train.train(compose("train", [*words, "scaleup.prune=0"]), tmp_path)
    assert [line["decision"] for line in result["stages"]] == ["deepen", "restart", "done"]
    first, second, third = (line["loss"] for line in result["stages"])
    assert first == pytest.approx(second, rel=0.1) and third <= 2e-6
    assert (result["width"], result["depth"]) == (32, 1) and result["error"] < 1e-3


def test_an_error_may_be_the_target(tmp_path):
    words = ("target.error=0.02", "budget.steps=200", "scaleup.max_parameters=300")
    result = start(tmp_path, *words)
    assert result["status"] == "done" and exit_code(result) == 0
    assert result["error"] <= 0.02 and result["target_error"] == 0.02
    assert result["reason"].startswith("error ") and result["reason"].endswith(" <= 0.02 for 3 consecutive steps")
    assert result["target"] == pytest.approx(result["merit"] * (0.02 / result["error"]) ** 1.75, rel=1e-9)


@pytest.mark.parametrize("step", [4, 9, 14])
def test_a_run_with_an_error_as_target_resumes_bit_equal(tmp_path, step):
    words = ("target.error=0.05", "budget.steps=40")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole, *words)
    start(parts, *words, at={step: interrupt})
    resume(parts)
    assert_same(whole, parts)


def test_an_error_needs_a_reference(tmp_path, monkeypatch):
    monkeypatch.setattr(Poisson, "reference", lambda self: None)
    with pytest.raises(UserError, match=r"target.error: .* has no reference"):
        start(tmp_path, "target.error=0.1")


def test_a_target_out_of_reach_ends_the_run_early_with_a_code_of_its_own(tmp_path):
    words = ("target.loss=1e-20", "budget.steps=400", "scaleup.max_parameters=20", "scaleup.give_up=0.02")
    result = start(tmp_path, *words)
    assert result["status"] == "unreachable" and exit_code(result) == 5
    assert result["steps"] < 400
    assert "P(reach) with all that is left of the budget" in result["reason"]
    assert result["error"] is not None and result["parameters"] <= 20
    with pytest.raises(UserError, match=r"has ended .unreachable: "):
        resume(tmp_path)
    assert resume(tmp_path, "budget.steps=800")["steps"] > result["steps"]


def test_never_giving_up_spends_the_budget(tmp_path):
    words = ("target.loss=1e-20", "budget.steps=60", "scaleup.max_parameters=20")
    assert start(tmp_path, *words)["status"] in ("budget", "stalled")


def test_what_a_policy_is_shown(tmp_path, monkeypatch):
    """Two stages of five steps each: past, prices and what the budget pays for."""
    seen = []

    def decide(self, view, outlook):
        seen.append(view)
        return Policy.grow(self, view, "enough")

    monkeypatch.setattr(KoopmanCostPolicy, "decide", decide)
    start(tmp_path, *COST)
    first, second = seen[:2]
    assert (first.past, first.now, first.steps_left) == ((), 5, 25.0)
    assert [(p.width, p.depth, p.parameters, p.ending) for p in second.past] == [(3, 1, 13, Action.WIDEN)]
    assert second.past[0].loss == first.loss[-1]
    assert second.steps_left == 20.0
    assert first.price(6, 1) > first.price(3, 1) > 0
    assert 0.0 <= first.chance(25.0) <= 1.0
    assert first.target > 0
