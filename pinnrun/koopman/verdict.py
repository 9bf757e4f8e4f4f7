"""From a forecast to a verdict: let this network go on, give it a longer look, or scale it up.

    REACH   P(reach) > 0.6
    SCALE   P(reach) < 0.01 with n >= minimum / 2 in the steady phase, n >= minimum before and in the first drop,
            n >= 2 minimum on a plateau, and T <= 10 n, as far as errors were measured; or P(reach) < 0.15, and the
            look was long enough: n >= minimum; n >= 2 minimum on a plateau, which runs do escape from, and nothing
            shows it beforehand; n >= 0.2 T while the loss is early or accelerating, before its first drop was seen
    EXTEND  otherwise: ask again, best at twice the steps

How often that is wrong, and what it saves, is replayed on trainings whose end is known by
`python -m benchmarks.forecast`; docs/forecast.md has the figures.
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

from pinnrun.koopman.forecast import TRUSTED, Forecast
from pinnrun.koopman.regime import Regime

LIKELY = 0.6
UNLIKELY = 0.15
HOPELESS = 0.01  # P(reach) below which no longer look is worth its price
GLANCE = 0.5  # minimum looks before that is believed
PLATEAU_PATIENCE = 2.0  # minimum looks at a plateau
LATE = 0.2  # of the horizon: from here on an early or accelerating curve may be judged


class Verdict(enum.Enum):
    """What a forecast says of the present network."""

    REACH = "reach"
    SCALE = "scale"
    EXTEND = "extend"


class Judgement(NamedTuple):
    """A verdict and the sentence that carries it."""

    verdict: Verdict
    evidence: str


def verdict(forecast: Forecast, *, minimum: int) -> Judgement:
    """Judge the present network.

    Args:
        forecast: of the present stage.
        minimum: steps of the stage before which it is scaled up only if it is hopeless; some 2000 (or a tenth of the
            horizon, if that is more) for Adam at a learning rate of 1e-3, 200 for L-BFGS, 80 for Levenberg-Marquardt.
    """
    facts = _facts(forecast)
    if forecast.probability > LIKELY:
        return Judgement(Verdict.REACH, f"{facts}; {_when(forecast)}")
    if _hopeless(forecast, minimum):
        return Judgement(Verdict.SCALE, f"{facts}; the target is out of reach")
    if forecast.probability >= UNLIKELY:
        return Judgement(Verdict.EXTEND, f"{facts}; it may yet be met")
    wait = _too_soon(forecast, minimum)
    if wait:
        return Judgement(Verdict.EXTEND, f"{facts}; {wait}")
    return Judgement(Verdict.SCALE, f"{facts}; the odds are below {UNLIKELY:g}")


def _hopeless(forecast: Forecast, minimum: int) -> bool:
    """Whether the target is out of reach, by a probability that can be believed.

    A glance tells only where the loss falls steadily; before and in the first drop every forecast is too high, and
    plateaus end.
    """
    glance = {Regime.STEADY: GLANCE, Regime.PLATEAU: PLATEAU_PATIENCE}.get(forecast.regime, 1.0)
    believed = forecast.now >= glance * minimum and forecast.horizon <= TRUSTED * forecast.now
    return believed and forecast.probability < HOPELESS


def _too_soon(forecast: Forecast, minimum: int) -> str | None:
    """Why the look was too short to give this network up, or None."""
    now, late = forecast.now, math.ceil(round(LATE * forecast.horizon, 6))
    patience = math.ceil(PLATEAU_PATIENCE * minimum)
    if now < minimum:
        return f"too early to judge: step {now} of at least {minimum}"
    if forecast.regime is Regime.PLATEAU and now < patience:
        return f"plateaus can end: wait until step {patience}"
    if forecast.regime in (Regime.EARLY, Regime.ACCELERATING) and now < late:
        return f"the first drop may be yet to come: wait until step {late}"
    return None


def _facts(forecast: Forecast) -> str:
    low, median, high = (_number(q[-1]) for q in (forecast.low, forecast.median, forecast.high))
    regime = forecast.regime.value
    if forecast.since is not None:
        regime += f" since step {forecast.since}"
    return (
        f"forecast {median} at step {forecast.horizon} (band {low} .. {high}) "
        f"against target {_number(forecast.target)}; P(reach) {forecast.probability:.2f}; regime {regime}"
    )


def _when(forecast: Forecast) -> str:
    if forecast.loss <= forecast.target:
        return f"target met: loss {_number(forecast.loss)} at step {forecast.now}"
    if forecast.reach is None:
        return "target expected within the band"
    return f"target expected at step {forecast.reach}, {forecast.reach - forecast.now} from now"


def _number(value: float) -> str:
    """3e-4 rather than 3.0e-04."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
