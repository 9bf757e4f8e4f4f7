"""What a run tells the person watching it: the `Progress` record, and what every display must do with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step.

    `step` and `steps_total` count over the whole run, `seconds` and `seconds_total` are in the unit of the
    run's budget; a total of None means that there is no such budget. `steps_to_target` is the number of steps
    still to go until the forecast's median meets the target, None where the forecast names none.
    """

    stage: int
    width: int
    depth: int
    parameters: int
    step: int
    steps_total: int | None
    seconds: float
    seconds_total: float | None
    loss: float
    merit: float | None
    target: float
    forecast: str = ""
    steps_to_target: float | None = None

    @property
    def fraction(self) -> float | None:
        """Share spent of the scarcer budget, steps or seconds, in [0, 1]; None without a budget."""
        shares = []
        if self.steps_total:
            shares.append(self.step / self.steps_total)
        if self.seconds_total:
            shares.append(self.seconds / self.seconds_total)
        return min(max(0.0, *shares), 1.0) if shares else None


class Display(Protocol):
    """Shows one run, on standard error. No method raises because the terminal or the pipe has gone away."""

    def start(self, title: str, target: float) -> None:
        """Begin; `title` names the problem, the optimizer and the policy, `target` is L_min."""
        ...

    def update(self, progress: Progress) -> None:
        """Tell the state after a step; cheap enough (below 10 us) to be called at every step."""
        ...

    def event(self, text: str) -> None:
        """Tell one thing that happened: a growth, a rewind, a save. One line."""
        ...

    def stop(self, text: str | None = None) -> None:
        """End, with a closing line if there is one; a second call does nothing."""
        ...


class Pace:
    """Seconds per step of the stage in progress, and the time left that follows from it.

    The anchor is renewed at every stage, since a step of a larger network costs more.
    """

    def __init__(self) -> None:
        self._stage: int | None = None
        self._step, self._seconds = 0, 0.0

    def observe(self, progress: Progress) -> None:
        """Note the first progress of every stage; costs one comparison otherwise."""
        if progress.stage != self._stage:
            self._stage, self._step, self._seconds = progress.stage, progress.step, progress.seconds

    def seconds_per_step(self, progress: Progress) -> float | None:
        """Mean over the stage in progress, or over the run while the stage is at its first step."""
        steps, seconds = progress.step - self._step, progress.seconds - self._seconds
        if steps < 1:
            steps, seconds = progress.step, progress.seconds
        return seconds / steps if steps > 0 else None

    def remaining(self, progress: Progress) -> tuple[str, float] | None:
        """What comes first, "target" or "budget", and in how many seconds; None while nothing is known."""
        rate = self.seconds_per_step(progress)
        ends: list[tuple[float, str]] = []
        if progress.steps_to_target is not None and rate is not None:
            ends.append((progress.steps_to_target * rate, "target"))
        if progress.steps_total is not None and rate is not None:
            ends.append(((progress.steps_total - progress.step) * rate, "budget"))
        if progress.seconds_total is not None:
            ends.append((progress.seconds_total - progress.seconds, "budget"))
        ends = [(max(seconds, 0.0), what) for seconds, what in ends if math.isfinite(seconds)]
        if not ends:
            return None
        seconds, what = min(ends)
        return what, seconds
