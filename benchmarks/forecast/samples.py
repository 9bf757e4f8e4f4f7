"""What a trend with learned constants is fitted to and judged by: its forecasts as vectors; least absolute deviations.

Such a trend is linear in its features: v = features · constants <= 0, and y(t) = level + v (1 − exp(−mu u)) / mu.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from benchmarks.forecast.trajectories import Array
from pinnrun.koopman.damped_trend import damped_time

Kind = TypeVar("Kind", bound="LinearSample")


class LinearSample:
    """What all samples have, (n,) each, beside what their trend sees."""

    level: Array
    u: Array
    truth: Array
    weight: Array
    problem: Array

    def only(self: Kind, kept: Array) -> Kind:
        """Those that are kept."""
        return type(self)(*(value[kept] for value in vars(self).values()))

    def features(self, steepest: float) -> Array:
        """What the slope is linear in, (n, 3), slopes bounded by ``steepest``."""
        raise NotImplementedError

    def missed(self, known: Any) -> Array:
        """Forecast minus truth by the trend with these constants, of which the first three are the features' own."""
        trend = np.minimum(self.features(known.steepest) @ np.array(known[:3]), 0.0)
        return self.level + trend * damped_time(self.u, np.asarray(known.damping)) - self.truth


def left_out(seen: Kind, fit: Callable[[Kind], Any]) -> Array:
    """Errors where each problem is forecast with the constants that ``fit`` finds on the others."""
    missed = np.zeros(len(seen.u))
    for problem in np.unique(seen.problem):
        out = seen.problem == problem
        missed[out] = seen.only(out).missed(fit(seen.only(~out)))
    return missed


def score(seen: LinearSample, missed: Array) -> float:
    """Mean absolute error per u, every trajectory with the same weight at every horizon."""
    return float(np.average(np.abs(missed) / seen.u, weights=seen.weight))


def least_absolute(a: Array, b: Array, weight: Array, bounds: Sequence[tuple[float | None, float | None]]) -> Array:
    """The x within its bounds that minimises sum_i weight_i |a_i x - b_i|, by linear programming."""
    count, size = a.shape
    system = sparse.hstack([sparse.csr_matrix(a), sparse.eye(count), -sparse.eye(count)]).tocsr()
    price = np.concatenate([np.zeros(size), weight, weight])
    solved = linprog(price, A_eq=system, b_eq=b, bounds=[*bounds, *[(0.0, None)] * (2 * count)], method="highs")
    return solved.x[:size]
