"""Which phase of training a loss curve is in: the phase says most about the error of a forecast.

With slopes s1 on [n/4, n/2] and s2 on [n/2, n], in decades per unit of ln(step) (2.72 times the steps), a
curve is, tested in this order:

    PLATEAU       |s2| < 0.15               flat; an escape from a plateau cannot be seen beforehand
    EARLY         y(start) - y(n) < 1       the first drop is not behind us
    ACCELERATING  -s2 > 1.3 max(-s1, 0)     steepening: trends underestimate what is to come
    STEADY        otherwise                 where forecasts are good
"""

from __future__ import annotations

import enum

import numpy as np

from pinnrun.koopman.curve import LossCurve, slope

FLAT = 0.15  # decades per unit of ln(step); also the decades a plateau may stray from its level
FIRST_DROP = 1.0  # decades
STEEPENING = 1.3


class Regime(enum.Enum):
    """Phase of a training curve."""

    PLATEAU = "plateau"
    EARLY = "early"
    ACCELERATING = "accelerating"
    STEADY = "steady"


def classify(curve: LossCurve) -> Regime:
    """The regime of the curve. Where nothing is known of [n/4, n/2], s1 counts as 0: the cautious side."""
    before = slope(*curve.binned(0.25, 0.5))
    lately = slope(*curve.binned(0.5))
    if abs(lately) < FLAT:
        return Regime.PLATEAU
    if curve.y[0] - curve.tail()[1] < FIRST_DROP:
        return Regime.EARLY
    if -lately > STEEPENING * max(-before, 0.0):
        return Regime.ACCELERATING
    return Regime.STEADY


def flat_since(curve: LossCurve) -> float:
    """When (in steps, or by another clock) the binned curve was last off its mean over [n/2, n], by 0.15 decade."""
    tau, y = curve.binned(float(np.exp(curve.tau[0] - curve.tau[-1])))
    _, recent = curve.binned(0.5)
    strayed = np.flatnonzero(np.abs(y - recent.mean()) > FLAT)
    first = 0 if not len(strayed) else min(int(strayed[-1]) + 1, len(tau) - 1)
    return float(np.exp(tau[first]))
