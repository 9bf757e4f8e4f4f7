"""What a policy is shown of a run: the present stage, the ones before, prices, and what the budget still pays for."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from pinnrun.architectures import size_after
from pinnrun.config import Config
from pinnrun.scaleup import Action, Past, StageView
from pinnrun.scaleup.price import StepCost, scaled

if TYPE_CHECKING:
    from pinnrun.runner import Runner

FARTHEST = 100.0  # times the steps of the stage: no forecast is made beyond


def stage_view(runner: Runner) -> StageView:
    """The run as it stands, after a window."""
    trainer, policy, pace = runner.trainer, runner.policy, runner.pace
    network = trainer.network

    def size_of(width: int, depth: int) -> int:
        return size_after(network, width, depth, policy.init, policy.deepen_init)

    cost = step_cost(runner.config)
    seconds = (runner.clock.cpu - runner.stage_started) / max(trainer.stage_step, 1)
    left = steps_left(runner, seconds)
    return StageView(
        runner.analyst.steps,
        runner.analyst.loss,
        network.width,
        network.depth,
        runner.last_growth,
        pace.window,
        pace.minimum,
        pace.horizon,
        size_of,
        trainer.stuck.value if trainer.stuck else None,
        loss_target(runner),
        past_stages(runner.recorder.stages[: runner.stage]),
        scaled(seconds, cost.operations(network.size), cost, size_of),
        left,
        chance(runner) if policy.needs_forecast and not trainer.stuck else None,
    )


def step_cost(config: Config) -> StepCost:
    """Operations of a step, from the problem's terms and the optimizer's way of solving."""
    rows = jets = 0
    inputs = len(config.problem.coordinates)
    for term in config.problem.terms():
        wanted = term.derivatives
        rows += term.count * term.rows
        jets += term.count * (1 + inputs * wanted.first + sum(wanted.sizes))
    return StepCost(rows, jets, getattr(config.optimizer, "system", "none"), config.sampling.rows_per_parameter)


def steps_left(runner: Runner, seconds: float) -> float:
    """Steps of the present network, of so many seconds each, that the budget still pays for."""
    budget = runner.config.budget
    left = inf if budget.steps is None else float(budget.steps - runner.trainer.step)
    if budget.seconds is not None and seconds > 0:
        left = min(left, (budget.seconds - runner.clock.cpu) / seconds)
    return max(left, 0.0)


def loss_target(runner: Runner) -> float:
    """L_min as the training loss must meet it: it bounds the merit, and the two differ by a factor."""
    merit = runner.merit
    return runner.trainer.goal * (min(1.0, runner.analyst.latest_loss / merit) if 0 < merit < inf else 1.0)


def chance(runner: Runner) -> Callable[[float], float]:
    """P(the target is reached in so many more steps), by the forecast that the run makes of its loss."""

    def within(steps: float) -> float:
        now = runner.trainer.stage_step
        horizon = int(now + min(steps, FARTHEST * now))
        try:
            return runner.analyst.ask(runner.trainer.goal, horizon, runner.snapshots()).probability
        except (ValueError, ArithmeticError):
            return 1.0  # nothing is known, so nothing is given up

    return within


def past_stages(stages: list[dict[str, Any]]) -> tuple[Past, ...]:
    """Earlier stages, from the growth story's lines."""
    return tuple(
        Past(line["width"], line["depth"], line["parameters"], line["loss"], Action(line["decision"]))
        for line in stages
    )
