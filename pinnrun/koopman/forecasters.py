"""The forecasters by name: each takes a curve and returns its trend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pinnrun.koopman.baselines import fit_last_value, fit_power_law
from pinnrun.koopman.combined_trend import fit_combined_trend
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import fit_damped_trend
from pinnrun.koopman.hankel import fit_hankel
from pinnrun.koopman.hankel_slope import fit_hankel_slope
from pinnrun.koopman.pooled_trend import fit_pooled_trend
from pinnrun.koopman.prior import pooled
from pinnrun.koopman.promised_trend import Promise, fit_promised_trend
from pinnrun.koopman.regime import Regime
from pinnrun.koopman.trend import Trend
from pinnrun.koopman.weight_trend import fit_weight_trend

DEFAULT = "promised_trend"
STAND_IN = "combined_trend"  # for it, where nothing is known of the linearization

Fit = Callable[[LossCurve], Trend]

LEARNED: Mapping[str, Callable[..., Trend]] = {
    "promised_trend": fit_promised_trend,
    "combined_trend": fit_combined_trend,
    "pooled_trend": fit_pooled_trend,
}

FORECASTERS: Mapping[str, Fit] = {
    **LEARNED,
    "damped_trend": fit_damped_trend,
    "hankel_slope": fit_hankel_slope,
    "hankel": fit_hankel,
    "power_law": fit_power_law,
    "last_value": fit_last_value,
    "weights": fit_weight_trend,
}


def settled(name: str, curve: LossCurve) -> str:
    """The forecaster of that name, or what stands in for it where this curve does not say what it needs."""
    return STAND_IN if name == "promised_trend" and curve.promise is None else name


def circumstances(name: str, promise: float | None, regime: Regime) -> Promise | Regime:
    """What says most about the errors of that forecaster: how much was promised, or the regime."""
    return Promise.of(promise) if name == "promised_trend" and promise is not None else regime


def forecaster_named(name: str, family: str | None = None) -> Fit:
    """The forecaster of that name, with what it has learned of a family of optimizers where it has learned.

    Raises:
        ValueError: there is none.
    """
    if name not in FORECASTERS:
        raise ValueError(f"no forecaster {name!r}; there are {', '.join(FORECASTERS)}")
    if name in LEARNED:
        return partial(LEARNED[name], constants=pooled(family))
    return FORECASTERS[name]
