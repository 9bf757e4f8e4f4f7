"""The target: what holds, for how long, and what a run decides while it does."""

from dataclasses import replace
from math import inf

import pytest
from omegaconf import OmegaConf
from runs import assert_same, composed, interrupt, resume, start

from pinnrun import storage
from pinnrun.build import checked_config, make_runner
from pinnrun.config import Target
from pinnrun.display import QuietDisplay
from pinnrun.optimizers import Outcome, StepInfo
from pinnrun.run.decision import afforded, decide
from pinnrun.run.view import stage_view
from pinnrun.scaleup import Action, Decision
from pinnrun.training.aim import Aim


def no_error():
    raise AssertionError("nobody asked for an error")


def test_a_loss_is_held_step_by_step_and_lost_at_once():
    aim = Aim(Target(loss=1e-3, hold=3))
    assert (aim.loss, aim.merit, aim.held, aim.reached) == (1e-3, inf, 0, False)
    for merit, held in ((2e-3, 0), (1e-3, 1), (5e-4, 2), (1.1e-3, 0), (9e-4, 1)):
        aim.judge(merit, no_error)
        assert (aim.merit, aim.held) == (merit, held)
    aim.presume()
    assert aim.held == 2 and aim.decisive and not aim.reached
    aim.judge(1e-4, no_error)
    assert aim.reached
    aim.start_stage()
    aim.presume()
    assert (aim.held, aim.merit) == (0, inf), "nothing is presumed of what was not met"


@pytest.mark.parametrize("held", [2, 50])
def test_the_last_step_is_measured_also_when_fewer_are_asked_for_than_were_held(held):
    aim = Aim(Target(loss=1e-3, hold=3))
    aim.held = held
    assert aim.decisive


def test_an_error_sets_the_loss_that_goes_with_it():
    """At merit 1e-4 and error 0.2, half of that error asks for 2^-1.75 of that merit."""
    aim = Aim(Target(loss=1e-3, error=0.1, hold=1))
    assert aim.loss == 0.0 and aim.error is None
    aim.judge(1e-4, lambda: 0.2)
    assert aim.loss == pytest.approx(1e-4 * 0.5**1.75) and aim.held == 0
    aim.judge(3e-5, lambda: 0.1)
    assert aim.reached and aim.error == 0.1
    again = Aim(Target(loss=1e-3, error=0.1, hold=1))
    again.load(aim.state())
    assert again.state() == aim.state()


def test_another_target_is_kept_when_a_state_is_taken_up():
    old, new = Aim(Target(loss=1e-3)), Aim(Target(loss=1e-5))
    old.judge(1e-4, no_error)
    new.load(old.state())
    assert (new.loss, new.merit, new.held) == (1e-5, 1e-4, 1)


# -- what the run decides ------------------------------------------------------------------------------------


@pytest.fixture
def runner(tmp_path):
    """A run after its first window."""

    def make(*words):
        config = composed(*words)
        runner = make_runner(checked_config(config), tmp_path, OmegaConf.to_yaml(config), QuietDisplay())
        runner.train_window()
        return runner

    return make


@pytest.mark.parametrize("policy", ["koopman", "plateau"])
def test_a_target_that_is_met_is_not_grown_away(runner, policy):
    run = runner(f"scaleup={policy}", "target.loss=1e-9")
    outlook = run.analyse()
    run.trainer.aim.held = 1
    decision = decide(run, outlook)
    assert (decision.action, decision.steps) == (Action.CONTINUE, 5)
    assert "has to hold for 3 steps" in decision.evidence


@pytest.mark.parametrize("policy", ["koopman", "fixed"])
def test_what_cannot_move_any_more_holds_for_ever(runner, policy):
    run = runner(f"scaleup={policy}")
    outlook = run.analyse()
    run.trainer.aim.held, run.trainer.stuck = 1, Outcome.PRECISION
    decision = decide(run, outlook)
    assert decision.action is Action.DONE
    assert decision.evidence.endswith("and no step moves it any more: the loss is at the rounding error of its own sum")


def test_the_last_steps_of_a_budget_go_to_the_network_that_there_is(tmp_path):
    """Three steps are left after the second window, and a network is given five at least."""
    short = start(tmp_path / "short", "budget.steps=13", "target.loss=1e-12")
    long = start(tmp_path / "long", "budget.steps=30", "target.loss=1e-12")
    grown = [line["decision"] for line in long["stages"]]
    assert "widen" in grown
    decisions = storage.open_run(tmp_path / "short").decisions
    at_ten = next(one for one in decisions if one["step"] == 10)
    assert at_ten["action"] == "continue" and "too little for another network" in at_ten["evidence"]
    assert short["steps"] == 13


@pytest.mark.parametrize(
    ("wanted", "action"),
    [
        (Decision(Action.RESTART, "stuck", 5, 2, 1), Action.RESTART),
        (Decision(Action.RESTART, "stuck", 5), Action.CONTINUE),
        (Decision(Action.WIDEN, "slow", 5), Action.CONTINUE),
        (Decision(Action.WIDEN, "slow", 5, 5), Action.CONTINUE),
        (Decision(Action.DEEPEN, "slow", 5), Action.CONTINUE),
    ],
)
def test_another_network_has_to_be_paid_for_at_its_own_price(runner, monkeypatch, wanted, action):
    """A thousand seconds pay for more than five steps of two neurons, and for fewer of three or more."""
    run = runner("budget.seconds=1000", "architecture.width=4")
    monkeypatch.setattr("pinnrun.run.decision.advised", lambda *_: wanted)
    view = replace(stage_view(run), price=lambda width, depth: 80.0 * width * depth)
    assert run.pace.minimum == 5
    assert afforded(run, None, view).action is action


def test_where_the_budget_does_not_pay_for_one_growth_it_may_for_the_other(runner, monkeypatch):
    """Six steps of eight neurons, or three of a second layer, of which five at least are wanted."""
    run = runner("budget.seconds=1000", "architecture.width=4")
    view = replace(stage_view(run), price=lambda width, depth: 20.0 * width * depth**2)
    found = []
    for wanted in (Action.DEEPEN, Action.WIDEN):
        monkeypatch.setattr("pinnrun.run.decision.advised", lambda *_, wanted=wanted: Decision(wanted, "slow", 5))
        found.append(afforded(run, None, view))
    assert [decision.action for decision in found] == [Action.WIDEN, Action.WIDEN]
    assert [decision.evidence for decision in found] == ["slow; the budget is too short to deepen", "slow"]


@pytest.mark.parametrize(
    ("words", "action", "merit", "rows"),
    [
        ((), Action.WIDEN, 31e-6, "6"),
        ((), Action.STOP, 31e-6, "6"),
        (("sampling.rows_per_parameter=5",), Action.DEEPEN, 31e-6, "10"),
        (("sampling.rows_per_parameter=0",), Action.DEEPEN, 31e-6, "6"),
        ((), Action.WIDEN, 29e-6, None),
        ((), Action.WIDEN, inf, None),
        ((), Action.CONTINUE, 31e-6, None),
        ((), Action.DONE, 31e-6, None),
        (("sampling=resample",), Action.WIDEN, 31e-6, None),
        (("weighting=ntk",), Action.WIDEN, 31e-6, None),
    ],
)
def test_where_the_loss_says_nothing_of_other_points_more_of_them_are_advised(
    runner, monkeypatch, words, action, merit, rows
):
    """A training loss of 1e-6 against merits of 31 and 29 times as much; points that move cannot be too few."""
    run = runner(*words)
    run.merit = merit
    monkeypatch.setattr(type(run.analyst), "latest_loss", 1e-6)
    monkeypatch.setattr("pinnrun.run.decision.decided", lambda *_: Decision(action, "slow", 5))
    told = "; the merit is 31 times the training loss, so more points may do more than neurons"
    advice = f"{told}: sampling.rows_per_parameter={rows}" if rows else ""
    assert decide(run, None) == Decision(action, f"slow{advice}", 5)


def test_an_exact_solution_has_not_blown_up(runner, monkeypatch):
    run = runner()
    trainer = run.trainer
    trainer.best_loss = 0.0
    for loss in (0.0, 1e-300):
        info = StepInfo(loss, Outcome.CONVERGED, 0.0, 0.0, 1)
        monkeypatch.setattr(trainer.optimizer, "step", lambda objective, theta, info=info: (theta, info))
        assert trainer.advance()["loss"] == loss


def test_shares_of_the_loss_are_forgotten_with_the_points_they_were_of(runner):
    run = runner()
    assert run.trainer._latest_shares
    run.trainer.draw_points()
    assert run.trainer._latest_shares == {}


def test_the_best_network_is_that_with_the_least_error_where_an_error_is_asked_for(runner):
    run = runner("+target.error=1e-2")
    account, aim = run.account, run.trainer.aim
    for error, merit in ((2e-2, 1e-5), (9e-3, 2e-5), (1e-2, 1e-6)):
        aim.error = error
        account.keep_best(merit, merit)
    assert (account.best["error"], account.best["merit"]) == (9e-3, 2e-5)
    by_loss = runner().account
    for merit in (1e-5, 2e-5):
        by_loss.keep_best(merit, merit)
    assert by_loss.best["merit"] == 1e-5


def test_asking_again_does_not_count_the_run_s_own_backtests_twice(runner):
    pace = ("optimizer.pace.horizon=60", "optimizer.pace.window=40")
    run = runner("budget.steps=60", "scaleup=fixed", *pace, "koopman.forecaster=combined_trend")
    horizon = 120
    run.recorder.close_window(0, run.trainer.network)
    first = run.analyst.forecast(run.trainer.aim.loss, horizon)
    assert len(first.backtests) >= 1
    kept = list(run.analyst.backtests)
    assert run.analyst.ask(run.trainer.aim.loss, horizon).low.tolist() == first.low.tolist()
    run.analyst.forecast(run.trainer.aim.loss, horizon)
    assert run.analyst.backtests == kept


def test_a_run_that_goes_on_has_no_result_until_it_ends(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole)
    start(parts, at={12: interrupt})
    assert storage.read_result(parts)["status"] == "interrupted"
    seen = []
    resume(parts, at={14: lambda: seen.append(storage.read_result(parts))})
    assert seen == [None]
    assert_same(whole, parts)
