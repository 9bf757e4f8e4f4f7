"""What the loss is at forecast weights: evaluated there, beside doing nothing and beside what training reached.

Weights can be extrapolated to any horizon, and to their fixed point; whether that was of any use only the loss says.
So it is asked, through a function of the caller's (no network is known here): at the last weights, at the fixed point,
and at forecasts over a few horizons, for every rule of `pinnrun.koopman.weights`. Where the history goes on beyond the
origin of the forecast, the weights that training came to are judged by the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinnrun.koopman.curve import Array
from pinnrun.koopman.spectrum import weight_spectrum
from pinnrun.koopman.weights import RULES, WeightRule, forecast_weights

HORIZONS = (1.1, 1.25, 1.5, 2.0)
SNAPSHOTS = 200
RECENT = 0.5  # share of the steps before the origin whose snapshots are used
FEWEST = 30  # snapshots that are used even if they reach further back

Judge = Callable[[NDArray[Any]], float]
"""The loss at weights (P,)."""


@dataclass(frozen=True, eq=False)
class Prospects:
    """The loss at forecast weights.

    Attributes:
        now: step of the origin. last: the loss there.
        fixed_point: the loss at the fixed point; None where the spectrum gives none.
        horizons: (k,) asked for, in multiples of `now`. steps: (k,) whole snapshot intervals nearest to them.
        forecast: by rule, the loss at the weights forecast for those steps, (k,); inf where they overflow.
        reached: (k,) the loss that training came to, NaN where the history ends before.
    """

    now: int
    last: float
    fixed_point: float | None
    horizons: tuple[float, ...]
    steps: NDArray[np.int64]
    forecast: Mapping[WeightRule, Array]
    reached: Array

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold: what is not finite becomes None."""
        return {
            "now": self.now,
            "last": _finite(self.last),
            "fixed_point": None if self.fixed_point is None else _finite(self.fixed_point),
            "has_fixed_point": self.fixed_point is not None,
            "horizons": list(self.horizons),
            "steps": self.steps.tolist(),
            "forecast": {rule: [_finite(value) for value in values] for rule, values in self.forecast.items()},
            "reached": [_finite(value) for value in self.reached],
        }


def prospects(
    steps: Sequence[int] | NDArray[Any],
    weights: NDArray[Any],
    judge: Judge,
    *,
    origin: int | None = None,
    horizons: Sequence[float] = HORIZONS,
    rules: Sequence[WeightRule] = RULES,
    layers: Mapping[str, slice] | None = None,
    snapshots: int = SNAPSHOTS,
    **rank: Any,
) -> Prospects | None:
    """Forecast weights from `origin` and judge them; None where there are fewer than five snapshots to go by.

    Args:
        steps: (T,) of the snapshots, equally spaced, counted from the start of the stage.
        weights: (T, P) snapshots.
        judge: the loss at weights.
        origin: step to forecast from; None: the last snapshot.
        horizons: multiples of the origin, above 1.
        rules: of `forecast_weights`.
        layers: as for `forecast_weights`.
        snapshots: the most that are used.
        **rank: as for `forecast_weights`.
    """
    times = np.asarray(steps)
    count = len(times) if origin is None else int(np.searchsorted(times, origin, side="right"))
    used = recent(times[:count], snapshots)
    if len(times[used]) < 5:
        return None
    now, interval = int(times[count - 1]), int(np.median(np.diff(times[used])))
    ahead = np.maximum(1, np.rint((np.asarray(horizons) - 1.0) * now / interval)).astype(int)
    history = weights[used]
    fixed = weight_spectrum(history, interval, **rank).fixed_point
    forecasts: dict[WeightRule, Array] = {}
    for rule in rules:
        ahead_of = forecast_weights(history, ahead.tolist(), rule, layers=layers, **rank)
        forecasts[rule] = np.array([_judged(judge, row) for row in ahead_of])
    later = now + ahead * interval
    stored = {int(step): row for row, step in enumerate(times)}
    reached = [judge(weights[stored[step]]) if step in stored else np.nan for step in later.tolist()]
    return Prospects(
        now=now,
        last=judge(weights[count - 1]),
        fixed_point=None if fixed is None else _judged(judge, fixed),
        horizons=tuple(horizons),
        steps=later,
        forecast=forecasts,
        reached=np.array(reached),
    )


def recent(steps: NDArray[Any], most: int = SNAPSHOTS) -> slice:
    """Where the snapshots lie that a spectrum is taken from: those of the last half of the steps, `most` at most.

    The early descent is another dynamics; but below thirty snapshots there would be too little of any.
    """
    if not len(steps):
        return slice(0, 0)
    half = len(steps) - int(np.searchsorted(steps, RECENT * steps[-1]))
    return slice(max(0, len(steps) - min(most, max(half, FEWEST))), len(steps))


def _judged(judge: Judge, weights: Array) -> float:
    value = judge(weights) if np.isfinite(weights).all() else np.inf
    return value if np.isfinite(value) else np.inf


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
