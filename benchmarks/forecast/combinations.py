"""Which forecasts to combine, and how: errors of means and medians of forecasters, on every group of problems.

    python -m benchmarks.forecast combinations

On "fit" each problem is forecast with the pooled constants of the others; on the others with those that are shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.forecast import promised
from benchmarks.forecast.calibrate import table_line
from benchmarks.forecast.cases import GROUPS
from benchmarks.forecast.laws import LEVELS, missed_by, weighted_quantiles
from benchmarks.forecast.origins import Origin, origins, per_forecast
from benchmarks.forecast.pooled import groups, left_out, sample, score
from benchmarks.forecast.trajectories import Array, Trajectory
from pinnrun.koopman.forecasters import FORECASTERS
from pinnrun.koopman.prior import pooled
from pinnrun.koopman.prior import promised as promises
from pinnrun.koopman.promised_trend import Promise

OTHERS = ("damped_trend", "hankel_slope", "power_law")
SHARES = (0.25, 0.5, 0.75)  # of the pooled trend, the rest the damped one's


def compare(trajectories: Sequence[Trajectory], tell: Callable[[str], None] = print) -> None:
    """Print the errors of every combination, and of the default by phase of training and family."""
    for group in GROUPS:
        found = origins(item for item in trajectories if item.group == group)
        seen, single = sample(found), members(found, group)
        tell(f"{group}: decades per unit of ln t; median and 90 % quantile of the error at 2, 5 and 10 n")
        for name, missed in combined(single):
            tell(f"  {name}: {score(seen, missed):.3f}; {table_line(found, missed)}")
        half = 0.5 * (single["pooled_trend"] + single["damped_trend"])
        for kind in ("regime", "family"):
            keys = np.array([str(getattr(key, "value", key)) for key in per_forecast(found, kind)])
            for key in np.unique(keys):
                own = keys == key
                parts = {"mean": half, **{name: single[name] for name in ("damped_trend", "pooled_trend")}}
                told = (f"{name} {score(seen.only(own), missed[own]):.2f}" for name, missed in parts.items())
                tell(f"    {key}: {', '.join(told)}")
        known = promised.promising(found)
        told = promised.sample(known)
        for name, missed in beside_promises(known, told, group):
            tell(f"  where a promise is known, {name}: {score(told, missed):.3f}; {table_line(known, missed)}")
        for line in what_came(told):
            tell(f"    {line}")


def what_came(told: promised.Sample) -> Iterator[str]:
    """What became of promises: 10, 50 and 90 % of the decades per unit of ln t by which the loss fell."""
    fell, classes = (told.level - told.truth) / told.u, np.array([Promise.of(p).value for p in told.promise])
    for promise in Promise:
        own = classes == promise.value
        if own.any():
            low, middle, high = weighted_quantiles(fell[own], told.weight[own], LEVELS)
            yield f"{promise.value}: {low:.2f} / {middle:.2f} / {high:.2f} ({own.sum()} forecasts)"


def beside_promises(known: Sequence[Origin], told: promised.Sample, group: str) -> Iterator[tuple[str, Array]]:
    """Forecast minus truth (n,) where a promise is known, by it and by what stands in for it elsewhere."""
    single, shipped = members(known, group), promises()
    yield "combined_trend", 0.5 * (single["pooled_trend"] + single["damped_trend"])
    if group == "fit":
        yield "promised_trend", promised.left_out(told, shipped.steepest, shipped.damping)
        yield "by the promise alone", promised.left_out(told, shipped.steepest, shipped.damping, slope=False)
    else:
        yield "promised_trend", told.missed(shipped)


def members(found: Sequence[Origin], group: str) -> Mapping[str, Array]:
    """Forecast minus truth (n,) of each forecaster."""
    seen = sample(found)
    learned = np.zeros(len(seen.u))
    for family, own in groups(found).items():
        known, part = pooled(family), seen.only(own)
        learned[own] = left_out(part, known.steepest, known.damping) if group == "fit" else part.missed(known)
    return {"pooled_trend": learned, **{name: missed_by(found, FORECASTERS[name]) for name in OTHERS}}


def combined(single: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Each alone, and what is made of several."""
    yield from single.items()
    both = single["pooled_trend"], single["damped_trend"]
    for share in SHARES:
        yield f"{share:g} pooled + {1 - share:g} damped", share * both[0] + (1 - share) * both[1]
    for third in ("hankel_slope", "power_law"):
        three = [*both, single[third]]
        yield f"mean with {third}", np.mean(three, axis=0)
        yield f"median with {third}", np.median(three, axis=0)
