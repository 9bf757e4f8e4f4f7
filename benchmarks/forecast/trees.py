"""Whether more can be read off a training than the default forecaster does: boosted trees on all that is known of it.

    python -m benchmarks.forecast trees

Trees (Friedman 2001, Ann. Statist. 29, 1189; least absolute deviations) learn the mean descent until the horizon, in
decades per unit of ln t, from the slopes of seven pieces of the loss, its scatter, level and drops, what the
linearization promises, phase, family, number of parameters, n, and the horizon itself. They use any of it in any way,
and learn from trainings of all problems but the one at hand, held-out ones too: more than a forecaster may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, log10, nan
from typing import Any

import numpy as np

from benchmarks.forecast.cases import FAMILIES, GROUPS
from benchmarks.forecast.errors import WORST
from benchmarks.forecast.laws import missed_by
from benchmarks.forecast.origins import Origin, flat, origins, per_forecast, weights
from benchmarks.forecast.trajectories import Array, Trajectory
from benchmarks.forecast.views import DEFAULT, FACTORS, windows
from pinnrun.koopman import Regime
from pinnrun.koopman.curve import LossCurve, slope
from pinnrun.koopman.forecasters import forecaster_named

PIECES = ((0.9, 1.0), (0.7, 1.0), (0.5, 1.0), (0.3, 1.0), (0.25, 0.5), (0.125, 0.25), (0.06, 0.125))
"""Of the steps so far, between which slopes are taken."""

SETTINGS: dict[str, Any] = {
    "loss": "absolute_error",
    "max_iter": 150,
    "learning_rate": 0.06,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 60,
    "l2_regularization": 5.0,
    "max_features": 0.5,
}
UNKNOWN = -1.0  # in place of a promise, which is never negative
ENSEMBLES = 3  # whose mean is the forecast
PHASES, KINDS = list(Regime), list(FAMILIES)

Trees = Callable[[Array], Array]


def compare(trajectories: Sequence[Trajectory], tell: Callable[[str], None] = print) -> None:
    """Print the errors of the default forecaster, of trees, and of their mean, on the windows of the benchmark.

    Raises:
        ImportError: scikit-learn is not installed: pip install "pinnrun[bench]".
    """
    of = {item.name: item for item in trajectories}
    found = origins(trajectories)
    rows = np.vstack([features(origin, of[origin.trajectory]) for origin in found])
    trees = left_out(found, rows)
    default = np.concatenate([missed_by([item], forecaster_named(DEFAULT, item.family)) for item in found])
    shown = np.array([item.observable == "loss" and item.now in windows(of[item.trajectory]) for item in found])
    inside = np.repeat(shown, [len(item.factors) for item in found])
    groups = np.array([of[name].group for name in per_forecast(found, "trajectory")])
    factors = flat(found, "factors")
    for group in GROUPS:
        for name, missed in (("default", default), ("trees", trees), ("their mean", 0.5 * (default + trees))):
            at = [np.abs(missed[inside & (groups == group) & (factors == factor)]) for factor in FACTORS]
            told = (f"{np.median(x):.2f} / {np.quantile(x, 0.9):.2f} ({len(x)})" for x in at if len(x))
            tell(f"{group}, {name}: {', '.join(told)}")


def features(origin: Origin, trajectory: Trajectory) -> Array:
    """What is known at a place to forecast from, for every horizon there, (k, F)."""
    curve = origin.curve
    level, half = curve.tail()[1], curve.tau >= curve.tau[-1] + log(0.5)
    trend = np.polyfit(curve.tau[half], curve.y[half], 2) if half.sum() > 5 else np.zeros(1)
    known = [
        *(slope_between(curve, *piece) for piece in PIECES),
        float(np.std(curve.y[half] - np.polyval(trend, curve.tau[half]))),
        level,
        float(curve.y[0]) - level,
        float(curve.y.min()) - level,
        UNKNOWN if curve.promise is None else curve.promise,
        PHASES.index(origin.regime),
        KINDS.index(trajectory.family),
        log10(trajectory.parameters),
        log(origin.now),
        origin.observable == "loss",
    ]
    return np.column_stack([np.tile(np.array(known, dtype=float), (len(origin.u), 1)), origin.u])


def slope_between(curve: LossCurve, start: float, stop: float) -> float:
    """Mean slope dy/dτ over that piece of the steps; NaN where it holds fewer than four."""
    first, last = (curve.tau[-1] + log(share) for share in (start, stop))
    piece = (curve.tau >= first) & (curve.tau <= last)
    return slope(curve.tau[piece], curve.y[piece]) if piece.sum() >= 4 else nan


def left_out(found: Sequence[Origin], rows: Array) -> Array:
    """Forecast minus truth of every forecast, (n,), by trees that have seen nothing of its problem."""
    u, problems = flat(found, "u"), per_forecast(found, "problem")
    level = np.repeat([origin.curve.tail()[1] for origin in found], [len(origin.u) for origin in found])
    truths = flat(found, "truths")
    rate, weight, missed = (truths - level) / u, weights(found) * u, np.zeros(len(u))
    for problem in np.unique(problems):
        out = problems == problem
        trees = learn(rows[~out], rate[~out], weight[~out])
        missed[out] = level[out] + trees(rows[out]) * u[out] - truths[out]
    return np.clip(missed, -WORST, WORST)


def learn(rows: Array, rate: Array, weight: Array) -> Trees:
    """Trees that tell the descent per unit of ln t, (n,), from features, (n, F)."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    ensembles = [HistGradientBoostingRegressor(**SETTINGS, random_state=seed) for seed in range(ENSEMBLES)]
    fitted = [ensemble.fit(rows, rate, sample_weight=weight) for ensemble in ensembles]
    return lambda asked: np.mean([ensemble.predict(asked) for ensemble in fitted], axis=0)
