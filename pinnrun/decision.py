"""What becomes of a run after a window: steps 5 to 7 and 9 of the scale-up algorithm.

The run itself decides where the target holds or the means are spent; else its policy does, and where trials are asked
for, what could come next is tried before it is chosen.
"""

from __future__ import annotations

from typing import Any

from pinnrun.audition import Audition
from pinnrun.koopman import Forecast
from pinnrun.scaleup import Action, Decision
from pinnrun.scaleup.price import step_cost
from pinnrun.storage import State
from pinnrun.view import stage_view


def decide(run: Any, outlook: Forecast | None) -> Decision:
    """What is done next, with the evidence for it.

    Args:
        run: the runner, its window closed.
        outlook: the forecast of the stage; None where there is none.
    """
    trainer, policy, window = run.trainer, run.policy, run.pace.window
    decision = on_the_target(run)
    if decision:
        return decision
    if outlook is None and policy.needs_forecast and not trainer.stuck:
        return Decision(Action.CONTINUE, run.outlook, window)
    view = stage_view(run)
    decision = policy.decide(view, outlook)
    short = policy.needs_forecast and view.steps_left < run.pace.minimum
    if decision.action.begins_stage and short and not trainer.stuck:
        why = f"{decision.evidence}; what is left of the budget is too little for another network"
        return Decision(Action.CONTINUE, why, window)
    if decision.action.begins_stage and policy.trial:
        return Audition(trainer, step_cost(run.config), run.mind_signals).decide(policy, decision, view)
    return decision


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
