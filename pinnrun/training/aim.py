"""What is asked of the network: L_min or an error, and for how many consecutive steps it has been met."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from pinnrun.config import Target

POWER = 1.75
"""A residual loss falls like this power of the error, by what trainings of ten problems have shown
(`python -m benchmarks.scaleup.aims`); it would be 2 if all parts of an error fell alike."""

NEAR = 2.0  # the merit is measured once the training loss is within this factor of the target


class Aim:
    """Holds a stage's merit against the target.

    Where the target is an error, L_min is what the merit will be when the error is met, if it goes on falling like the
    error to the power of `POWER`: forecasts are made for a loss.

    Args:
        target: as in the config.

    Attributes:
        loss: L_min; 0 where it is an error that is asked for and none has been measured yet.
        error: the latest one, where it is the target.
        merit: the latest one of the stage; infinite before the first.
        held: consecutive steps for which the target has been met.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.loss = target.loss if target.error is None else 0.0
        self.error: float | None = None
        self.start_stage()

    def start_stage(self) -> None:
        """Another network: nothing is known of it."""
        self.merit, self.held = inf, 0

    @property
    def reached(self) -> bool:
        """Whether the target has held for as many consecutive steps as it must."""
        return self.held >= self.target.hold

    @property
    def decisive(self) -> bool:
        """Whether the next step could be the last one for which it must hold."""
        return 0 < self.held >= self.target.hold - 1

    def near(self, loss: float) -> bool:
        """Whether a training loss is low enough for the merit to be looked at."""
        return self.held > 0 or loss <= NEAR * self.loss

    def presume(self) -> None:
        """A step whose merit was not measured: what held is taken to hold still."""
        self.held += self.held > 0

    def judge(self, merit: float, error: Callable[[], float | None]) -> None:
        """A step whose merit was measured; `error` is asked only where the target is one."""
        self.merit = merit
        self.held = self.held + 1 if self._met(merit, error) else 0

    def _met(self, merit: float, error: Callable[[], float | None]) -> bool:
        wanted = self.target.error
        if wanted is None:
            return merit <= self.loss
        self.error = error()
        assert self.error is not None, "a target.error is refused where there is no reference"
        if self.error > 0:
            self.loss = merit * (wanted / self.error) ** POWER
        return self.error <= wanted

    def state(self) -> dict[str, Any]:
        """As a checkpoint keeps it."""
        return {"held": self.held, "latest_merit": self.merit, "goal": self.loss, "error": self.error}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved state; a target that has been changed since is kept."""
        self.held, self.merit = state["held"], state["latest_merit"]
        if self.target.error is not None:
            self.loss, self.error = state["goal"], state["error"]
