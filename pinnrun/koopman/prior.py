"""What other trainings have taught: constants of the pooled and the promised trend, and how far forecasts are off.

Both were measured by `python -m benchmarks.forecast calibrate` and lie beside this file, in prior.json, as that command
wrote it; nothing in it was typed by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("prior.json")
ANY = "any"  # the family of whoever does not say
STAND_INS = {"weights": "last_value"}  # whose errors are taken for those of a forecaster that was not measured


class Pooled(NamedTuple):
    """The constants of `pinnrun.koopman.pooled_trend`.

    Attributes:
        intercept, late, before: of the trend, in the slopes of the last 30 % of the steps and of [n/4, n/2].
        steepest: decades per unit of tau that a slope counts for at most.
        damping: mu.
    """

    intercept: float
    late: float
    before: float
    steepest: float
    damping: float


class Promised(NamedTuple):
    """The constants of `pinnrun.koopman.promised_trend`.

    Attributes:
        intercept, weight, late: of the trend, in the promise and in the slope of the last 30 % of the steps.
        steepest: decades per unit of tau that the slope counts for at most.
        damping: mu.
    """

    intercept: float
    weight: float
    late: float
    steepest: float
    damping: float


@cache
def table() -> Mapping[str, Any]:
    """The file."""
    return json.loads(FILE.read_text(encoding="utf-8"))


@cache
def pooled(family: str | None = None) -> Pooled:
    """The constants as they were fitted, to a family of its own or to all others."""
    constants = table()["pooled"]
    return Pooled(**constants.get(family or ANY, constants[ANY]))


@cache
def promised() -> Promised:
    """The constants as they were fitted, on trainings by Levenberg-Marquardt."""
    return Promised(**table()["promised"])


def residual_quantiles(forecaster: str, family: str | None, circumstances: Enum) -> tuple[float, float, float]:
    """10, 50 and 90 % quantiles of (truth - forecast) / u, in decades per unit of ln(clock)."""
    laws = table()["residuals"][STAND_INS.get(forecaster, forecaster)]
    low, median, high = laws.get(family or ANY, laws[ANY])[circumstances.value]
    return low, median, high
