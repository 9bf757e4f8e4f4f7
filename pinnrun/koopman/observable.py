"""What is forecast against L_min: the training loss of every step, or the merit, measured now and then.

L_min bounds the merit, the loss on a fixed evaluation set. It is measured where a window ends and near the target, too
seldom for a curve of its own; but the gap between the two in decades changes slowly. The merit's curve is the loss
curve lifted by that gap, straight in log-time between measurements: it meets the merit where it was measured, and rises
against the loss where training overfits its points.

The raw loss on points that are drawn anew at every step scatters about its mean, and stays below L_min for a hundred
steps in a row only when the mean is some 2.5 standard deviations below: the median of the largest of 100 normal numbers
is 2.46. So forecast against it, the target is lowered by as much.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import SMALLEST, TAIL, Array

OBSERVABLES = ("auto", "loss", "merit")
DEVIATIONS = 2.5  # that the mean of a noisy loss has to lie below the target
NOISY = 0.02  # decades of scatter from which the loss beside a merit is a median, not the step's own
SELDOM = 0.25  # share of rising steps; independent noise has a half of them
RECENT = 0.5  # share of the steps whose scatter is measured


class Observed(NamedTuple):
    """What a forecast is made of.

    Attributes:
        name: "loss" or "merit".
        values: (n,) a value for every step.
        shift: decades by which the target is lowered for the scatter of the values.
    """

    name: str
    values: Array
    shift: float


def observe(steps: ArrayLike, loss: ArrayLike, merit: ArrayLike | None, choice: str = "auto") -> Observed:
    """The values to forecast.

    Args:
        steps: (n,) since the start of the stage.
        loss: (n,) training loss.
        merit: (n,) NaN where it was not measured; None: never.
        choice: "merit", "loss", or "auto": the merit where it has been measured.

    Raises:
        ValueError: another choice, or the merit was asked for and never measured.
    """
    if choice not in OBSERVABLES:
        raise ValueError(f"no observable {choice!r}; there are {', '.join(OBSERVABLES)}")
    values = np.asarray(loss, dtype=np.float64)
    measured = np.zeros(0) if merit is None else np.asarray(merit, dtype=np.float64)
    usable = len(measured) == len(values) and bool(np.any(np.isfinite(measured) & (measured > 0)))
    if choice == "merit" and not usable:
        raise ValueError("the merit has not been measured yet; use observable=loss, or auto")
    if choice == "loss" or not usable:
        return Observed("loss", values, DEVIATIONS * scatter(values))
    return Observed("merit", lifted(np.asarray(steps, dtype=np.float64), values, measured), 0.0)


def lifted(steps: Array, loss: Array, merit: Array) -> Array:
    """The merit's curve (n,): the loss times the gap to it, interpolated in log-time between measurements."""
    with np.errstate(divide="ignore", invalid="ignore"):
        y, z = np.log10(np.maximum(loss, SMALLEST)), np.log10(merit)
    at = np.flatnonzero(np.isfinite(z) & np.isfinite(y))
    if not len(at):
        return loss
    beside = y[at]
    if scatter(loss) > NOISY:
        starts = np.searchsorted(steps, TAIL * steps[at])
        beside = np.array([np.nanmedian(y[a : b + 1]) for a, b in zip(starts, at, strict=True)])
    tau = np.log(steps)
    return loss * 10.0 ** np.interp(tau, tau[at], z[at] - beside)


def scatter(loss: Array) -> float:
    """Standard deviation in decades of what is independent from step to step in the last half of `loss` (n,).

    From the median absolute second difference, which a slow trend leaves alone: 1.4826 makes a deviation of it, of
    sqrt(6) times the noise. A loss that seldom rises has none, however uneven its steps down.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log10(np.maximum(loss[int((1.0 - RECENT) * len(loss)) :], SMALLEST))
    step = np.diff(y[np.isfinite(y)])
    if len(step) < 2 or np.mean(step > 0) < SELDOM:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(step))) / np.sqrt(6.0))
