"""Jumps of the weights while training goes on: Koopman training, safeguarded (step 8 of the scale-up algorithm).

Every so many steps a search (`pinnrun.training.search`) reads the latest snapshots of θ as a linear system, and θ moves
to the lowest point that this leads to, if the loss is lower there than here by 2 %. The optimizer keeps its moments.
What a jump lands on may still be a bad place to go on from; so θ and the optimizer of before it are kept, and half an
interval later the jump is undone if the loss lies above what its trend before the jump had promised. Attempts that fail
come half as often, and none is made that would bring their evaluations above a twentieth of what the steps have cost.
"""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

from torch import Tensor

from pinnrun.config import Config, KoopmanSettings
from pinnrun.koopman import acceleration
from pinnrun.optimizers.first_order import FirstOrder
from pinnrun.training.search import Search, Training

SHARE = 0.05  # of the steps' cost that attempts may add
SELDOMEST = 8  # times the interval: how rare attempts that fail become
FAR, OFTEN, LEAST = 300, 0.8, 5  # "the learning rate is small": so many steps, in such a share of at least 5 attempts

Record = dict[str, Any]


class Leap:
    """The snapshots, the jumps and the regrets of a run; its ``state`` is all that the next ones depend on.

    Args:
        settings: how jumps are made.
        seed: of the fresh points that candidates are judged on where training points move.
        resets: whether the optimizer must forget what it knows after a jump (all but first-order ones).
    """

    def __init__(self, settings: KoopmanSettings, seed: int, *, resets: bool = False) -> None:
        self.resets, self.audit = resets, settings.jump_audit
        self.base, self.every = settings.jump_every, settings.jump_snapshot
        self.count = settings.jump_every // settings.jump_snapshot
        self.search = Search(settings.acceleration, seed)
        self.records: list[Record] = []  # since the last decision
        self.hinted = False
        self.start()

    def start(self) -> None:
        """A stage begins: another network, of which nothing is known."""
        self.snapshots: deque[Tensor] = deque(maxlen=self.count)
        self.history: list[tuple[int, float]] = []  # steps of the stage and losses, at the snapshots
        self.interval, self.due = self.base, self.base
        self.before: Record | None = None  # the jump that may yet be undone
        self.search.start()
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
        return self.search.spent + self.search.price(trainer) <= SHARE * step * (1 + 1e-12)

    # -- jumping ---------------------------------------------------------------------------------------------

    def _attempt(self, trainer: Training, step: int) -> str:
        place = self.search.best(trainer, self.snapshots, self.every)
        if place is None:
            self.due = step + self.interval
            return ""
        record = {
            "step": trainer.step,
            "kind": place.kind,
            "horizon": place.horizon,
            "before": place.before,
            "after": place.after,
            "accepted": place.is_lower,
            "undone": False,
        }
        self.records.append(record)
        self.attempts += 1
        self.far += place.is_lower and place.horizon >= FAR
        self.interval = self.base if place.is_lower else min(2 * self.interval, SELDOMEST * self.base)
        self.due = step + self.interval
        if not place.is_lower:
            return ""
        if self.audit:
            self._keep(trainer, step, record)
        trainer.theta = place.theta
        if self.resets:
            trainer.optimizer.grow(None, trainer.network.size)
        self.snapshots.clear()
        loss = f"loss {place.before:.3g} -> {place.after:.3g}"
        return f"jumped {place.horizon:+.0f} steps by {place.kind}, {loss}{self._hint()}"

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
            **self.search.state(),
            "before": copy.deepcopy(self.before),
            "attempts": self.attempts,
            "far": self.far,
            "hinted": self.hinted,
            "records": [dict(record) for record in self.records],
        }

    def load(self, state: Record) -> None:
        """Take up a saved state that is this object's own, its tensors where θ lives."""
        self.snapshots = deque(state["snapshots"], maxlen=self.count)
        self.history = [(int(step), loss) for step, loss in state["history"]]
        for name in ("interval", "due", "attempts", "far", "hinted"):
            setattr(self, name, state[name])
        self.before = state["before"]
        self.records = state["records"]
        self.search.load(state)


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
