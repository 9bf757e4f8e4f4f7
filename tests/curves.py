"""Trainings made of a formula, as the forecast benchmark sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.forecast.trajectories import Trajectory


def trajectory(loss, *, problem="made", group="held", family="adam", merit=None, rate=None) -> Trajectory:
    """A trajectory of this loss (n,), whose merit is the loss at the ends of windows of 200 steps."""
    loss = np.asarray(loss, dtype=float)
    step = np.arange(1, len(loss) + 1)
    measured = np.where(step % 200 == 0, loss if merit is None else merit, np.nan)
    rate = np.full(len(loss), 1e-3) if rate is None else rate
    evaluations = np.ones(len(loss), dtype=np.int64)
    unasked = np.full(len(loss), np.nan)
    return Trajectory(
        problem, problem, group, family, 10, step, loss, measured, rate, evaluations, unasked, 1e-3 * step, True, Path()
    )


def power_law(slope, count=10_000, **more) -> Trajectory:
    """L = 100 t^slope."""
    return trajectory(100.0 * np.arange(1, count + 1) ** slope, **more)
