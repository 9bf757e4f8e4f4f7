"""What becomes of a run after a window: steps 5 to 7 and 9 of the scale-up algorithm.

The run itself decides where the target holds or the means are spent; else its policy does, and where trials are asked
for, what could come next is tried before it is chosen.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

from pinnrun.koopman import Forecast
from pinnrun.run.audition import Audition
from pinnrun.run.view import stage_view, steps_left
from pinnrun.scaleup import Action, Decision, StageView
from pinnrun.scaleup.price import step_cost
from pinnrun.storage import State

SPARSE = 30.0
"""Times the training loss: a merit above that says that between the training points anything goes."""


def decide(run: Any, outlook: Forecast | None) -> Decision:
    """What is done next, with the evidence for it.

    Args:
        run: the runner, its window closed.
        outlook: the forecast of the stage; None where there is none.
    """
    return with_advice(run, decided(run, outlook))


def decided(run: Any, outlook: Forecast | None) -> Decision:
    """The same without advice."""
    found = on_the_target(run)
    if found and found.action is Action.DONE:
        return run.pruning.arrived(run, found)
    if run.pruning.begun:
        return run.pruning.judge(run, found or advised(run, outlook, stage_view(run)))
    return found or afforded(run, outlook, stage_view(run))


def advised(run: Any, outlook: Forecast | None, view: StageView) -> Decision:
    """What the policy says; to go on where it wants a forecast and there is none."""
    if outlook is None and run.policy.needs_forecast and not run.trainer.stuck:
        return Decision(Action.CONTINUE, run.outlook, run.pace.window)
    return run.policy.decide(view, outlook)


def afforded(run: Any, outlook: Forecast | None, view: StageView) -> Decision:
    """The same, as far as the budget goes, and after a trial where one is asked for."""
    trainer, policy = run.trainer, run.policy
    decision = advised(run, outlook, view)
    if not decision.action.begins_stage:
        return decision
    if policy.needs_forecast and not is_paid_for(run, decision, view):
        other = policy.instead(view, decision)
        if other and is_paid_for(run, other, view):
            decision = replace(other, evidence=f"{other.evidence}; the budget is too short to {decision.action.value}")
        elif not trainer.stuck:
            why = f"{decision.evidence}; what is left of the budget is too little for another network"
            return Decision(Action.CONTINUE, why, run.pace.window)
    if policy.trial:
        return Audition(trainer, step_cost(run.config), run.mind_signals).decide(policy, decision, view)
    return decision


def is_paid_for(run: Any, decision: Decision, view: StageView) -> bool:
    """Whether the budget pays for the optimizer's minimum of steps of the network that comes next."""
    return steps_left(run, view.price(*run.policy.leads_to(view, decision))) >= run.pace.minimum


def with_advice(run: Any, decision: Decision) -> Decision:
    """The decision; where it grows or ends the run for want of success, a word on points that are too few."""
    trainer, sampling, loss, merit = run.trainer, run.config.sampling, run.analyst.latest_loss, run.merit
    comparable = trainer.objective.is_least_squares and not trainer.weighting.moves and not sampling.every
    is_worse = comparable and 0.0 < SPARSE * loss < merit < inf
    if not is_worse or not (decision.action.grows or decision.action is Action.STOP):
        return decision
    rows = max(2.0 * sampling.rows_per_parameter, 6.0)
    told = f"the merit is {merit / loss:.2g} times the training loss, so more points may do more than neurons"
    return replace(decision, evidence=f"{decision.evidence}; {told}: sampling.rows_per_parameter={rows:g}")


def on_the_target(run: Any) -> Decision | None:
    """DONE, STOP, or CONTINUE while the target has yet to hold; None where none of it is at hand."""
    aim, stuck, target = run.trainer.aim, run.trainer.stuck, run.config.target
    met = f"merit {run.merit:.3g} <= {target.loss:g}"
    if target.error is not None and aim.held:
        met = f"error {aim.error:.3g} <= {target.error:g}"
    if aim.reached:
        return Decision(Action.DONE, f"{met} for {aim.held} consecutive steps", 0)
    if aim.held and stuck:
        return Decision(Action.DONE, f"{met}, and no step moves it any more: {stuck.value}", 0)
    if run.spent():
        return Decision(Action.STOP, f"the budget is spent at merit {run.account.best['merit']:.3g}", 0)
    if aim.held:
        return Decision(Action.CONTINUE, f"{met}; it has to hold for {target.hold} steps", run.pace.window)
    return None


def how_it_stopped(run: Any, decision: Decision) -> State:
    """The state that a decision to stop leaves the run in."""
    if run.spent():
        return State.BUDGET
    return State.UNREACHABLE if decision.hopeless else State.STALLED
