"""The trend that the linearization promises: for Gauss-Newton methods, which form it at every step.

A loss falls off plateaus and stops on slopes without any sign of it in the loss itself. What tells is the part of the
residual that lies in the tangent space of the network: with L* the least loss of the linearized rows at θ
(`pinnrun.optimizers.promise`),

    p = log10(L / L*),    v = intercept − weight p + late s_late <= 0,    y(t) = y(n) + v (1 − exp(−mu u)) / mu

u = ln(t/n), s_late the slope dy/dtau of the last 30 % of the steps: the decades by which the loss falls while the steps
grow by a factor of e are about as many as the linearization promises now. That this is so was measured on the trainings
of `python -m benchmarks.forecast`, whose page has the errors; a law that explains the number is not known. The
observables are z = (1, y, p, s_late), advanced by one operator that was pooled over trainings as in
`pinnrun.koopman.pooled_trend`.

What is promised says more about the errors of any forecast than the regime does, so bands go by it: a network that is
promised nothing stays where it is, one that is promised half a decade may stay, or fall by several.
"""

from __future__ import annotations

import enum
from bisect import bisect

import numpy as np

from pinnrun.koopman.combined_trend import fit_combined_trend
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import DampedTrend
from pinnrun.koopman.pooled_trend import slopes
from pinnrun.koopman.prior import Pooled, Promised, promised
from pinnrun.koopman.trend import Trend

EDGES = (0.05, 0.2, 0.7, 2.0)  # decades promised


class Promise(enum.Enum):
    """How much is promised: what bands go by, in classes bounded by `EDGES`."""

    NOTHING = "nothing promised"
    LITTLE = "little promised"
    SOMETHING = "something promised"
    MUCH = "much promised"
    ALL = "all promised"

    @classmethod
    def of(cls, decades: float) -> Promise:
        """The class of a promise."""
        return list(cls)[bisect(EDGES, decades)]


def fit_promised_trend(curve: LossCurve, constants: Pooled | None = None, known: Promised | None = None) -> Trend:
    """Read promise, level and slope off the curve; where nothing is known, the combined trend with its constants."""
    promise = curve.promise
    if promise is None:
        return fit_combined_trend(curve, constants)
    known = known or promised()
    level, late, _ = slopes(curve)
    late = min(max(late, -known.steepest), 0.0)
    trend = min(known.intercept - known.weight * promise + known.late * late, 0.0)
    return DampedTrend(curve.now, np.array([level]), np.array([trend]), np.array([known.damping]))
