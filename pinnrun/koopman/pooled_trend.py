"""The damped trend whose slope is learned from other trainings, rather than read off this one alone.

A slope that was steep lately tends back to what it was before, and one of more than some 0.6 decades per unit of tau =
ln(step) does not last; how much, is the same for many trainings. So the observables

    z = (1, y, s_late, s_before),   s_late of the last 30 % of the steps, s_before of [n/4, n/2],

the two slopes dy/dtau clipped to [-steepest, 0], are advanced by one linear operator for all of them,

    y(t) = y(n) + v (1 - exp(-mu u)) / mu,    v = intercept + late s_late + before s_before <= 0,    u = ln(t/n)

an extended dynamic mode decomposition (Williams, Kevrekidis & Rowley 2015, J. Nonlinear Sci. 25, 1307) with the pairs
pooled over trainings and the operator fitted by least absolute deviations (Koenker & Bassett 1978, Econometrica 46,
33), which its heavy-tailed errors ask for. Gauss-Newton methods converge geometrically in the steps, so ever more
steeply in tau, and have constants of their own. They are all in `pinnrun.koopman.prior`.
"""

from __future__ import annotations

import numpy as np

from pinnrun.koopman.curve import LossCurve, slope
from pinnrun.koopman.damped_trend import ANCHOR, DampedTrend
from pinnrun.koopman.prior import Pooled, pooled

LATE = 0.7  # s_late is the slope over [0.7 n, n]
BEFORE = (0.25, 0.5)  # s_before that over [n/4, n/2]


def slopes(curve: LossCurve) -> tuple[float, float, float]:
    """The level y(n), on the line through the last 30 % of the steps, and the slopes s_late and s_before.

    Where nothing is known of [n/4, n/2], s_before is s_late.
    """
    tau, y = curve.binned(LATE)
    late = slope(tau, y)
    last = -int(np.ceil(ANCHOR * len(tau)))
    level = float(np.mean(y[last:] - late * (tau[last:] - curve.tau[-1])))
    earlier = curve.binned(*BEFORE)
    return level, late, slope(*earlier) if len(earlier[0]) > 1 else late


def fit_pooled_trend(curve: LossCurve, constants: Pooled | None = None) -> DampedTrend:
    """Read level and slopes off the curve; the rest is known."""
    known = constants or pooled()
    level, late, before = slopes(curve)
    late, before = (min(max(value, -known.steepest), 0.0) for value in (late, before))
    trend = min(known.intercept + known.late * late + known.before * before, 0.0)
    return DampedTrend(curve.now, np.array([level]), np.array([trend]), np.array([known.damping]))
