"""Step lengths for quasi-Newton methods: where along a direction to stop.

With φ(α) = L(θ + αp), `wolfe` finds an α > 0 with

    |φ'(α)| ≤ 0.9 |φ'(0)|   and   φ(α) ≤ φ(0) + 10⁻⁴ α φ'(0)                       (strong Wolfe conditions)
                            or    φ(α) ≤ φ(0) + ε |φ(0)|                                   (approximate ones)

The second line takes the slopes' word for the decrease: near a minimum differences of φ are lost to rounding long
before slopes are (Hager & Zhang, SIAM J. Optim. 16 (2005) 170, eq. 4.1 with their ε = 10⁻⁶; their condition φ'(α) ≤
(1 − 2·10⁻⁴) |φ'(0)| follows from 0.9). It holds only where the first asks for a decrease of less than ε |φ(0)|. The
interval with such an α is kept by their update rules U0 to U3; trial points are secants of the slopes, and bisection
where these lag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, sqrt

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Outcome

DECREASE, CURVATURE = 1e-4, 0.9  # Wolfe's constants as quasi-Newton methods have them
ROUNDING = 1e-6  # ε: differences of the loss below this part of it are not trusted
EXPANSION, SHRINKAGE = 5.0, 0.66  # Hager and Zhang's ρ and γ
CLOSE, JUMP = 1e-2, 10.0  # no smooth function changes over 1 % of its argument by ten times what its slopes allow


@dataclass(frozen=True)
class Trial:
    """φ and φ' at one step length."""

    length: float
    value: float
    slope: float

    @property
    def finite(self) -> bool:
        """Whether both are numbers."""
        return isfinite(self.value) and isfinite(self.slope)


def wolfe(phi: Callable[[float], Trial], start: Trial, first: float, evaluations: int = 25) -> Trial | None:
    """A step length from the slopes and values of φ, or None where ``evaluations`` of them did not lead to one.

    If they run out with a sufficient decrease but too steep a slope, the lowest such trial is returned.

    Args:
        phi: evaluates φ and φ' at a length.
        start: φ and φ' at 0; the slope is negative.
        first: the length tried first.
        evaluations: how many lengths are tried.
    """
    ceiling = start.value + ROUNDING * abs(start.value)
    low, high, length, best = start, None, first, None
    for _ in range(evaluations):
        trial = phi(length)
        if _accepted(trial, start):
            return trial
        if _falls(trial, start) and (best is None or trial.value < best.value):
            best = trial
        width = high.length - low.length if high is not None else inf
        if trial.finite and trial.slope < 0 and trial.value <= ceiling:  # U2: downhill from here
            low = trial
        else:  # U1: the slope has turned; U3: a ridge lies between
            high = trial
        length = EXPANSION * length if high is None else _between(low, high, width, ceiling - start.value)
        if not low.length < length < inf:
            break
    return best


def _falls(trial: Trial, start: Trial) -> bool:
    return trial.finite and trial.value <= start.value + DECREASE * trial.length * start.slope


def _accepted(trial: Trial, start: Trial) -> bool:
    if not trial.finite or abs(trial.slope) > -CURVATURE * start.slope:
        return False
    if _falls(trial, start):
        return True
    rounding = ROUNDING * abs(start.value)
    asked = -DECREASE * trial.length * start.slope
    return asked <= rounding and trial.value <= start.value + rounding


def _between(low: Trial, high: Trial, width: float, rounding: float) -> float:
    """The next trial inside the interval, which was ``width`` wide before: where its ends make the minimum to be.

    That is the minimum of the cubic with both values and slopes (Nocedal & Wright 2006, eq. 3.59), or where the values
    are not to be told from each other, of the parabola with both slopes; and the middle where these lag.
    """
    gap = high.length - low.length
    if not high.finite:
        return low.length + 0.1 * gap
    if gap > SHRINKAGE * width or (high.slope <= 0 and high.value <= low.value):
        return low.length + 0.5 * gap
    if abs(high.value - low.value) > rounding:
        d = low.slope + high.slope - 3.0 * (high.value - low.value) / gap
        root = sqrt(max(d * d - low.slope * high.slope, 0.0))
        zero = 1.0 - (high.slope + root - d) / (high.slope - low.slope + 2.0 * root)
    else:
        zero = low.slope / (low.slope - high.slope) if high.slope > 0 else 0.5
    return low.length + min(max(zero, 0.05), 0.95) * gap


def below_rounding(trials: list[Trial]) -> bool:
    """Whether rounding is why a search failed, from its finite trials by length, the first at 0.

    It is if even the minimum of the parabola through the first two slopes cannot be told from φ(0), or if φ jumps:
    between two close trials it changes by far more than the slopes there allow.
    """
    if len(trials) < 2:
        return False
    start, nearest = trials[:2]
    bend = (nearest.slope - start.slope) / nearest.length
    if bend > 0 and start.slope**2 / (2.0 * bend) <= ROUNDING * abs(start.value):
        return True
    close = [(a, b) for a, b in pairwise(trials) if b.length - a.length <= CLOSE * b.length]
    return any(
        abs(b.value - a.value) > JUMP * max(abs(a.slope), abs(b.slope)) * (b.length - a.length) for a, b in close
    )


@dataclass(frozen=True)
class Sample:
    """An objective at one θ; after a pause nobody knows which objective it was, or the gradient."""

    theta: Tensor
    loss: float
    gradient: Tensor
    objective: Objective | None


class Line:
    """φ(α) = L(θ + αp) on the device, its lengths, values and slopes as numbers.

    Args:
        objective: L.
        here: the objective at θ.
        p: the direction.
        slope: φ'(0) = gᵀp.
        first: the length tried first.
    """

    def __init__(self, objective: Objective, here: Sample, p: Tensor, slope: float, first: float) -> None:
        self.objective, self.here, self.p, self.slope, self.first = objective, here, p, slope, first
        self.evaluations = 0
        self.length = 0.0
        self._trials = [Trial(0.0, here.loss, slope)]
        self._samples: dict[float, Sample] = {}

    def search(self, evaluations: int) -> Sample | None:
        """The objective at an acceptable ``length``, which it has been evaluated at last; or None, see ``failure``."""
        found = wolfe(self._evaluate, self._trials[0], self.first, evaluations) if self.slope < 0 else None
        if found is None:
            return None
        self.length = found.length
        if found.length != self._latest:  # the shares of the terms are those of the latest evaluation
            self.objective.value(self._samples[found.length].theta)
            self.evaluations += 1
        return self._samples[found.length]

    def _evaluate(self, length: float) -> Trial:
        theta = self.here.theta + length * self.p
        value, gradient = self.objective.gradient(theta)
        trial = Trial(length, *torch.stack((value, gradient @ self.p)).tolist())
        self._samples[length] = Sample(theta, trial.value, gradient, self.objective)
        self._latest = length
        self.evaluations += 1
        if trial.finite:
            self._trials.append(trial)
        return trial

    @property
    def failure(self) -> Outcome:
        """Why there is no acceptable length."""
        if not self.slope < 0:
            return Outcome.NO_DESCENT
        rounded = below_rounding(sorted(self._trials, key=lambda trial: trial.length))
        return Outcome.PRECISION if rounded else Outcome.SEARCH_FAILED
