"""From one network to the next: what an action makes of the one in training."""

from __future__ import annotations

from typing import Any

from pinnrun.architectures import deepen, narrow, restart, widen
from pinnrun.architectures.coefficients import grow as grown
from pinnrun.calculus import Derivatives
from pinnrun.scaleup import Action
from pinnrun.training.solution import TrainedField
from pinnrun.training.trainer import Trainer

PROBED, PROBED_PER_PARAMETER = 2000, 4  # rows of the residual that neurons may be chosen by: at least, and as many


def grow(trainer: Trainer, action: Action, width: int | None = None, depth: int | None = None) -> dict[str, Any]:
    """Widen (to ``width``, or the policy's next), deepen (to ``width``, all anew where it is another one), prune (to
    ``width``) or start afresh (at that size).

    Returns:
        The action, the rule by which new neurons start, and what became of the function.
    """
    policy, old = trainer.config.scaleup, trainer.solution
    network, theta, generator = trainer.network, trainer.theta, trainer.generators["growth"]
    rule = policy.init_of(action)
    probe = trainer.weighed.probe(max(PROBED, PROBED_PER_PARAMETER * network.size))
    if action is Action.WIDEN:
        wider = width or policy.wider(network.width)
        growth = grown(widen, network, theta, wider, rule, generator, probe=probe)
    elif action is Action.PRUNE:
        assert width is not None, "a pruning says how many neurons are left"
        growth = grown(narrow, network, theta, width, generator, probe=probe)
    elif action is Action.RESTART:
        growth = grown(restart, network, theta, width, depth, generator, probe=probe)
    elif width and width != network.width:
        growth = grown(restart, network, theta, width, network.depth + 1, generator, probe=probe)
    else:
        growth = grown(deepen, network, theta, rule, generator, probe=probe)
    trainer.become(growth.architecture, growth.theta, growth.old_to_new)
    return {"action": action.value, "init": rule, "change": change(trainer, old)}


def change(trainer: Trainer, old: TrainedField) -> float:
    """Max |u_new − u_old| over the evaluation points of the first term."""
    points = trainer.evaluation_points[0][1]
    difference = trainer.solution(points, Derivatives()).value - old(points, Derivatives()).value
    return float(difference.abs().max())


def restore(trainer: Trainer, state: dict[str, Any]) -> dict[str, Any]:
    """Begin a stage with the network of an earlier state, as it was then; the run's steps go on being counted."""
    step = trainer.step
    trainer.load(state)
    trainer.step, trainer.stage_step, trainer.stuck = step, 0, None
    return {"action": Action.RESTORE.value, "init": "kept", "change": 0.0}
