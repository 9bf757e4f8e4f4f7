"""What a policy is shown of a run: the present stage, the ones before, prices, and what the budget still pays for."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Protocol

from pinnrun.analyst import Analyst
from pinnrun.architectures import size_after
from pinnrun.clock import Clock
from pinnrun.config import Config
from pinnrun.koopman import Snapshots
from pinnrun.optimizers import Pace
from pinnrun.recorder import Recorder
from pinnrun.scaleup import Action, Past, Policy, StageView
from pinnrun.scaleup.price import scaled, step_cost
from pinnrun.trainer import Trainer

FARTHEST = 100.0  # times the steps of the stage: no forecast is made beyond


class Run(Protocol):
    """What a policy's view is made of; the names are the runner's."""

    config: Config
    trainer: Trainer
    recorder: Recorder
    analyst: Analyst
    policy: Policy
    pace: Pace
    clock: Clock
    stage: int
    stage_started: float
    last_growth: Action | None
    merit: float

    def snapshots(self) -> Snapshots | None: ...


def stage_view(run: Run) -> StageView:
    """The run as it stands, after a window."""
    trainer, policy, pace = run.trainer, run.policy, run.pace
    network = trainer.network

    def size_of(width: int, depth: int) -> int:
        return size_after(network, width, depth, policy.init, policy.deepen_init)

    cost = step_cost(run.config)
    seconds = (run.clock.cpu - run.stage_started) / max(trainer.stage_step, 1)
    left = steps_left(run, seconds)
    return StageView(
        run.analyst.steps,
        run.analyst.loss,
        network.width,
        network.depth,
        run.last_growth or begun_by(run),
        pace.window,
        pace.minimum,
        pace.horizon,
        size_of,
        trainer.stuck.value if trainer.stuck else None,
        loss_target(run),
        past_stages(run.recorder.stages[: run.stage]),
        scaled(seconds, cost.operations(network.size), cost, size_of),
        left,
        chance(run) if policy.needs_forecast and not trainer.stuck else None,
    )


def begun_by(run: Run) -> Action | None:
    """What counts as having led to the first size; nothing where the architecture gives it."""
    if run.config.architecture.width is not None:
        return None
    return run.policy.begun_by(len(run.config.problem.coordinates), run.trainer.network.width)


def steps_left(run: Run, seconds: float) -> float:
    """Steps of the present network, of so many seconds each, that the budget still pays for."""
    budget = run.config.budget
    left = inf if budget.steps is None else float(budget.steps - run.trainer.step)
    if budget.seconds is not None and seconds > 0:
        left = min(left, (budget.seconds - run.clock.cpu) / seconds)
    return max(left, 0.0)


def loss_target(run: Run) -> float:
    """L_min as the training loss must meet it: it bounds the merit, and the two differ by a factor."""
    merit = run.merit
    return run.trainer.aim.loss * (min(1.0, run.analyst.latest_loss / merit) if 0 < merit < inf else 1.0)


def chance(run: Run) -> Callable[[float], float]:
    """P(the target is reached in so many more steps), by the forecast that the run makes of its loss."""

    def within(steps: float) -> float:
        now = run.trainer.stage_step
        horizon = int(now + min(steps, FARTHEST * now))
        try:
            return run.analyst.ask(run.trainer.aim.loss, horizon, run.snapshots()).probability
        except (ValueError, ArithmeticError):
            return 1.0  # nothing is known, so nothing is given up

    return within


def past_stages(stages: list[dict[str, Any]]) -> tuple[Past, ...]:
    """Earlier stages, from the growth story's lines."""
    return tuple(
        Past(line["width"], line["depth"], line["parameters"], line["loss"], Action(line["decision"]))
        for line in stages
    )
