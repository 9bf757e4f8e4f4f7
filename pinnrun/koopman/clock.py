"""What time is to a forecast: steps, the learning rate passed through, or the evaluations paid for.

Forecasts are straight lines and damped trends in the logarithm of a clock. Under a schedule that clock is the sum of
the learning rates (the S of the multi-power law, Luo et al. 2025, arXiv 2503.12811, eq. 1), past and to come: a
cosine that ends leaves the loss no more time. Where steps differ in price it may be the residual evaluations. Questions
and answers stay in steps: a clock is a monotone map between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array

KNOTS = 256  # of the future rates that are asked for
LEAST = 1e-9  # of the mean: what a step counts at least, so that no clock stands still
LATELY = 0.5  # share of the steps whose mean price the steps to come will have

RateAhead = Callable[[int], float]  # the learning rate so many steps from now


def _none() -> Array:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Clock:
    """A monotone map from steps to time; without knots time is the steps themselves.

    Attributes:
        name: "steps", "rate" or "evaluations".
        steps, elapsed: (m,) knots, increasing; straight between them, and on as between the last two. The unit of time
            is such that it equals the steps at the present.
    """

    name: str = "steps"
    steps: Array = field(default_factory=_none)
    elapsed: Array = field(default_factory=_none)

    @classmethod
    def by_rate(cls, steps: ArrayLike, rates: ArrayLike, ahead: RateAhead | None, limit: float) -> Clock:
        """The sum of the learning rates.

        Args:
            steps: (n,) steps of the stage.
            rates: (n,) the learning rate of each.
            ahead: the learning rate so many steps after the last; None: the last one is held.
            limit: the step until which it is asked for; from there on the last rate is held.
        """
        past, rate = np.asarray(steps, np.float64), _positive(rates)
        spent = np.cumsum(rate * np.diff(past, prepend=0.0))
        now = past[-1]
        if ahead is None or limit <= now:
            return cls("rate", *_normed(past, spent, np.array([now + 1.0]), np.array([spent[-1] + rate[-1]])))
        future = np.unique(np.rint(np.linspace(now, limit, KNOTS + 1)))[1:]
        to_come = np.maximum([ahead(int(step - now)) for step in future], LEAST * float(rate.mean()))
        # sum over the steps after a up to b of a straight rate: (b - a) (r_a + r_b)/2 + (r_b - r_a)/2
        ends = np.concatenate([rate[-1:], to_come])
        trapezoids = 0.5 * (ends[1:] + ends[:-1]) * np.diff(future, prepend=now) + 0.5 * np.diff(ends)
        sums = spent[-1] + np.cumsum(trapezoids)
        future, sums = np.append(future, future[-1] + 1.0), np.append(sums, sums[-1] + to_come[-1])
        return cls("rate", *_normed(past, spent, future, sums))

    @classmethod
    def by_evaluations(cls, steps: ArrayLike, evaluations: ArrayLike) -> Clock:
        """Residual evaluations; steps to come cost what those of the last half did on average."""
        past, price = np.asarray(steps, np.float64), _positive(evaluations)
        spent = np.cumsum(price * np.diff(past, prepend=0.0))
        half = int(np.searchsorted(past, (1.0 - LATELY) * past[-1], side="right"))
        before, earlier = (spent[half - 1], past[half - 1]) if half else (0.0, 0.0)
        mean = (spent[-1] - before) / (past[-1] - earlier)
        return cls("evaluations", *_normed(past, spent, past[-1:] + 1.0, spent[-1:] + mean))

    def at(self, steps: ArrayLike) -> Array:
        """What the clock shows after `steps` (m,)."""
        return _mapped(np.asarray(steps, np.float64), self.steps, self.elapsed)

    def step_at(self, elapsed: ArrayLike) -> Array:
        """The step, not rounded, at which the clock shows `elapsed` (m,)."""
        return _mapped(np.asarray(elapsed, np.float64), self.elapsed, self.steps)


def _mapped(x: Array, knots: Array, values: Array) -> Array:
    if not len(knots):
        return x
    inside = np.interp(x, np.concatenate([[0.0], knots]), np.concatenate([[0.0], values]))
    beyond = (values[-1] - values[-2]) / (knots[-1] - knots[-2]) * np.maximum(x - knots[-1], 0.0)
    return inside + np.where(np.isfinite(x), beyond, np.inf)


def _normed(past: Array, spent: Array, future: Array, to_come: Array) -> tuple[Array, Array]:
    return np.concatenate([past, future]), np.concatenate([spent, to_come]) * (past[-1] / spent[-1])


def _positive(values: ArrayLike) -> Array:
    array = np.asarray(values, np.float64)
    return np.maximum(array, LEAST * float(array.mean()))
