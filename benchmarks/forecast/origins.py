"""Where calibration forecasts from, and what came: every trajectory, every window, both observables.

Forecasts are made of the loss and of the merit, from steps spaced by sqrt(2), to 1.5 to 10 times as many. Every
trajectory counts the same at every horizon, however many windows it gives; the further ones of a problem count as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.forecast.cases import FAMILIES, FURTHER, MORE
from benchmarks.forecast.trajectories import Array, Trajectory
from benchmarks.forecast.views import history
from pinnrun.koopman import Regime
from pinnrun.koopman.clock import Clock
from pinnrun.koopman.curve import SMALLEST, TAIL, LossCurve
from pinnrun.koopman.observable import observe
from pinnrun.koopman.regime import classify
from pinnrun.koopman.stage import make_clock
from pinnrun.registry import family_of

FACTORS = (1.5, 2.0, 3.0, 5.0, 10.0)  # horizons in multiples of n
EARLIEST = 0.5  # of the family's first window: the first n
SPACING = 2.0**0.5
OBSERVABLES = ("loss", "merit")


@dataclass(frozen=True, eq=False)
class Origin:
    """A place to forecast from, and what came.

    Attributes:
        trajectory: its name. problem, family: of it; the family is that of the optimizer.
        observable: what is forecast. now: n.
        curve: what is known at n, by the clock.
        regime: of the curve.
        factors, times, truths: (k,) horizons over n, what the clock shows there, and y there.
    """

    trajectory: str
    problem: str
    family: str
    observable: str
    now: int
    curve: LossCurve
    regime: Regime
    factors: Array
    times: Array
    truths: Array

    @property
    def u(self) -> Array:
        """Ln of the clock's ratio, (k,)."""
        return np.log(self.times / self.curve.now)


def origins(trajectories: Iterable[Trajectory], clock: str = "auto") -> list[Origin]:
    """Every place to forecast from, in every trajectory, by every observable."""
    found = []
    for trajectory in trajectories:
        for name in OBSERVABLES:
            found += _origins(trajectory, name, clock)
    return found


def _origins(trajectory: Trajectory, name: str, choice: str) -> Iterator[Origin]:
    family, length = FAMILIES[trajectory.family], len(trajectory)
    whole = observe(trajectory.step, trajectory.loss, trajectory.merit, name).values
    y = np.log10(np.maximum(whole, SMALLEST))
    start = EARLIEST * family.windows[0]
    count = int(np.log(length / start) / np.log(SPACING)) + 1
    for now in (round(start * SPACING**k) for k in range(count)):
        factors = np.array([factor for factor in FACTORS if factor * now <= length])
        seen = history(trajectory, now)
        assert seen.merit is not None
        if not len(factors) or (name == "merit" and not np.isfinite(seen.merit).any()):
            continue
        clock = make_clock(seen, choice, length)
        values = observe(seen.steps, seen.loss, seen.merit, name).values
        curve = LossCurve.from_history(clock.at(seen.steps), values, seen.promise)
        truths, times = zip(*(_truth(y, clock, round(factor * now)) for factor in factors), strict=True)
        yield Origin(
            trajectory.name, trajectory.problem, family_of(family.optimizer), name, now, curve, classify(curve),
            factors, np.array(times), np.array(truths),
        )  # fmt: skip


def _truth(y: Array, clock: Clock, at: int) -> tuple[float, float]:
    """The median of y over the last 3 % of the first ``at`` steps, and the time in the middle of them."""
    first = int(np.ceil(TAIL * at))
    return float(np.median(y[first - 1 : at])), float(clock.at(0.5 * (first + at)))


def weights(found: Sequence[Origin]) -> Array:
    """One for every forecast, (n,), such that each trajectory, or all further ones of a problem, has the same sum at
    every horizon.
    """
    keys = [(origin.trajectory, origin.observable, factor) for origin in found for factor in origin.factors]
    counts = Counter(keys)
    shares = {name: 1.0 / len(MORE) if name.endswith(FURTHER) else 1.0 for name, _, _ in counts}
    return np.array([shares[key[0]] / counts[key] for key in keys])


def flat(found: Sequence[Origin], name: str) -> Array:
    """An attribute (k,) of all origins, one after the other, (n,)."""
    return np.concatenate([getattr(origin, name) for origin in found])


def per_forecast(found: Sequence[Origin], name: str) -> Array:
    """An attribute of all origins, once for each of their forecasts, (n,)."""
    return np.repeat([getattr(origin, name) for origin in found], [len(origin.factors) for origin in found])
