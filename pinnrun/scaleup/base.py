"""What a policy sees, what it decides, and the order of growth that all growing policies share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import Literal

import numpy as np

from pinnrun.koopman import Forecast
from pinnrun.settings import setting

Start = Literal["reinit", "zero_out", "net2net", "shrink_perturb", "residual", "greedy"]
"""How what a growth adds may start: a key of ``pinnrun.architectures.GROWTH_RULES``."""


class Action(Enum):
    """What is done after a window."""

    CONTINUE = "continue"
    EXTEND = "extend"
    WIDEN = "widen"
    DEEPEN = "deepen"
    RESTART = "restart"
    DONE = "done"
    STOP = "stop"

    @property
    def grows(self) -> bool:
        """Whether the network gets larger."""
        return self in (Action.WIDEN, Action.DEEPEN)


@dataclass(frozen=True)
class Decision:
    """An action with its evidence.

    Attributes:
        action: what is done.
        evidence: why, in a sentence.
        steps: length of the next window.
    """

    action: Action
    evidence: str
    steps: int


@dataclass(frozen=True)
class StageView:
    """The present stage as a policy sees it.

    Attributes:
        steps: steps since the start of the stage, ``(n,)``.
        loss: training loss after each, ``(n,)``.
        width, depth: the network's size.
        last_growth: how the network came to this size, None for the first stage.
        window, minimum, horizon: the optimizer's pace.
        size_of: number of parameters of a network of given width and depth.
        stalled: why the optimizer cannot step any more, or None.
    """

    steps: np.ndarray
    loss: np.ndarray
    width: int
    depth: int
    last_growth: Action | None
    window: int
    minimum: int
    horizon: int
    size_of: Callable[[int, int], int]
    stalled: str | None = None

    @property
    def now(self) -> int:
        """Steps of the stage so far."""
        return int(self.steps[-1])


@dataclass(frozen=True)
class Policy:
    """Settings that all policies share; each decides in its own way."""

    type: str = setting(help="the policy's registered name")
    alpha: float = setting(2.0, above=1, help="widening factor: W becomes ceil(alpha W)")
    init: Start = setting("reinit", help="how the new neurons of a widening start")
    deepen_init: Start = setting("reinit", help="how a new layer starts")
    max_width: int = setting(128, min=1, help="W never exceeds this")
    max_depth: int = setting(6, min=1, help="D never exceeds this")
    max_parameters: int = setting(3000, min=1, help="no growth beyond this many parameters")

    needs_forecast = False

    def decide(self, view: StageView, forecast: Forecast | None) -> Decision:
        """The action after a window; ``forecast`` is None where ``needs_forecast`` is false."""
        raise NotImplementedError

    def start(self, action: Action) -> Start:
        """How what this growth adds starts."""
        return self.init if action is Action.WIDEN else self.deepen_init

    def wider(self, width: int) -> int:
        """W → αW, at least one neuron more, at most ``max_width``."""
        scaled = ceil(round(self.alpha * width, 9))  # 1.1 · 50 is 55, not 55.00000000000001
        return min(max(scaled, width + 1), self.max_width)

    def grow(self, view: StageView, evidence: str) -> Decision:
        """Steps 6 and 7 of the scale-up algorithm: widen first and after every deepening, deepen after a widening.

        At the largest width or depth the other one grows; at both, training goes on as it is.
        """
        wider = self.wider(view.width)
        can_widen = wider > view.width and view.size_of(wider, view.depth) <= self.max_parameters
        can_deepen = view.depth < self.max_depth
        can_deepen = can_deepen and view.size_of(view.width, view.depth + 1) <= self.max_parameters
        if not (can_widen or can_deepen):
            largest = f"{evidence}; already at the largest size allowed"
            action = Action.STOP if view.stalled else Action.CONTINUE
            return Decision(action, largest, view.window)
        widen = can_widen and (view.last_growth is not Action.WIDEN or not can_deepen)
        return Decision(Action.WIDEN if widen else Action.DEEPEN, evidence, view.window)
