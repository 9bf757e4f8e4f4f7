"""How far a forecast may be off, and so the probability that training reaches a target in time.

Errors grow with u = ln(t / n), and are skewed: training ends up far below its forecast more often than far above. A
run's true curve is taken to be

    y(t) = forecast(t) + r u,      r drawn once for the run from a law with given 10, 50 and 90 % quantiles,

two half-logistics that meet at the median; but one training in twenty does what hardly any before it has done, such as
fall off a plateau, and has its r from a law that is as wide on either side. The quantiles of each forecaster, by
circumstances (the regime, or what the linearization promises) and family of optimizer, were measured on other
trainings and widened until bands of 80 % hold 80 % of the truths of problems that had been left out
(`pinnrun.koopman.prior`). The run's own backtests take over by degrees, by averaging quantiles (Ratcliff 1979, "Group
reaction time distributions and an analysis of distribution statistics", Psychol. Bull. 86).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array, LossCurve
from pinnrun.koopman.prior import residual_quantiles
from pinnrun.koopman.trend import Trend

ORIGINS = (0.3, 0.45, 0.6, 0.75)  # of the present step: where backtests forecast from
FEWEST_POINTS = 8  # of history before an origin, for its backtest to count
OWN_NEEDED = 8  # backtests of the run before they are used at all
OWN_KEPT = 32  # the most recent ones
PRIOR_WEIGHT = 16  # backtests that the prior is worth; those of one run overlap, hence more than OWN_NEEDED
SURPRISES = 0.05  # share of the trainings that keep to no law
SURPRISING = 1.5  # decades per unit of u, that a tenth of those is below, and another above
WORST = 3.0  # backtest residuals are clipped to +-WORST
KNOTS = np.geomspace(1e-4, 100.0, 1400)  # values of u that the search for the first passage stops at


@dataclass(frozen=True)
class ResidualLaw:
    """A skewed distribution with quantiles low (10 %), median (50 %), high (90 %).

    F(r) = 1 / (1 + 9^(-(r - median) / w)), with w = median - low below the median and high - median above.
    """

    low: float
    median: float
    high: float

    def cdf(self, r: float) -> float:
        """P(residual <= r)."""
        width = (self.median - self.low) if r < self.median else (self.high - self.median)
        x = np.log(9.0) * (r - self.median) / width
        return float(1.0 / (1.0 + np.exp(-np.clip(x, -700.0, 700.0))))

    def quantile(self, p: ArrayLike) -> Array:
        """The residual that is not exceeded with probability `p`, 0 < p < 1."""
        p = np.asarray(p, dtype=np.float64)
        width = np.where(p < 0.5, self.median - self.low, self.high - self.median)
        return self.median + width * np.log(p / (1.0 - p)) / np.log(9.0)


def prior(circumstances: Enum, forecaster: str, family: str | None = None) -> ResidualLaw:
    """The measured law of a forecaster in a regime, or with such a promise, for a family of optimizers; None: any."""
    return ResidualLaw(*residual_quantiles(forecaster, family, circumstances))


def chance(law: ResidualLaw, bound: float) -> float:
    """P(r <= bound), surprises included."""
    wild = ResidualLaw(-SURPRISING, 0.0, SURPRISING)
    return (1.0 - SURPRISES) * law.cdf(bound) + SURPRISES * wild.cdf(bound)


def mix(law: ResidualLaw, own: ArrayLike) -> ResidualLaw:
    """The prior `law` and the run's `own` residuals (k,), averaged quantile by quantile with weights 16 : k.

    Fewer than 8 own residuals leave the prior as it is; of more than 32 the last 32 count.
    """
    residuals = np.asarray(own, dtype=np.float64)
    residuals = np.clip(residuals[np.isfinite(residuals)][-OWN_KEPT:], -WORST, WORST)
    if len(residuals) < OWN_NEEDED:
        return law
    share = len(residuals) / (len(residuals) + PRIOR_WEIGHT)
    bounds = (1 - share) * np.array([law.low, law.median, law.high]) + share * np.quantile(residuals, (0.1, 0.5, 0.9))
    return ResidualLaw(*map(float, bounds))


def always(past: LossCurve) -> bool:
    """Every history will do."""
    return True


def backtest(
    curve: LossCurve, fit: Callable[[LossCurve], Trend], enough: Callable[[LossCurve], bool] = always
) -> Array:
    """Residuals per unit of u of forecasts made from 30, 45, 60 and 75 % of the steps, (<= 4,).

    Origins with fewer than 8 points before them, or that do not say enough, are left out.
    """
    tau_now, y_now = curve.tail()
    residuals = []
    for fraction in ORIGINS:
        past = curve.until(fraction)
        if len(past) < FEWEST_POINTS or not enough(past):
            continue
        u = tau_now - past.tau[-1]
        residuals.append((y_now - fit(past).predict([np.exp(tau_now)])[0]) / u)
    return np.clip(np.array(residuals), -WORST, WORST)


def probability(trend: Trend, law: ResidualLaw, now: float, horizon: float, goal: float) -> float:
    """P(first passage of `goal` = log10(target) in (now, horizon]).

    A run with residual r has passed by T if trend(t) + r u(t) <= goal at some t <= T, that is if
    r <= max over t of (goal - trend(t)) / u(t). The bound is interpolated between fixed knots, so that the
    probability never decreases with the goal or with the horizon, not even by rounding.
    """
    stop = min(max(np.log(horizon / now), KNOTS[0]), KNOTS[-1])
    u = KNOTS[: np.searchsorted(KNOTS, stop) + 1]  # one knot past the horizon
    bound = (goal - trend.predict(now * np.exp(u))) / u
    highest = max(float(np.max(bound[:-1], initial=-np.inf)), float(np.interp(stop, u, bound)))
    return chance(law, highest)


def first_passage(trend: Trend, law: ResidualLaw, now: float, limit: float, goal: float) -> float | None:
    """First step <= limit at which the median, trend(t) + median(r) u(t), is at or below `goal`; or None."""
    stop = np.log(limit / now)
    u = np.concatenate([[0.0], KNOTS[: np.searchsorted(KNOTS, stop)], [stop]])
    path = trend.predict(now * np.exp(u)) + law.median * u
    passed = np.flatnonzero(path <= goal)
    if not len(passed):
        return None
    k = int(passed[0])
    if k == 0:
        return float(now)
    part = (path[k - 1] - goal) / (path[k - 1] - path[k])
    return float(now * np.exp(u[k - 1] + part * (u[k] - u[k - 1])))
