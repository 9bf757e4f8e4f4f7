"""The forecast of a stage: where the loss is going, how sure that is, and whether the target will be met.

>>> import numpy as np
>>> steps = np.arange(1, 2001)
>>> outlook = forecast(steps, 100.0 * steps**-1.5, target=1e-4, horizon=20000, forecaster="damped_trend")
>>> outlook.regime.value, outlook.baselines["power_law"] < outlook.trend < outlook.loss
('steady', True)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman import reach as reaching
from pinnrun.koopman.clock import Clock
from pinnrun.koopman.curve import Array, LossCurve, Snapshots
from pinnrun.koopman.forecasters import DEFAULT, FORECASTERS, circumstances, forecaster_named, settled
from pinnrun.koopman.regime import Regime, classify, flat_since

BASELINES = ("power_law", "last_value")
GRID = 41  # points of the future grid, at most
TRUSTED = 10.0  # times the present step: how far errors were measured, and a reach step is looked for
LARGEST = 300.0  # |log10 loss| is kept below this, so that no forecast over- or underflows


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected of the loss between `now` and `horizon`; steps count from the start of the stage.

    Attributes:
        now: the present step. loss: the loss there, smoothed (median of the last 3 % of the steps).
        horizon, target: the step T and the loss L_min that were asked about.
        steps: (m,) from now to horizon, log-spaced.
        low, median, high: (m,) 10, 50 and 90 % quantiles of the loss there.
        regime: the phase of training. since: on a plateau, the step since which the loss is flat; else None.
        probability: that the target is reached by the horizon.
        reach: step at which the median crosses the target; None if it does not do so by 10 now or the
            horizon, whichever is later.
        trend: the loss at the horizon by the forecaster alone, with no residual law on top.
        eigenvalues: (k,) moduli of the Koopman model's, over a doubling of the clock.
        half_lives: (k,) steps from now until each of its modes has halved (inf for eigenvalue 1).
        baselines: loss at the horizon by the "power_law" and the "last_value".
        backtests: (<= 4,) residuals of this history's backtests, to hand to later forecasts of the run.
        forecaster, clock, observable: what the forecast was made with, by name; the loss is the observable.
        ahead: ln of the clock's ratio between horizon and now, the u in which errors grow.
        shift: decades by which the target was lowered for the scatter of the observable.
        fallen: decades by which the loss has fallen since the start of the stage.
        family: of the optimizer, as it was told.
        promise: decades by which the linearization would lower the loss, as last asked; None where it was not.
    """

    now: int
    loss: float
    horizon: int
    target: float
    steps: Array
    median: Array
    low: Array
    high: Array
    regime: Regime
    since: int | None
    probability: float
    reach: int | None
    trend: float
    eigenvalues: Array
    half_lives: Array
    baselines: Mapping[str, float]
    backtests: Array
    forecaster: str = DEFAULT
    clock: str = "steps"
    observable: str = "loss"
    ahead: float = 0.0
    shift: float = 0.0
    fallen: float = 0.0
    family: str | None = None
    promise: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold; infinite half-lives become None."""
        plain = {name: _plain(value) for name, value in vars(self).items()}
        plain["half_lives"] = [value if np.isfinite(value) else None for value in plain["half_lives"]]
        return plain


def forecast(
    steps: ArrayLike,
    loss: ArrayLike,
    *,
    target: float,
    horizon: int,
    residuals: Sequence[float] | Array | None = None,
    forecaster: str = DEFAULT,
    clock: Clock | None = None,
    family: str | None = None,
    observable: str = "loss",
    shift: float = 0.0,
    promises: ArrayLike | None = None,
    snapshots: Snapshots | None = None,
) -> Forecast:
    """Forecast a stage from its history.

    Args:
        steps: (n,) step counts since the start of the stage, from 1, increasing; gaps are allowed.
        loss: (n,) loss after each step. Non-finite and negative values are left out.
        target: the loss to reach, > 0.
        horizon: the step until which it may take, not before the last usable step.
        residuals: `backtests` of earlier forecasts of this run, oldest first. With those of this history they
            refine the residual law as soon as there are eight.
        forecaster: its name in FORECASTERS.
        clock: what time is; None: steps.
        family: of the optimizer, "first_order", "quasi_newton" or "gauss_newton", whose constants and residual law
            are taken; None: those of all.
        observable: what the loss is called in the forecast.
        shift: decades that the target is lowered by for the scatter of the loss.
        promises: (n,) decades by which the linearization would lower the loss, NaN where it was not asked.
        snapshots: weights and their loss, by the clock, for the forecaster "weights".

    Raises:
        ValueError: no usable loss, steps not increasing, target <= 0, horizon in the past, or no such forecaster.
    """
    clock = clock or Clock()
    curve = LossCurve.from_history(clock.at(steps), loss, promises)
    forecaster = settled(forecaster, curve)
    fit = forecaster_named(forecaster, family)
    if snapshots is not None:
        curve = replace(curve, snapshots=snapshots)
    now, level = curve.now, curve.tail()[1]
    step = int(np.rint(clock.step_at(now)))
    if not target > 0:
        raise ValueError(f"the target must be positive, not {target}")
    if horizon < step:
        raise ValueError(f"the horizon {horizon} lies before the last step {step}")
    goal, end = float(np.log10(target)) - shift, float(clock.at(horizon))
    trend = fit(curve)
    regime = classify(curve)
    backtests = reaching.backtest(curve, fit, lambda past: settled(forecaster, past) == forecaster)
    own = backtests if residuals is None else np.concatenate([np.asarray(residuals, np.float64), backtests])
    law = reaching.mix(reaching.prior(circumstances(forecaster, curve.promise, regime), forecaster, family), own)

    if level <= goal:
        chance, passage = 1.0, now
    elif end <= now:
        chance, passage = 0.0, None
    else:
        chance = reaching.probability(trend, law, now, end, goal)
        limit = float(clock.at(max(TRUSTED * step, horizon)))
        passage = reaching.first_passage(trend, law, now, limit, goal)
    grid = np.unique(np.rint(np.geomspace(step, horizon, GRID)))
    times = np.maximum(clock.at(grid), now)
    u = np.log(times / now)
    centre = trend.predict(times)
    return Forecast(
        now=step,
        loss=float(_loss(level)),
        horizon=int(horizon),
        target=float(target),
        steps=grid,
        median=_loss(centre + law.median * u),
        low=_loss(centre + law.low * u),
        high=_loss(centre + law.high * u),
        regime=regime,
        since=round(float(clock.step_at(flat_since(curve)))) if regime is Regime.PLATEAU else None,
        probability=chance,
        reach=None if passage is None else int(np.ceil(clock.step_at(passage) - 1e-9)),
        trend=float(_loss(trend.predict([max(end, now)]))[0]),
        eigenvalues=trend.eigenvalues(),
        half_lives=clock.step_at(now + trend.half_lives()) - step,
        baselines={name: float(_loss(FORECASTERS[name](curve).predict([max(end, now)]))[0]) for name in BASELINES},
        backtests=backtests,
        forecaster=forecaster,
        clock=clock.name,
        observable=observable,
        ahead=float(u[-1]),
        fallen=float(curve.y[0] - level),
        family=family,
        promise=curve.promise,
        shift=float(shift),
    )


def _loss(y: ArrayLike) -> Array:
    return 10.0 ** np.clip(y, -LARGEST, LARGEST)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Regime):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value
