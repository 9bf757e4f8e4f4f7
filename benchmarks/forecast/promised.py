"""The promised trend's constants: least absolute deviations over trainings by Gauss-Newton methods.

The weights of promise and slope are fitted by a linear program, for every bound of the slope and every damping of a
grid, of which the error on problems left out decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.forecast import samples
from benchmarks.forecast.origins import Origin, flat, per_forecast, weights
from benchmarks.forecast.samples import LinearSample, least_absolute, score
from benchmarks.forecast.trajectories import Array
from pinnrun.koopman.damped_trend import damped_time
from pinnrun.koopman.pooled_trend import slopes
from pinnrun.koopman.prior import Promised

STEEPEST = (0.5, 1.0, 2.0)
DAMPING = (0.0, 0.2, 0.4)


@dataclass(frozen=True, eq=False)
class Sample(LinearSample):
    """All forecasts as vectors (n,): what the promised trend sees, what came, how much it counts, whose it is."""

    level: Array
    late: Array
    promise: Array
    u: Array
    truth: Array
    weight: Array
    problem: Array

    def features(self, steepest: float) -> Array:
        """1, the promise as a slope, and the slope as it counts, (n, 3)."""
        return np.column_stack([np.ones(len(self.u)), -self.promise, np.clip(self.late, -steepest, 0.0)])


def promising(found: Sequence[Origin]) -> list[Origin]:
    """The origins at which a promise is known."""
    return [origin for origin in found if origin.curve.promise is not None]


def sample(found: Sequence[Origin]) -> Sample:
    """The forecasts of origins at which a promise is known."""
    seen = np.array([(*slopes(origin.curve)[:2], origin.curve.promise) for origin in found], dtype=np.float64)
    seen = np.repeat(seen, [len(origin.factors) for origin in found], axis=0)
    u, truths, problem = flat(found, "u"), flat(found, "truths"), per_forecast(found, "problem")
    return Sample(seen[:, 0], seen[:, 1], seen[:, 2], u, truths, weights(found), problem)


def fit_constants(seen: Sample, steepest: float, damping: float, *, slope: bool = True) -> Promised:
    """Least absolute deviations of y - level from promise and slope times the damped time."""
    columns = damped_time(seen.u, np.asarray(damping))[:, None] * seen.features(steepest)
    bounds = [(None, None), (0.0, None), (0.0, None if slope else 0.0)]
    solved = least_absolute(columns, seen.truth - seen.level, seen.weight / seen.u, bounds)
    intercept, weight, late = (round(float(value), 4) for value in solved)
    return Promised(intercept, weight, late, steepest, damping)


def left_out(seen: Sample, steepest: float, damping: float, *, slope: bool = True) -> Array:
    """Errors where each problem is forecast with the constants of the others."""
    return samples.left_out(seen, lambda others: fit_constants(others, steepest, damping, slope=slope))


def choose_constants(seen: Sample, tell: Callable[[str], None]) -> Promised:
    """Of the grid the bound and the damping that do best on problems left out, refitted on everything."""
    scores = {choice: score(seen, left_out(seen, *choice)) for choice in product(STEEPEST, DAMPING)}
    for (steepest, damping), value in scores.items():
        tell(f"  slope up to {steepest:g}, damping {damping:g}: {value:.3f} decades per u")
    best = min(scores, key=lambda choice: scores[choice])
    tell(f"  without the slope: {score(seen, left_out(seen, *best, slope=False)):.3f}")
    return fit_constants(seen, *best)
