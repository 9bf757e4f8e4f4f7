"""What a forecast may know of a trajectory at step n, and what then came true.

Losses are in decades, y = log10 L. The truth at step t is the median of y over [0.97 t, t]; a target has been reached
by the first step that ends as many consecutive ones at or below it as its family asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.forecast.cases import FAMILIES
from benchmarks.forecast.trajectories import Array, Trajectory
from pinnrun.config import KoopmanSettings
from pinnrun.koopman import History
from pinnrun.koopman.curve import SMALLEST, TAIL

FACTORS = (2, 5, 10)  # horizons, in multiples of n
DEFAULT = KoopmanSettings().forecaster


def history(trajectory: Trajectory, now: int, measured: Sequence[int] | None = None) -> History:
    """The first ``now`` steps.

    Args:
        trajectory: all of the training.
        now: n.
        measured: steps at which the merit is known; None: wherever it was recorded.
    """
    merit = trajectory.merit[:now]
    if measured is not None:
        merit = np.where(np.isin(trajectory.step[:now], measured), merit, np.nan)
    rate = trajectory.rate
    scheduled = bool(np.isfinite(rate[:now]).all())  # the schedule is the user's, so its future is known
    return History(
        trajectory.step[:now].astype(np.float64),
        trajectory.loss[:now],
        merit,
        rate[:now],
        trajectory.evaluations[:now].astype(np.float64),
        trajectory.promise[:now],
        rate_ahead=(lambda ahead: float(rate[min(now + ahead, len(rate)) - 1])) if scheduled else None,
    )


def decades(loss: Array) -> Array:
    """Log10, with zeros read as the smallest number that a forecast reads."""
    return np.log10(np.maximum(loss, SMALLEST))


def truth(trajectory: Trajectory, at: int) -> float:
    """The median of y over the last 3 % of the first ``at`` steps."""
    return float(np.median(decades(trajectory.loss[int(np.ceil(TAIL * at)) - 1 : at])))


def windows(trajectory: Trajectory) -> list[int]:
    """The steps n that forecasts are made from: those of the family whose nearest horizon is in the trajectory."""
    return [n for n in FAMILIES[trajectory.family].windows if FACTORS[0] * n <= len(trajectory)]


def reached(trajectory: Trajectory, target: float, observable: str = "loss") -> int | None:
    """The step by which the target has been held, or None.

    The merit is known at the ends of windows, further apart than the hold: two of them in a row must be good.
    """
    if observable == "merit":
        known = np.flatnonzero(np.isfinite(trajectory.merit))
        good = trajectory.merit[known] <= target
        pairs = np.flatnonzero(good[1:] & good[:-1])
        return int(trajectory.step[known[pairs[0] + 1]]) if len(pairs) else None
    hold = FAMILIES[trajectory.family].hold
    below = np.concatenate([[0], np.cumsum(trajectory.loss <= target)])
    held = np.flatnonzero(below[hold:] - below[:-hold] == hold)
    return int(trajectory.step[held[0] + hold - 1]) if len(held) else None
