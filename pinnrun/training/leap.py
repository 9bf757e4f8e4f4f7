"""Jumps of the weights while training goes on: Koopman training, safeguarded (step 8 of the scale-up algorithm).

Every so many steps the latest snapshots of θ are read as a linear system in several ways
(`pinnrun.koopman.acceleration`), the loss is evaluated at every point that these lead to, all on the same data, and θ
moves to the lowest if that is lower than here by 2 %. The optimizer keeps its moments. What a jump lands on may still
be a bad place to go on from; so θ and the optimizer of before it are kept, and half an interval later the jump is
undone if the loss lies above what its trend before the jump had promised. Attempts that fail come half as often, and
none is made that would bring their evaluations above a twentieth of what the steps have cost: in counts, not in
seconds, so that a resumed run decides as it would have.
"""

from __future__ import annotations

import copy
from collections import deque
from math import isfinite
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pinnrun.architectures import Network
from pinnrun.calculus import Objective
from pinnrun.config import Config, KoopmanSettings
from pinnrun.geometry.sampling import make_generator
from pinnrun.koopman import acceleration
from pinnrun.koopman.acceleration import Candidates, Path
from pinnrun.optimizers import Optimizer
from pinnrun.optimizers.first_order import FirstOrder
from pinnrun.problems import Problem
from pinnrun.sampling import Sampling
from pinnrun.weighting.weighed import Weighed

SHARE = 0.05  # of the steps' cost that attempts may add
FORWARD = 1 / 3  # of a step's cost: an evaluation without derivatives in θ, measured as 0.24 to 0.36
ALGEBRA = 1.0  # of a step's cost: the path's basis and what is read off it, measured as 0.1 (P = 300) to 1.7 (10 000)
SELDOMEST = 8  # times the interval: how rare attempts that fail become
FAR, OFTEN, LEAST = 300, 0.8, 5  # "the learning rate is small": so many steps, in such a share of at least 5 attempts

Record = dict[str, Any]


class Training(Protocol):
    """What a jump needs of the trainer, whose names these are."""

    theta: Tensor
    network: Network
    problem: Problem
    optimizer: Optimizer
    sampling: Sampling
    weighed: Weighed
    device: torch.device
    precision: torch.dtype
    step: int
    stage_step: int


class Leap:
    """The snapshots, the jumps and the regrets of a run; its ``state`` is all that the next ones depend on.

    Args:
        settings: how jumps are made.
        seed: of the fresh points that candidates are judged on where training points move.
        resets: whether the optimizer must forget what it knows after a jump (all but first-order ones).
    """

    def __init__(self, settings: KoopmanSettings, seed: int, *, resets: bool = False) -> None:
        self.kind, self.resets, self.audit = settings.acceleration, resets, settings.jump_audit
        self.base, self.every = settings.jump_every, settings.jump_snapshot
        self.count = settings.jump_every // settings.jump_snapshot
        self.generator = make_generator(seed, "random")
        self.records: list[Record] = []  # since the last decision
        self.hinted = False
        self.start()

    def start(self) -> None:
        """A stage begins: another network, of which nothing is known."""
        self.snapshots: deque[Tensor] = deque(maxlen=self.count)
        self.history: list[tuple[int, float]] = []  # steps of the stage and losses, at the snapshots
        self.interval, self.due, self.spent = self.base, self.base, 0.0
        self.before: Record | None = None  # the jump that may yet be undone
        self.damping = acceleration.DAMPING
        self.attempts = self.far = 0

    # -- between two steps -----------------------------------------------------------------------------------

    def after_step(self, trainer: Training, loss: float) -> str:
        """Remember where θ is; jump or undo a jump where that is due. What a person may want to read of it, or ""."""
        step = trainer.stage_step
        if step % self.every == 0:
            self.snapshots.append(trainer.theta.detach().clone())
            self.history.append((step, loss))
        if self.before is not None and step >= self.before["audit"]:
            return self._audit(trainer, step)
        if step >= self.due and len(self.snapshots) == self.count and self._affords(trainer, step):
            return self._attempt(trainer, step)
        return ""

    def _affords(self, trainer: Training, step: int) -> bool:
        evaluations = 1 + acceleration.EVALUATIONS[self.kind] + 2 * bool(trainer.sampling.every)
        return self.spent + ALGEBRA + FORWARD * evaluations <= SHARE * step * (1 + 1e-12)

    # -- jumping ---------------------------------------------------------------------------------------------

    def _attempt(self, trainer: Training, step: int) -> str:
        self.spent += ALGEBRA
        weights = torch.stack(list(self.snapshots)).cpu().double().numpy()
        objective = self._objective(trainer)
        try:
            path = Path.through(weights, self.every)
            candidates = self._candidates(path, objective, trainer)
        except (ValueError, np.linalg.LinAlgError):  # weights that are about to be found to diverge
            self.due = step + self.interval
            return ""
        thetas = torch.as_tensor(path.weights(candidates.points)).to(trainer.theta)
        values = self._values(objective, [trainer.theta, *thetas])
        best = min(range(len(candidates)), key=lambda i: values[i + 1] if isfinite(values[i + 1]) else float("inf"))
        before, after = values[0], values[best + 1]
        accepted = acceleration.falls(before, after)
        self._learn_damping(candidates.kinds, best, accepted)
        if accepted and trainer.sampling.every:  # chosen for these points; is it lower on others too?
            before, after = self._values(self._objective(trainer), [trainer.theta, thetas[best]])
            accepted = acceleration.falls(before, after)
        horizon = float(path.horizon(candidates.points[best : best + 1])[0])
        record = {
            "step": trainer.step,
            "kind": candidates.kinds[best],
            "horizon": horizon,
            "before": before,
            "after": after,
            "accepted": accepted,
            "undone": False,
        }
        self.records.append(record)
        self.attempts += 1
        self.far += accepted and horizon >= FAR
        self.interval = self.base if accepted else min(2 * self.interval, SELDOMEST * self.base)
        self.due = step + self.interval
        if not accepted:
            return ""
        if self.audit:
            self._keep(trainer, step, record)
        trainer.theta = thetas[best].clone()
        if self.resets:
            trainer.optimizer.grow(None, trainer.network.size)
        self.snapshots.clear()
        hint = self._hint()
        return f"jumped {horizon:+.0f} steps by {record['kind']}, loss {before:.3g} -> {after:.3g}{hint}"

    def _candidates(self, path: Path, objective: Objective, trainer: Training) -> Candidates:
        """All points that are worth an evaluation."""
        found = acceleration.extrapolations(path, self.kind, trainer.stage_step)
        if self.kind not in ("auto", "subspace"):
            return found
        span, spread = acceleration.directions(path)
        lengths = acceleration.PROBE * spread
        here = objective.residual(trainer.theta)
        probes = torch.as_tensor(path.weights(lengths[:, None] * span)).to(trainer.theta)
        slopes = torch.stack([objective.residual(theta) - here for theta in probes]).cpu().double().numpy()
        self.spent += FORWARD * (1 + len(span))
        dampings = acceleration.dampings(self.damping)
        steps = acceleration.least_squares(here.cpu().double().numpy(), slopes / lengths[:, None], dampings)
        return found + Candidates(("subspace",) * len(steps), steps @ span)

    def _learn_damping(self, kinds: tuple[str, ...], best: int, accepted: bool) -> None:
        """That of the best point if it is one of the subspace's, which come last; a heavier one where all failed."""
        tried = acceleration.dampings(self.damping)
        if not accepted:
            self.damping = tried[-1]
        elif kinds[best] == "subspace":
            self.damping = tried[best - len(kinds)]

    def _objective(self, trainer: Training) -> Objective:
        """What candidates are judged by: the loss on the training points, or on fresh ones where those move.

        A copy, so that what the objective remembers of its latest evaluation stays that of training.
        """
        own = trainer.weighed.own
        if not trainer.sampling.every:
            judge = copy.copy(own)
            judge._latest = {}
            return judge
        factor = max(1.0, own.rows / sum(term.count * term.rows for term in trainer.problem.terms()))
        drawn = trainer.sampling.draw(trainer.problem.terms(), factor, self.generator).blocks
        here = [(term, points.to(trainer.device, trainer.precision)) for term, points in drawn]
        return trainer.problem.objective(trainer.weighed.field, here)

    def _values(self, objective: Objective, thetas: list[Tensor]) -> list[float]:
        self.spent += FORWARD * len(thetas)
        return torch.stack([objective.value(theta) for theta in thetas]).tolist()  # the device is waited for once

    def _hint(self) -> str:
        """Said once: the drift is so steady that a larger learning rate would do the same."""
        if self.hinted or self.attempts < LEAST or self.far < OFTEN * self.attempts:
            return ""
        self.hinted = True
        return (
            f"; {self.far} of {self.attempts} attempts jumped {FAR} steps or more: "
            "optimizer.learning_rate is too small, and a larger one does more than jumps"
        )

    # -- regretting ------------------------------------------------------------------------------------------

    def _keep(self, trainer: Training, step: int, record: Record) -> None:
        """All that undoing a jump needs."""
        audit = step + self.base // 2
        self.before = {
            "theta": trainer.theta.clone(),
            "optimizer": copy.deepcopy(trainer.optimizer.state()),
            "step": step,
            "record": dict(record),
            "audit": audit,
            "expected": acceleration.expectation(self.history, audit),
        }

    def _audit(self, trainer: Training, step: int) -> str:
        """Undo the jump if the loss lies above what was expected without it."""
        before, self.before = self.before, None
        assert before is not None
        since = [loss for at, loss in self.history if at > (before["step"] + step) / 2]
        if not acceleration.regretted(since, before["expected"]):
            return ""
        trainer.theta = before["theta"]
        trainer.optimizer.load(before["optimizer"])
        self.history = [(at, loss) for at, loss in self.history if at <= before["step"]]
        self.snapshots.clear()
        self.interval = min(2 * self.interval, SELDOMEST * self.base)
        self.due = step + self.interval
        self.records.append({**before["record"], "undone": True})
        lost = f"loss {since[-1]:.3g} where {10 ** before['expected']:.3g} was expected"
        return f"the jump {step - before['step']} steps ago is undone: {lost}"

    def soften(self, optimizer: Any) -> None:
        """Let the state that an undone jump goes back to have the smaller steps that a divergence has taught."""
        if self.before is None:
            return
        now = copy.deepcopy(optimizer.state())
        optimizer.load(self.before["optimizer"])
        optimizer.soften()
        self.before["optimizer"] = copy.deepcopy(optimizer.state())
        optimizer.load(now)

    # -- state -----------------------------------------------------------------------------------------------

    def take_records(self) -> list[Record]:
        """What was tried since this was asked last."""
        records, self.records = self.records, []
        return records

    def state(self) -> Record:
        """A copy of all of it, as tensors and plain values."""
        return {
            "snapshots": [theta.clone() for theta in self.snapshots],
            "history": list(self.history),
            "interval": self.interval,
            "due": self.due,
            "spent": self.spent,
            "damping": self.damping,
            "before": copy.deepcopy(self.before),
            "attempts": self.attempts,
            "far": self.far,
            "hinted": self.hinted,
            "records": [dict(record) for record in self.records],
            "generator": self.generator.get_state(),
        }

    def load(self, state: Record) -> None:
        """Take up a saved state that is this object's own, its tensors where θ lives."""
        self.snapshots = deque(state["snapshots"], maxlen=self.count)
        self.history = [(int(step), loss) for step, loss in state["history"]]
        for name in ("interval", "due", "spent", "damping", "attempts", "far", "hinted"):
            setattr(self, name, state[name])
        self.before = state["before"]
        self.records = state["records"]
        self.generator.set_state(state["generator"].cpu())


def make_leap(config: Config) -> Leap | None:
    """The jumps that a config asks for, None for none: by "auto" there are none beside an optimizer of second order."""
    settings, first_order = config.koopman, isinstance(config.optimizer, FirstOrder)
    if settings.acceleration == "none" or (settings.acceleration == "auto" and not first_order):
        return None
    return Leap(settings, config.seed, resets=not first_order)


def notice(config: Config) -> str:
    """What a person should know of the choice before the first step, or ""."""
    kind, method = config.koopman.acceleration, config.optimizer.type
    if kind == "none" or isinstance(config.optimizer, FirstOrder):
        return ""
    if kind == "auto":
        return f"koopman.acceleration=auto makes no jumps beside {method}, whose steps are long already; name a kind to"
    return f"koopman.acceleration={kind} makes {method} forget its memory at every jump; it is meant for adam"
