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
from pinnrun.koopman.promised_trend import Promise
from pinnrun.koopman.trend import Trend

PARENT = 3.0  # trajectories that the quantiles of the parent are worth
LEVELS = (0.1, 0.5, 0.9)

Fit = Callable[[LossCurve], Trend]
Laws = Mapping[str, Mapping[str, Sequence[float]]]  # family or "any", circumstances, quantiles
CellOf = Callable[[Origin], str]


def missed_by(found: Sequence[Origin], fit: Fit) -> Array:
    """Forecast minus truth of every forecast, (n,)."""
    return np.concatenate([fit(origin.curve).predict(origin.times) - origin.truths for origin in found])


def by_regime(origin: Origin) -> str:
    """What the errors of most forecasters go by."""
    return origin.regime.value


def by_promise(origin: Origin) -> str:
    """What those of the promised trend go by."""
    assert origin.curve.promise is not None
    return Promise.of(origin.curve.promise).value


CELLS: Mapping[CellOf, Sequence[str]] = {
    by_regime: [regime.value for regime in Regime],
    by_promise: [promise.value for promise in Promise],
}
"""All circumstances of either kind."""


def residual_laws(
    found: Sequence[Origin], residuals: Array, inflation: float = 1.0, cell_of: CellOf = by_regime
) -> Laws:
    """Quantiles by family and circumstances; cells with few trajectories are mostly their parents'."""
    weight = weights(found)
    cells = np.repeat([cell_of(origin) for origin in found], [len(origin.factors) for origin in found])
    families, names = per_forecast(found, "family"), per_forecast(found, "trajectory")

    def drawn(inside: Array, parent: Array) -> Array:
        if not inside.any():
            return parent
        own = weighted_quantiles(residuals[inside], weight[inside], LEVELS)
        share = len(set(names[inside]))
        return (share * own + PARENT * parent) / (share + PARENT)

    everything = weighted_quantiles(residuals, weight, LEVELS)
    laws: dict[str, dict[str, Sequence[float]]] = {}
    for cell in CELLS[cell_of]:
        of_all = drawn(cells == cell, everything)
        laws.setdefault(ANY, {})[cell] = _widened(of_all, inflation)
        for family in dict.fromkeys(families.tolist()):
            own = drawn((cells == cell) & (families == family), of_all)
            laws.setdefault(family, {})[cell] = _widened(own, inflation)
    return laws


def _widened(quantiles: Array, inflation: float) -> list[float]:
    middle = quantiles[1]
    return [round(float(middle + inflation * (value - middle)), 4) for value in quantiles]


def weighted_quantiles(values: Array, weight: Array, levels: Sequence[float]) -> Array:
    """Quantiles of a weighted sample, (len(levels),)."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weight[order]) - 0.5 * weight[order]
    return np.interp(np.array(levels) * weight.sum(), passed, values[order])


def quantiles_left_out(
    found: Sequence[Origin], residuals: Array, inflation: float = 1.0, cell_of: CellOf = by_regime
) -> Array:
    """10, 50 and 90 % quantiles of every forecast's residual, (n, 3), by laws of the other problems."""
    problems = per_forecast(found, "problem")
    bounds = np.zeros((len(residuals), len(LEVELS)))
    for problem in set(problems.tolist()):
        kept = [origin for origin in found if origin.problem != problem]
        laws = residual_laws(kept, residuals[problems != problem], inflation, cell_of)
        own = []
        for origin in found:
            if origin.problem == problem:
                own += [laws.get(origin.family, laws[ANY])[cell_of(origin)]] * len(origin.factors)
        bounds[problems == problem] = own
    return bounds


def coverage(found: Sequence[Origin], residuals: Array, inflation: float, cell_of: CellOf = by_regime) -> float:
    """Share of the residuals that bands of 80 % hold, each by laws of the other problems."""
    low, _, high = quantiles_left_out(found, residuals, inflation, cell_of).T
    return float(np.average((residuals >= low) & (residuals <= high), weights=weights(found)))


def choose_inflation(found: Sequence[Origin], residuals: Array, cell_of: CellOf = by_regime) -> float:
    """The least widening with which the bands of problems left out hold 80 %."""
    low, high = 0.5, 2.5
    for _ in range(9):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if coverage(found, residuals, middle, cell_of) >= 0.8 else (middle, high)
    return round(high, 2)
