"""What every optimizer is to the rest: a step, a growth, a state, and how fast its clock runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any, Protocol

import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective
from pinnrun.settings import setting


class Outcome(Enum):
    """How a step ended."""

    ACCEPTED = "accepted"
    REJECTED = "no trial step lowered the loss"
    NO_DESCENT = "the direction does not go downhill"
    SEARCH_FAILED = "the line search found no acceptable step length"
    SINGULAR = "the system for the step could not be solved"
    PRECISION = "the loss is at the rounding error of its own sum"
    HANDED_OVER = "another method takes over"
    OVERSHADOWED = "the best start rested while others moved"
    CONVERGED = "the gradient vanished"
    NOT_FINITE = "the loss or its gradient is not a finite number"


@dataclass(frozen=True)
class StepInfo:
    """What one step saw.

    Attributes:
        loss: the objective's value (½‖r‖²) after the step; of first-order methods before it, as it comes with ∇L.
        outcome: how it ended.
        damping: λ of a damped method, the learning rate of a first-order one.
        gradient_norm: ‖∇L‖ before the step.
        evaluations: evaluations of the residual, with or without its Jacobian.
        ratio: actual over predicted decrease, where there is a model to predict it.
        length: step length α along the direction, where there is a search for it.
        rate: learning rate of this step, where the method has one; with a search, the longest length tried.
        event: what happened that a person may want to read (a hand-over, starts that were dropped), else empty.
    """

    loss: float
    outcome: Outcome
    damping: float
    gradient_norm: float
    evaluations: int
    ratio: float = float("nan")
    length: float = float("nan")
    rate: float = float("nan")
    event: str = ""

    @property
    def accepted(self) -> bool:
        """Whether θ moved."""
        return self.outcome is Outcome.ACCEPTED


def opened(linear: Linearization, damping: float) -> tuple[float, float, StepInfo | None]:
    """L and ‖∇L‖, for which the host waits once, and how the step has ended already where there is none to make."""
    loss, norm = torch.stack([linear.value, linear.gradient.norm()]).tolist()
    if not (abs(loss) < inf and norm < inf):
        return loss, norm, StepInfo(loss, Outcome.NOT_FINITE, damping, norm, 1)
    return loss, norm, StepInfo(loss, Outcome.CONVERGED, damping, norm, 1) if norm == 0.0 else None


@dataclass(frozen=True)
class Pace:
    """How fast an optimizer's clock runs, in steps; the policies and the recorder count in these."""

    window: int = setting(min=2, help="steps of a trial window, after which the analyzer is asked")
    minimum: int = setting(min=2, help="steps of a stage before its forecast may end it; half where hopeless")
    horizon: int = setting(min=2, help="steps that a stage is given to reach the target")
    snapshot: int = setting(min=1, help="steps between two stored weight vectors")
    check: int = setting(min=1, help="steps between two measurements of the merit once the loss is near the target")

    def problems(self) -> Iterator[str]:
        """Combinations that make no sense."""
        if self.horizon < self.minimum:
            yield f"horizon: {self.horizon} steps are fewer than the minimum of {self.minimum}; raise the horizon"


class Optimizer(Protocol):
    """One step of the training map, with its memory.

    A class whose step solves a linear system as a matrix says which in ``system``, a class variable, for the price of a
    step at other sizes: "parameters" (P × P) or "rows" (N × N). One that keeps the system of its last step as
    ``latest_system`` spares a forecast from forming it again (`pinnrun.optimizers.promise`).
    """

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """The next θ, and what was seen on the way; θ itself is not changed in place."""
        ...

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Carry the memory through a growth to ``size`` parameters (None: nothing was carried over)."""
        ...

    def soften(self) -> None:
        """Take smaller steps from now on (after a divergence)."""
        ...

    def state(self) -> dict[str, Any]:
        """The memory as tensors and plain values."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Take up the memory that ``state`` gave."""
        ...
