"""From a forecast to a verdict: let this network go on, give it a longer look, or scale it up.

    REACH   P(reach) > 0.6
    SCALE   P(reach) < hopeless with n >= glance minimum, or n >= minimum before and in the first drop of a decade, also
            where that is a plateau, and T <= 10 n, as far as errors were measured; or P(reach) < unlikely with
            n >= minimum, and n >= late T while the loss is early or accelerating
    EXTEND  otherwise: ask again, best at one and a half times the steps

with bounds of their own for each family of optimizers, and for forecasts that go by what the linearization promises,
`RULES`. First-order trainings resemble each other, so their bands are narrow and small probabilities can be believed
only when they are very small. Those of methods with curvature differ from problem to problem: their bands are wide, a
probability is seldom near zero, and one of 0.3 already tells.

A plateau after the first drop is judged like a steady descent: some do end, and nothing shows it beforehand, but on the
trainings that were replayed waiting twice as long cost a tenth of the budget and saved no network. Asking again sooner
than at twice the steps finds a network that is out of reach earlier, and one that has come within reach before it is
given up.

How often that is wrong, and what it saves, is replayed on trainings whose end is known by
`python -m benchmarks.forecast`; docs/forecast.md has the figures.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import NamedTuple

from pinnrun.koopman.forecast import TRUSTED, Forecast
from pinnrun.koopman.regime import FIRST_DROP, Regime

LIKELY = 0.6
DROPPING = (Regime.EARLY, Regime.ACCELERATING)  # before and in the first drop, where every forecast is too high
LONGER = 0.5  # of the present steps: how much later to ask again


class Rules(NamedTuple):
    """Where a network is given up.

    Attributes:
        unlikely: P(reach) below which it is, from the minimum of steps on.
        hopeless: P(reach) below which no longer look is worth its price.
        glance: share of the minimum after which a target that is hopeless is given up.
        late: share of the horizon from which on a curve before or in its first drop may be judged.
    """

    unlikely: float
    hopeless: float
    glance: float
    late: float


CAUTIOUS = Rules(unlikely=0.05, hopeless=0.01, glance=0.5, late=0.5)
RULES: Mapping[str | None, Rules] = {
    "first_order": CAUTIOUS,
    "quasi_newton": Rules(unlikely=0.3, hopeless=0.01, glance=0.5, late=0.3),
    "gauss_newton": Rules(unlikely=0.4, hopeless=0.05, glance=0.5, late=0.3),
    "promised": Rules(unlikely=0.3, hopeless=0.15, glance=0.25, late=0.2),
}
"""By family; chosen by replay, as docs/forecast.md tells."""
PROMISED = "promised"
"""The key of those for forecasts that go by what the linearization promises."""


def by_promise(forecast: Forecast) -> bool:
    """Whether a forecast goes by what the linearization promises."""
    return forecast.forecaster == "promised_trend"


def rules_for(forecast: Forecast) -> Rules:
    """Those that this forecast is judged by."""
    return RULES.get(PROMISED if by_promise(forecast) else forecast.family, CAUTIOUS)


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
    rules = rules_for(forecast)
    if _hopeless(forecast, rules, minimum):
        return Judgement(Verdict.SCALE, f"{facts}; the target is out of reach")
    if forecast.probability >= rules.unlikely:
        return Judgement(Verdict.EXTEND, f"{facts}; it may yet be met")
    wait = _too_soon(forecast, rules, minimum)
    if wait:
        return Judgement(Verdict.EXTEND, f"{facts}; {wait}")
    return Judgement(Verdict.SCALE, f"{facts}; the odds are below {rules.unlikely:g}")


def _hopeless(forecast: Forecast, rules: Rules, minimum: int) -> bool:
    """Whether the target is out of reach, by a probability that can be believed."""
    unseen = forecast.regime in DROPPING or forecast.fallen < FIRST_DROP
    enough = minimum * (1.0 if unseen else rules.glance)
    believed = forecast.now >= enough and forecast.horizon <= TRUSTED * forecast.now
    return believed and forecast.probability < rules.hopeless


def _too_soon(forecast: Forecast, rules: Rules, minimum: int) -> str | None:
    """Why the look was too short to give this network up, or None."""
    now, late = forecast.now, math.ceil(round(rules.late * forecast.horizon, 6))
    if now < minimum:
        return f"too early to judge: step {now} of at least {minimum}"
    if forecast.regime in DROPPING and now < late:
        return f"the first drop may be yet to come: wait until step {late}"
    return None


def _facts(forecast: Forecast) -> str:
    low, median, high = (_number(q[-1]) for q in (forecast.low, forecast.median, forecast.high))
    regime = forecast.regime.value
    if forecast.since is not None:
        regime += f" since step {forecast.since}"
    if forecast.promise is not None:
        regime += f"; {forecast.promise:.2g} decades promised"
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
