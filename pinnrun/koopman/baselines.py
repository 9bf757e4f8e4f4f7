"""The two forecasts that any other must be held against: a pure power law, and "nothing changes"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array, LossCurve, slope

POWER_LAW_START = 0.3  # the power law is fitted on [0.3 n, n], the last 70 % of the steps


@dataclass(frozen=True)
class PowerLaw:
    """L = 10^level (t / now)^(trend ln 10), a straight line of log-loss in log-time; constant at trend 0."""

    now: float
    level: float
    trend: float

    def predict(self, steps: ArrayLike) -> Array:
        """Log10 of the loss at `steps` (m,)."""
        return self.level + self.trend * np.log(np.asarray(steps, dtype=np.float64) / self.now)

    def eigenvalues(self) -> Array:
        """1 twice, the defective pair of a straight line; once if it is level."""
        return np.ones(2 if self.trend else 1)

    def half_lives(self) -> Array:
        """Nothing decays."""
        return np.full(len(self.eigenvalues()), np.inf)


def fit_power_law(curve: LossCurve) -> PowerLaw:
    """Least squares through the log-uniform bins of the last 70 % of the steps; it may rise or fall."""
    tau, y = curve.binned(POWER_LAW_START)
    trend = slope(tau, y)
    return PowerLaw(curve.now, float(y.mean() + trend * (curve.tau[-1] - tau.mean())), trend)


def fit_last_value(curve: LossCurve) -> PowerLaw:
    """The constant forecast: the median of log10(loss) over the last 3 % of the steps."""
    return PowerLaw(curve.now, curve.tail()[1], 0.0)
