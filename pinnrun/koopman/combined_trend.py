"""The mean of two forecasts that err apart: the damped trend of this run, and the pooled trend of other trainings.

    y(t) = (y_damped(t) + y_pooled(t)) / 2

Bates & Granger 1969 ("The combination of forecasts", Oper. Res. Q. 20, 451) showed that a mean of forecasts is off by
less than either where their errors differ; equal weights are hard to beat, since weights have errors of their own
(Timmermann 2006, Handbook of Economic Forecasting 1, 135). The damped trend takes a steep slope at its word and the
pooled one bounds it by what was seen elsewhere, so where both are wrong they are so in opposite ways.

The mean of linear models is linear: its eigenvalues are those of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array, LossCurve
from pinnrun.koopman.damped_trend import fit_damped_trend
from pinnrun.koopman.pooled_trend import fit_pooled_trend
from pinnrun.koopman.prior import Pooled
from pinnrun.koopman.trend import Trend


@dataclass(frozen=True, eq=False)
class CombinedTrend:
    """The mean of its members, each of the same weight."""

    members: tuple[Trend, ...]

    def predict(self, steps: ArrayLike) -> Array:
        """Log10 of the loss at `steps` (m,), none before the last point of the fit."""
        return np.mean([member.predict(steps) for member in self.members], axis=0)

    def eigenvalues(self) -> Array:
        """Those of all members (k,), largest first, over a doubling of the clock."""
        return np.unique(np.concatenate([member.eigenvalues() for member in self.members]))[::-1]

    def half_lives(self) -> Array:
        """Time from now until each of these modes has halved, (k,), longest first; inf for eigenvalue 1."""
        return np.unique(np.concatenate([member.half_lives() for member in self.members]))[::-1]


def fit_combined_trend(curve: LossCurve, constants: Pooled | None = None) -> CombinedTrend:
    """Fit both; `constants` are those of the pooled one."""
    return CombinedTrend((fit_damped_trend(curve), fit_pooled_trend(curve, constants)))
