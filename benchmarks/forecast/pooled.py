"""The pooled trend's constants: least absolute deviations over other trainings, each problem judged without itself.

Intercept and weights of two slopes are fitted by a linear program, for every bound of the slopes and every damping of a
grid, of which the best left-out error decides; once for Gauss-Newton methods and once for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.forecast import samples
from benchmarks.forecast.origins import Origin, flat, per_forecast, weights
from benchmarks.forecast.samples import LinearSample, least_absolute, score
from benchmarks.forecast.trajectories import Array
from pinnrun.koopman.damped_trend import damped_time
from pinnrun.koopman.pooled_trend import slopes
from pinnrun.koopman.prior import ANY, Pooled
from pinnrun.registry import GAUSS_NEWTON

STEEPEST = (0.5, 0.6, 0.8, 1.0, 1.5, 2.5)
DAMPING = (0.0, 0.2)
MOST = 3.0  # times itself that a slope may count; it never counts against itself
UNBOUNDED = 100.0


@dataclass(frozen=True, eq=False)
class Sample(LinearSample):
    """All forecasts as vectors (n,): what the pooled trend sees, what came, how much it counts, whose it is."""

    level: Array
    late: Array
    before: Array
    u: Array
    truth: Array
    weight: Array
    problem: Array

    def features(self, steepest: float) -> Array:
        """1 and the two slopes as they count, (n, 3)."""
        both = np.clip([self.late, self.before], -steepest, 0.0)
        return np.column_stack([np.ones(len(self.u)), *both])


def sample(found: Sequence[Origin]) -> Sample:
    """The forecasts of all origins."""
    seen = np.repeat([slopes(origin.curve) for origin in found], [len(o.factors) for o in found], axis=0)
    u, truths, problem = flat(found, "u"), flat(found, "truths"), per_forecast(found, "problem")
    return Sample(seen[:, 0], seen[:, 1], seen[:, 2], u, truths, weights(found), problem)


def groups(found: Sequence[Origin]) -> Mapping[str, Array]:
    """Which forecasts have constants of their own: (n,) masks by family, that of all others under ANY."""
    apart = per_forecast(found, "family") == GAUSS_NEWTON
    return {name: mask for name, mask in ((ANY, ~apart), (GAUSS_NEWTON, apart)) if mask.any()}


def fit_constants(seen: Sample, steepest: float, damping: float, used: Sequence[int] = (0, 1, 2)) -> Pooled:
    """Least absolute deviations of y - level from (1, s_late, s_before), those that are used, times the damped time."""
    time = damped_time(seen.u, np.asarray(damping))[:, None]
    solved = np.zeros(3)
    columns = time * seen.features(steepest)[:, list(used)]
    bounds = [((None, None), (0.0, MOST), (0.0, MOST))[column] for column in used]
    solved[list(used)] = least_absolute(columns, seen.truth - seen.level, seen.weight, bounds)
    intercept, late, before = (round(float(value), 4) for value in solved)
    return Pooled(intercept, late, before, steepest, damping)


def left_out(seen: Sample, steepest: float, damping: float, used: Sequence[int] = (0, 1, 2)) -> Array:
    """Errors where each problem is forecast with the constants of the others."""
    return samples.left_out(seen, lambda others: fit_constants(others, steepest, damping, used))


def choose_constants(seen: Sample, tell: Callable[[str], None]) -> Pooled:
    """Of the grid the bound and the damping whose left-out errors per u are least, refitted on everything."""
    scores = {bounds: score(seen, left_out(seen, *bounds)) for bounds in product(STEEPEST, DAMPING)}
    for (steepest, damping), value in scores.items():
        tell(f"  bound {steepest:g}, damping {damping:g}: {value:.3f} decades per u")
    best = min(scores, key=lambda bounds: scores[bounds])
    for words, used in {"intercept alone": (0,), "without s_before": (0, 1), "without s_late": (0, 2)}.items():
        tell(f"  {words}: {score(seen, left_out(seen, *best, used)):.3f}")
    tell(f"  slopes without a bound: {score(seen, left_out(seen, UNBOUNDED, best[1])):.3f}")
    return fit_constants(seen, *best)
