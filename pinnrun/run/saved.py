"""What is saved of a run between two steps, and how a saved run is taken up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinnrun.config import Config
from pinnrun.run.clock import Clock
from pinnrun.storage import State


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
