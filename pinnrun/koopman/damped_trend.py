"""The damped trend in log-time: a two-eigenvalue Koopman model of the loss.

With tau = ln(step), y = log10(loss) and v = dy/dtau, the observables z = (1, y, v) are advanced linearly:

    dy/dtau = v,   dv/dtau = -mu v      =>   z(tau + dtau) = K(dtau) z(tau),   K = exp(dtau A)

K has the eigenvalues 1 (eigenfunctions 1 and y + v/mu, the level at which the loss will settle) and
exp(-mu dtau) (eigenfunction v, the trend that dies out). From step n, with u = ln(t/n):

    y(t) = y(n) + v(n) (1 - exp(-mu u)) / mu

mu -> 0 is the power law L ~ t^(v ln 10). Damped trends are hard to beat in forecasting (Gardner & McKenzie
2011, "Why the damped trend works", J. Oper. Res. Soc. 62); Koopman analysis of training is due to Dogra &
Redman 2020 (arXiv 2006.02361), of algorithms at large to Dietrich, Thiem & Kevrekidis 2020 (arXiv
1907.10807). Here six of them, fitted on the last 70, 50 and 30 % of the steps with mu = 0.2 and 0.4, vote by
median. The observable is the loss, which the decision is about, and not the weights: those, extrapolated
past 1.5 times the steps seen, leave the solution manifold, and the loss there is a worse forecast than "no
change".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array, LossCurve, slope

STARTS = (0.3, 0.5, 0.7)  # fit windows [f n, n]
DAMPINGS = (0.2, 0.4)  # mu, per unit of tau
STEEPEST = -6.0  # decades per unit of tau; the trend is clipped to [STEEPEST, 0]
ANCHOR = 0.25  # last share of the bins, whose mean sets the level y(n)


def koopman_operator(damping: float, dtau: float) -> Array:
    """K(dtau) = exp(dtau [[0,0,0], [0,0,1], [0,0,-mu]]) on z = (1, y, v), (3, 3); mu = 0 is the power law."""
    gain = float(damped_time(np.asarray(dtau), np.asarray(damping)))
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, gain], [0.0, 0.0, np.exp(-damping * dtau)]])


def damped_time(u: Array, damping: Array) -> Array:
    """(1 - exp(-mu u)) / mu, and u itself at mu = 0."""
    safe = np.where(damping == 0, 1.0, damping)
    return np.where(damping == 0, u, -np.expm1(-safe * u) / safe)


@dataclass(frozen=True, eq=False)
class DampedTrend:
    """A fitted ensemble of damped trends.

    Attributes:
        now: step count n of the fit.
        level, trend, damping: (k,) y(n), v(n) <= 0 and mu of each member.
    """

    now: float
    level: Array
    trend: Array
    damping: Array

    def predict(self, steps: ArrayLike) -> Array:
        """Log10 of the loss forecast at `steps` (m,) >= now: the median of the members, never increasing."""
        u = np.log(np.asarray(steps, dtype=np.float64) / self.now)[:, None]
        members = np.sort(self.level + self.trend * damped_time(u, self.damping), axis=1)
        half = members.shape[1] // 2
        return 0.5 * (members[:, half] + members[:, -1 - half])

    def eigenvalues(self, dtau: float = np.log(2.0)) -> Array:
        """Distinct Koopman eigenvalues (k,), largest first, over `dtau` (ln 2: a doubling of the clock)."""
        return np.exp(-dtau * self._rates())

    def half_lives(self) -> Array:
        """Steps after `now` until each mode has halved, n (2^(1/mu) - 1), (k,); inf for eigenvalue 1."""
        rates = self._rates()
        with np.errstate(divide="ignore"):
            return self.now * (2.0 ** (1.0 / rates) - 1.0)

    def _rates(self) -> Array:
        return np.concatenate([[0.0], np.unique(self.damping[self.damping > 0])])


def fit_damped_trend(curve: LossCurve) -> DampedTrend:
    """Fit the six members; works from a single point (flat) and with gaps.

    The level is read off the unclipped line, so that a rising loss is forecast flat at where it stands rather
    than at where it has been; the trend that is extrapolated is clipped to [STEEPEST, 0].
    """
    level, trend = [], []
    for start in STARTS:
        tau, y = curve.binned(start)
        raw = slope(tau, y)
        last = -int(np.ceil(ANCHOR * len(tau)))
        level.append(float(np.mean(y[last:] - raw * (tau[last:] - curve.tau[-1]))))
        trend.append(min(max(raw, STEEPEST), 0.0))
    repeat = len(DAMPINGS)
    return DampedTrend(curve.now, np.repeat(level, repeat), np.repeat(trend, repeat), np.tile(DAMPINGS, len(STARTS)))
