"""What a policy sees of a run, and what it decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from math import inf, nan

import numpy as np

from pinnrun.koopman.verdict import LONGER
from pinnrun.scaleup.price import Price


class Action(Enum):
    """What is done after a window."""

    CONTINUE = "continue"
    EXTEND = "extend"
    WIDEN = "widen"
    DEEPEN = "deepen"
    RESTART = "restart"
    PRUNE = "prune"
    RESTORE = "restore"
    DONE = "done"
    STOP = "stop"

    @property
    def grows(self) -> bool:
        """Whether the network gets larger."""
        return self in (Action.WIDEN, Action.DEEPEN)

    @property
    def is_on_the_way(self) -> bool:
        """Whether the target is still to be met after it."""
        return self.grows or self is Action.RESTART

    @property
    def begins_stage(self) -> bool:
        """Whether training goes on with another network than before."""
        return self.is_on_the_way or self in (Action.PRUNE, Action.RESTORE)


@dataclass(frozen=True)
class Decision:
    """An action with its evidence.

    Attributes:
        action: what is done.
        evidence: why, in a sentence.
        steps: length of the next window.
        width: where a growth leads, None: to the policy's next width, or one layer more of the present; or a pruning,
            or a fresh start.
        depth: where a fresh start leads that is not of the present size.
        hopeless: the run ends because the target is out of reach, not because the means are spent.
    """

    action: Action
    evidence: str
    steps: int
    width: int | None = None
    depth: int | None = None
    hopeless: bool = False


@dataclass(frozen=True)
class Past:
    """An earlier stage.

    Attributes:
        width, depth, parameters: its network.
        steps: that it was trained.
        loss: the training loss that it ended with.
        ending: what ended it.
    """

    width: int
    depth: int
    parameters: int
    steps: int
    loss: float
    ending: Action


def free(width: int, depth: int) -> float:
    """One second a step at every size: nothing is known of prices."""
    return 1.0


@dataclass(frozen=True)
class StageView:
    """The present stage as a policy sees it.

    Attributes:
        steps: steps since the start of the stage, ``(n,)``.
        loss: training loss after each, ``(n,)``.
        width, depth: the network's size.
        growths: how the network came to this size, oldest first; the first ones are those that its start counts as.
        window, minimum, horizon: the optimizer's pace.
        size_of: number of parameters of a network of given width and depth.
        stalled: why the optimizer cannot step any more, or None.
        target: L_min.
        past: the stages before, oldest first.
        price: CPU seconds of a step of a network of given width and depth.
        steps_left: steps of the present network that the budget still pays for; infinite without a budget.
        chance: probability that the target is reached in so many more steps; None where nothing is forecast.
    """

    steps: np.ndarray
    loss: np.ndarray
    width: int
    depth: int
    growths: Sequence[Action]
    window: int
    minimum: int
    horizon: int
    size_of: Callable[[int, int], int]
    stalled: str | None = None
    target: float = nan
    past: Sequence[Past] = ()
    price: Price = free
    steps_left: float = inf
    chance: Callable[[float], float] | None = None

    @property
    def now(self) -> int:
        """Steps of the stage so far."""
        return int(self.steps[-1])

    @property
    def last_growth(self) -> Action | None:
        """What led to this size; None where nothing has."""
        return self.growths[-1] if self.growths else None

    @property
    def in_a_row(self) -> int:
        """How many of the latest growths were of that kind."""
        return len(list(takewhile(lambda growth: growth is self.last_growth, reversed(self.growths))))

    @property
    def longer(self) -> int:
        """Steps until the next look where this one could not tell: half as many again, within the horizon, and a
        window at least.
        """
        return max(min(round(LONGER * self.now), self.horizon - self.now), self.window)
