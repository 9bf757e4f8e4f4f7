"""How far each forecaster is off: residual laws by regime and family of optimizer, and the width their bands need.

10, 50 and 90 % quantiles of (truth - forecast) / u, each cell's drawn towards those of the regime and these towards
those of all; widened about their median until bands of 80 % hold 80 % of the problems left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.forecast.origins import Origin, per_forecast, weights
from benchmarks.forecast.trajectories import Array
from pinnrun.koopman import Regime
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.prior import ANY
from pinnrun.koopman.reach import ResidualLaw
from pinnrun.koopman.trend import Trend

PARENT = 3.0  # trajectories that the quantiles of the parent are worth
LEVELS = (0.1, 0.5, 0.9)

Fit = Callable[[LossCurve], Trend]
Laws = Mapping[str, Mapping[str, Sequence[float]]]  # family or "any", regime, quantiles


def missed_by(found: Sequence[Origin], fit: Fit) -> Array:
    """Forecast minus truth of every forecast, (n,)."""
    return np.concatenate([fit(origin.curve).predict(origin.times) - origin.truths for origin in found])


def residual_laws(found: Sequence[Origin], residuals: Array, inflation: float = 1.0) -> Laws:
    """Quantiles by family and regime; cells with few trajectories are mostly their parents'."""
    weight = weights(found)
    regimes = np.array([regime.value for regime in per_forecast(found, "regime")])
    families, names = per_forecast(found, "family"), per_forecast(found, "trajectory")

    def drawn(inside: Array, parent: Array) -> Array:
        if not inside.any():
            return parent
        own = weighted_quantiles(residuals[inside], weight[inside], LEVELS)
        share = len(set(names[inside]))
        return (share * own + PARENT * parent) / (share + PARENT)

    everything = weighted_quantiles(residuals, weight, LEVELS)
    laws: dict[str, dict[str, Sequence[float]]] = {}
    for regime in Regime:
        of_regime = drawn(regimes == regime.value, everything)
        laws.setdefault(ANY, {})[regime.value] = _widened(of_regime, inflation)
        for family in dict.fromkeys(families.tolist()):
            cell = drawn((regimes == regime.value) & (families == family), of_regime)
            laws.setdefault(family, {})[regime.value] = _widened(cell, inflation)
    return laws


def _widened(quantiles: Array, inflation: float) -> list[float]:
    middle = quantiles[1]
    return [round(float(middle + inflation * (value - middle)), 4) for value in quantiles]


def weighted_quantiles(values: Array, weight: Array, levels: Sequence[float]) -> Array:
    """Quantiles of a weighted sample, (len(levels),)."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weight[order]) - 0.5 * weight[order]
    return np.interp(np.array(levels) * weight.sum(), passed, values[order])


def law_of(laws: Laws, origin: Origin) -> ResidualLaw:
    """The law of an origin's regime and family."""
    return ResidualLaw(*laws.get(origin.family, laws[ANY])[origin.regime.value])


def coverage(found: Sequence[Origin], residuals: Array, inflation: float) -> float:
    """Share of the residuals that bands of 80 % hold, each by laws of the other problems."""
    problems = per_forecast(found, "problem")
    held = np.zeros(len(residuals), dtype=bool)
    for problem in set(problems.tolist()):
        kept = [origin for origin in found if origin.problem != problem]
        laws = residual_laws(kept, residuals[problems != problem], inflation)
        inside = []
        for origin in found:
            if origin.problem == problem:
                law = law_of(laws, origin)
                inside += [(law.low, law.high)] * len(origin.factors)
        low, high = np.array(inside).T
        at = problems == problem
        held[at] = (residuals[at] >= low) & (residuals[at] <= high)
    return float(np.average(held, weights=weights(found)))


def choose_inflation(found: Sequence[Origin], residuals: Array) -> float:
    """The least widening with which the bands of problems left out hold 80 %."""
    low, high = 0.5, 2.5
    for _ in range(9):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if coverage(found, residuals, middle) >= 0.8 else (middle, high)
    return round(high, 2)
