"""The loss at forecast weights: dynamic mode decomposition of the weights' increments, continued.

The observable is the identity, as in Dogra & Redman 2020 (arXiv 2006.02361): with snapshots w(0) .. w(T-1) and
increments d(k) = w(k+1) - w(k), A~ of rank r maps one increment to the next (`pinnrun.koopman.modes` has the formulas),
and

    w(last + k) = w(last) + sum_j b_j (lambda_j + .. + lambda_j^k) phi_j,    |lambda_j| <= 1

at which the caller's loss function is evaluated. Increments, not the weights themselves: they know no origin, and a
clip to the unit disc does no harm to them. Good for a tenth of the steps seen, and past 1.5 times mostly worse than "no
change": weights that leave the solution's neighbourhood by a little have a large residual. It costs one loss a knot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import SMALLEST, Array, LossCurve
from pinnrun.koopman.edmd import Complex, clipped
from pinnrun.koopman.modes import decompose, displaced, increment_grams

KEPT = 200  # latest snapshots
KNOTS = (1.0, 1.02, 1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)  # t/n at which the loss is evaluated
FEWEST = 4


@dataclass(frozen=True, eq=False)
class WeightTrend:
    """Log-loss at forecast weights, straight in log-time between the knots and constant after the last.

    Attributes:
        now: step count of the fit. tau: (k,) ln(step) of the knots. y: (k,) log10 of the loss there.
        values: (r,) eigenvalues over `interval`.
    """

    now: float
    tau: Array
    y: Array
    values: Complex
    interval: float

    def predict(self, steps: ArrayLike) -> Array:
        """Log10 of the loss at `steps` (m,)."""
        return np.interp(np.log(np.asarray(steps, dtype=np.float64)), self.tau, self.y)

    def eigenvalues(self) -> Array:
        """Moduli over the doubling of the clock that comes."""
        return np.sort(np.abs(self.values) ** (self.now / self.interval))[::-1]

    def half_lives(self) -> Array:
        """Steps until each mode of the increments has halved."""
        with np.errstate(divide="ignore"):
            rates = -np.log(np.sort(np.abs(self.values))[::-1]) / self.interval
            return np.log(2.0) / np.maximum(rates, 0.0)


def fit_weight_trend(curve: LossCurve) -> WeightTrend:
    """Fit to the snapshots that the curve carries.

    Raises:
        ValueError: it carries none, or fewer than four.
    """
    if curve.snapshots is None or len(curve.snapshots.steps) < FEWEST:
        raise ValueError(f"forecaster=weights needs {FEWEST} stored weight vectors of the stage and their loss")
    seen = curve.snapshots
    recent, times = seen.weights[-KEPT:], seen.steps[-KEPT:]
    interval = float(np.median(np.diff(times)))
    modes = decompose(increment_grams(recent, {"": slice(None)})[""], recent.shape[1])
    steps = curve.now * np.array(KNOTS)
    loss = [seen.loss(weights) for weights in displaced(recent, modes.ahead((steps - times[-1]) / interval))]
    with np.errstate(invalid="ignore"):
        y = np.log10(np.clip(np.nan_to_num(loss, nan=np.inf), SMALLEST, 1.0 / SMALLEST))
    return WeightTrend(curve.now, np.log(steps), y, clipped(modes.eigenvalues), interval)
