"""Hankel-DMD of log10(loss) in the steps themselves: the textbook Koopman forecast of a scalar, kept as a baseline.

Exact on sums of exponentials and oscillations, and so right for a loss that decays exponentially. Training curves do
not: with |lambda| <= 1 the forecast levels out a window or so ahead, without it explodes. The modes are those of
`pinnrun.koopman.hankel_dmd` on 100 equal bins of [0.3 n, n], 25 delays, rank at most 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array, LossCurve
from pinnrun.koopman.hankel_dmd import DelayModes, delay_modes

START = 0.3
POINTS = 100
DELAYS = 25
MAX_RANK = 10


@dataclass(frozen=True, eq=False)
class LossModes:
    """y(t) = Re sum_j c_j lambda_j^((t - last) / interval), |lambda| <= 1.

    Attributes:
        now: step count n of the fit. last: middle of the last bin. interval: steps between two.
        modes: of y, inside the unit disc.
    """

    now: float
    last: float
    interval: float
    modes: DelayModes

    def predict(self, steps: ArrayLike) -> Array:
        """Log10 of the loss at `steps` (m,)."""
        return self.modes.ahead((np.asarray(steps, dtype=np.float64) - self.last) / self.interval)

    def eigenvalues(self) -> Array:
        """Moduli over the doubling of the clock that comes."""
        return np.sort(np.abs(self.modes.eigenvalues) ** (self.now / self.interval))[::-1]

    def half_lives(self) -> Array:
        """Steps until each mode has halved, whenever one starts."""
        with np.errstate(divide="ignore"):
            rates = -np.log(np.sort(np.abs(self.modes.eigenvalues))[::-1]) / self.interval
            return np.log(2.0) / np.maximum(rates, 0.0)


def fit_hankel(curve: LossCurve) -> LossModes:
    """Fit to the last 70 % of the steps; a history of fewer than four of them is forecast flat."""
    edges = np.linspace(START * curve.now, curve.now, POINTS + 1)
    cut = np.searchsorted(curve.steps, edges, side="right")
    size = np.diff(cut)
    filled = size > 0
    if filled.sum() < 4:
        flat = DelayModes(np.ones(1, complex), np.array([curve.tail()[1]], complex))
        return LossModes(curve.now, curve.now, 1.0, flat)
    t = np.array([curve.steps[a:b].mean() for a, b in zip(cut[:-1][filled], cut[1:][filled], strict=True)])
    y = np.diff(curve.y_sum[cut])[filled] / size[filled]
    even = np.linspace(t[0], t[-1], POINTS if filled.all() else len(t))
    modes = delay_modes(np.interp(even, t, y), DELAYS, MAX_RANK)
    inside = modes.eigenvalues / np.maximum(np.abs(modes.eigenvalues), 1.0)
    return LossModes(curve.now, float(even[-1]), float(even[1] - even[0]), DelayModes(inside, modes.coefficients))
