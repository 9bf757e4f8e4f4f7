"""What a policy is shown of a run: its forecast, its stages, prices, and what the budget still pays for."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Protocol

import torch

from pinnrun.architectures import size_after
from pinnrun.config import Config
from pinnrun.koopman import Forecast, Snapshots
from pinnrun.optimizers import Pace
from pinnrun.run.analyst import SNAPSHOTS, Analyst
from pinnrun.run.clock import Clock
from pinnrun.run.pruning import Pruning
from pinnrun.run.recorder import Recorder
from pinnrun.scaleup import Action, Past, Policy, StageView
from pinnrun.scaleup.price import scaled, step_cost
from pinnrun.training.trainer import Trainer

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
    merit: float
    pruning: Pruning
    outlook: str
    steps_to_target: float | None


def look_ahead(run: Run) -> Forecast | None:
    """The forecast of the stage, told to the run's display too; None where this history cannot be forecast."""
    try:
        outlook = run.analyst.forecast(run.trainer.aim.loss, horizon(run), snapshots(run))
    except (ValueError, ArithmeticError) as error:  # training can go on without
        run.outlook = f"no forecast: {error}"
        return None
    run.outlook = f"P(reach) {outlook.probability:.2f} by step {outlook.horizon} of the stage"
    run.steps_to_target = None if outlook.reach is None else outlook.reach - outlook.now
    return outlook


def horizon(run: Run) -> int:
    """Step of the stage by which the target is asked for, within the optimizer's pace, the budget and a candidate's."""
    now, allowed = run.trainer.stage_step, run.pace.horizon
    if now >= allowed:  # past it: would as many steps again do?
        allowed = 2 * now
    if run.config.budget.steps:
        allowed = min(allowed, now + run.config.budget.steps - run.trainer.step)
    if run.pruning.begun:
        allowed = min(allowed, now + run.pruning.steps_left(run))
    return max(allowed, now)


def snapshots(run: Run) -> Snapshots | None:
    """The stage's latest weights with the loss that is forecast, where the forecaster wants them."""
    if not run.analyst.wants_weights:
        return None
    trainer = run.trainer
    steps, weights = run.recorder.latest_weights(run.stage, SNAPSHOTS)
    judged = trainer.objective if run.config.koopman.observable == "loss" else trainer.evaluation
    return Snapshots(
        steps - (trainer.step - trainer.stage_step),
        weights,
        lambda theta: float(judged.value(torch.as_tensor(theta).to(trainer.theta))),
    )


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
        growths(run),
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


def growths(run: Run) -> list[Action]:
    """Those of the run so far, after what its start counts as; that is nothing where the architecture gives it."""
    stages = run.recorder.stages[: run.stage]
    network = run.trainer.network
    first = (stages[0]["width"], stages[0]["depth"]) if stages else (network.width, network.depth)
    given = run.config.architecture.width is not None
    begun = [] if given else run.policy.begun_by(len(run.config.problem.coordinates), *first)
    endings = [Action(line["decision"]) for line in stages]
    return begun + [ending for ending in endings if ending.grows]


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
            return run.analyst.ask(run.trainer.aim.loss, horizon, snapshots(run)).probability
        except (ValueError, ArithmeticError):
            return 1.0  # nothing is known, so nothing is given up

    return within


def past_stages(stages: list[dict[str, Any]]) -> tuple[Past, ...]:
    """Earlier stages, from the growth story's lines."""
    return tuple(
        Past(line["width"], line["depth"], line["parameters"], line["steps"], line["loss"], Action(line["decision"]))
        for line in stages
    )
