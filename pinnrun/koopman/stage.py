"""The analysis of a stage: from the rows that were recorded of it to the forecast, by the observable, clock and
forecaster that the user has chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.clock import Clock, RateAhead
from pinnrun.koopman.curve import Array, Snapshots
from pinnrun.koopman.forecast import TRUSTED, Forecast, forecast
from pinnrun.koopman.forecasters import DEFAULT
from pinnrun.koopman.observable import observe

CLOCKS = ("auto", "steps", "rate", "evaluations")
STEADY_RATE = 1e-3  # relative change of the learning rate from which it is said to change


@dataclass(frozen=True, eq=False)
class History:
    """What was recorded of a stage, and what is known of its future.

    Attributes:
        steps: (n,) since the start of the stage. loss: (n,) after each.
        merit: (n,) NaN where not measured. rate: (n,) learning rates. evaluations: (n,) of the residual.
        promise: (n,) decades by which the linearization would lower the loss, NaN where it was not asked.
            Each None if there was no such column, as in old runs.
        snapshots: weights by steps, where the forecaster wants them.
        rate_ahead: the learning rate so many steps from now; None where nobody can tell.
    """

    steps: Array
    loss: Array
    merit: Array | None = None
    rate: Array | None = None
    evaluations: Array | None = None
    promise: Array | None = None
    snapshots: Snapshots | None = None
    rate_ahead: RateAhead | None = None

    @classmethod
    def of(cls, columns: Mapping[str, ArrayLike], **known: Any) -> History:
        """The history in a window's `columns`, whose "step" counts from the start of the stage."""
        found = {name: np.asarray(columns[name], np.float64) for name in ("loss", *OPTIONAL) if name in columns}
        return cls(np.asarray(columns["step"], np.float64), **found, **known)


OPTIONAL = ("merit", "rate", "evaluations", "promise")  # columns that a history can do without


def forecast_stage(
    history: History,
    *,
    target: float,
    horizon: int,
    forecaster: str = DEFAULT,
    clock: str = "auto",
    observable: str = "auto",
    family: str | None = None,
    residuals: Sequence[float] | Array | None = None,
) -> Forecast:
    """Forecast a stage; what is not explained here is as for `forecast`.

    Args:
        history: the stage as recorded.
        target: the value of the observable to reach, > 0.
        horizon: the step of the stage until which it may take.
        forecaster: its name in FORECASTERS.
        clock: "steps", "rate", "evaluations", or "auto": the rate where it changes, else steps.
        observable: "loss", "merit", or "auto": the merit where it has been measured.
        family: of the optimizer.
        residuals: of the run's earlier forecasts.

    Raises:
        ValueError: as `forecast` and `observe`, or a choice that there is not.
    """
    seen = observe(history.steps, history.loss, history.merit, observable)
    time = make_clock(history, clock, horizon)
    snapshots = history.snapshots
    if snapshots is not None:
        snapshots = replace(snapshots, steps=time.at(snapshots.steps))
    return forecast(
        history.steps,
        seen.values,
        target=target,
        horizon=horizon,
        forecaster=forecaster,
        clock=time,
        observable=seen.name,
        shift=seen.shift,
        family=family,
        residuals=residuals,
        promises=history.promise,
        snapshots=snapshots,
    )


def make_clock(history: History, choice: str, horizon: int) -> Clock:
    """The clock of that name; steps where the history does not say what another one needs.

    Raises:
        ValueError: there is no such clock.
    """
    if choice not in CLOCKS:
        raise ValueError(f"no clock {choice!r}; there are {', '.join(CLOCKS)}")
    limit = max(TRUSTED * float(history.steps[-1]), horizon)
    steps, rate, price = history.steps, history.rate, history.evaluations
    if choice == "evaluations" and _known(price):
        return Clock.by_evaluations(steps, price)
    if choice in ("rate", "auto") and _known(rate) and (choice == "rate" or _rate_changes(history, horizon)):
        return Clock.by_rate(steps, rate, history.rate_ahead, limit)
    return Clock()


def _known(column: Array | None) -> TypeGuard[Array]:
    return column is not None and len(column) > 0 and bool(np.isfinite(column).all()) and bool((column >= 0).all())


def _rate_changes(history: History, horizon: int) -> bool:
    assert history.rate is not None
    rates = [float(history.rate.min()), float(history.rate.max())]
    if history.rate_ahead is not None:
        ahead = max(horizon - int(history.steps[-1]), 1)
        rates += [history.rate_ahead(1), history.rate_ahead(ahead // 2 + 1), history.rate_ahead(ahead)]
    return max(rates) > (1.0 + STEADY_RATE) * min(rates)
