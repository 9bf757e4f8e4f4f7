"""Hankel-DMD of the slope of the loss in log-time: a forecaster that lets the trend die out as it has been seen to.

The observable is v = dy/dtau on 48 log-uniform points of [0.05 n, n], y = log10(loss), tau = ln(step): that of y itself
would have a defective pair of eigenvalues at 1 (a straight line), which any clip to the unit disc destroys. Eigenvalues
are clipped to the real interval [0, 1], slopes to [.., 0], and integrated from the present level. The modes are those
of `pinnrun.koopman.hankel_dmd`, 12 delays, rank at most 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array, LossCurve, slope
from pinnrun.koopman.hankel_dmd import DelayModes, delay_modes

START = 0.05
POINTS = 48
DELAYS = 12
MAX_RANK = 3
ANCHOR = 0.25  # last share of the points, through which a line sets the level at n
FURTHEST = 12.0  # units of tau until which slopes are summed one by one; from there on the last one holds


@dataclass(frozen=True, eq=False)
class SlopeModes:
    """y(t) = level + the sum of dtau v(tau), v(k) = min(Re sum_j c_j lambda_j^k, 0).

    Attributes:
        now: step count n of the fit. level: y(n).
        dtau: spacing of the slopes. modes: of the slopes, eigenvalues in [0, 1].
    """

    now: float
    level: float
    dtau: float
    modes: DelayModes

    def predict(self, steps: ArrayLike) -> Array:
        """Log10 of the loss at `steps` (m,) >= now; it never rises."""
        u = np.log(np.asarray(steps, dtype=np.float64) / self.now)
        furthest = min(max(float(np.max(u, initial=0.0)), self.dtau), FURTHEST)
        k = np.arange(1.0, np.ceil(furthest / self.dtau) + 1.0)
        slopes = np.minimum(self.modes.ahead(k), 0.0)
        path = np.concatenate([[0.0], np.cumsum(slopes) * self.dtau])
        grid = np.concatenate([[0.0], k * self.dtau])
        return self.level + np.interp(u, grid, path) + slopes[-1] * np.maximum(u - grid[-1], 0.0)

    def eigenvalues(self) -> Array:
        """Of the level, 1, and of the slope's modes, over a doubling of the clock."""
        own = np.abs(self.modes.eigenvalues) ** (np.log(2.0) / self.dtau)
        return np.concatenate([[1.0], np.sort(own)[::-1]])

    def half_lives(self) -> Array:
        """Time from now until each of them has halved: it takes ln 2 / mu units of tau."""
        with np.errstate(divide="ignore", over="ignore"):
            mu = -np.log(self.eigenvalues()) / np.log(2.0)
            return self.now * (2.0 ** (1.0 / np.maximum(mu, 0.0)) - 1.0)


def fit_hankel_slope(curve: LossCurve) -> SlopeModes:
    """Fit to the curve; one too short for a slope is forecast flat."""
    tau, y = curve.binned(START, count=POINTS)
    if len(tau) < 4:
        return SlopeModes(curve.now, curve.tail()[1], 1.0, DelayModes(np.zeros(0, complex), np.zeros(0, complex)))
    even = np.linspace(tau[0], tau[-1], POINTS)
    level = np.interp(even, tau, y)
    dtau = float(even[1] - even[0])
    modes = delay_modes(np.diff(level) / dtau, DELAYS, MAX_RANK)
    clipped = np.clip(modes.eigenvalues.real, 0.0, 1.0).astype(np.complex128)
    last = -int(np.ceil(ANCHOR * POINTS))
    now = float(level[last:].mean() + slope(even[last:], level[last:]) * (curve.tau[-1] - even[last:].mean()))
    return SlopeModes(curve.now, now, dtau, DelayModes(clipped, modes.coefficients))
