"""What is saved of a run between two steps, how a saved run is taken up, and how one that diverges goes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinnrun.config import Config
from pinnrun.optimizers import Outcome
from pinnrun.run.clock import Clock
from pinnrun.storage import State
from pinnrun.training.trainer import Diverged

REWINDS = 3  # divergences that are forgiven


def state_of(runner: Any) -> dict[str, Any]:
    """Everything that a bit-equal continuation needs, as tensors and plain values."""
    return {
        "trainer": runner.trainer.state(),
        "recorder": runner.recorder.state(),
        "stage": runner.stage,
        "window_length": runner.window_length,
        "window_over": runner.window_over,
        "stage_started": runner.stage_started,
        "backtests": list(runner.analyst.backtests),
        "growth": runner.growth,
        "best": runner.account.best,
        "pruning": runner.pruning.state(),
        "safe": runner.safe,
        "merit": runner.merit,
        "outlook": runner.outlook,
        "ended": None if runner.ended is None else (runner.ended[0].value, runner.ended[1]),
        "asked": asked(runner.config),
        "seconds": [runner.clock.cpu, runner.clock.wall],
    }


def take_up(runner: Any, state: dict[str, Any]) -> None:
    """Put a runner where ``state_of`` found another; a new target or budget may let an ended run go on."""
    trainer, recorder, analyst = runner.trainer, runner.recorder, runner.analyst
    trainer.load(state["trainer"])
    recorder.load(state["recorder"])
    runner.stage, runner.window_length = state["stage"], state["window_length"]
    runner.stage_started, analyst.backtests = state["stage_started"], list(state["backtests"])
    runner.window_over = state.get("window_over", False)  # older checkpoints are of open windows
    runner.growth, runner.account.best, runner.safe = state["growth"], state["best"], state["safe"]
    runner.merit, runner.outlook = state["merit"], state["outlook"]
    runner.pruning.load(state.get("pruning", {}))
    runner.clock = Clock(*state["seconds"])
    now = asked(runner.config)
    if now["target"] != state["asked"]["target"]:
        trainer.aim.held = 0
        runner.account.best["met"] = False
        runner.pruning.forget()
    runner.ended = still(runner, state["ended"], changed=now != state["asked"])
    before = trainer.step - trainer.stage_step
    analyst.start_stage()
    for row in [*recorder.history(runner.stage), *recorder.rows]:
        analyst.note(int(row["step"]) - before, row)


def asked(config: Config) -> dict[str, list[float | None]]:
    """What a resumed run may ask for anew."""
    target, budget = config.target, config.budget
    return {"target": [target.loss, target.error], "budget": [budget.steps, budget.seconds]}


def still(runner: Any, ended: Sequence[str] | None, *, changed: bool) -> tuple[State, str] | None:
    """How a saved run had ended, unless a new target or budget lets it go on."""
    if ended is None:
        return None
    state, reason = State(ended[0]), ended[1]
    met = runner.account.best.get("met", runner.trainer.aim.reached)  # older checkpoints do not say so
    overtaken = {
        State.DONE: not met,
        State.BUDGET: not runner.spent(),
        State.UNREACHABLE: changed,
    }
    return None if overtaken.get(state) else (state, reason)


def rewind(runner: Any, safe: dict[str, Any], reason: Diverged) -> None:
    """Back to the start of the window with a smaller step.

    Raises:
        Diverged: that has been tried enough.
    """
    trainer, optimizer = runner.trainer, runner.config.optimizer
    state, rewinds = safe["trainer"], trainer.rewinds + 1
    trainer.load(state)
    runner.recorder.keep_rows(safe["rows"])
    runner.analyst.keep_until(trainer.stage_step)
    if rewinds > REWINDS and runner.pruning.begun:  # a network that would have been a better answer is not one
        trainer.stuck = Outcome.NOT_FINITE
        return
    if rewinds > REWINDS:
        raise reason
    trainer.rewinds = rewinds
    optimizer.soften()
    state["optimizer"] = optimizer.state()
    if trainer.leap:
        trainer.leap.soften(optimizer)
        state["leap"] = trainer.leap.state()
    tries = f"({rewinds} of {REWINDS})"
    runner.display.event(f"rewound to step {trainer.step} with a smaller step {tries}: {reason}")
