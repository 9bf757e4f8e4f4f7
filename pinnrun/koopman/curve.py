"""The training curve in logarithmic coordinates, y = log10(loss) against tau = ln(step), and its bins.

Training loss is close to piecewise straight in these coordinates, so every forecaster here works in them.
Running sums of tau and y make a bin mean two subtractions, whatever the number of steps in the bin, and are
prefixes of themselves: a curve cut at an earlier origin (a backtest) costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
LossOf = Callable[[Array], float]

BINS = 40  # log-uniform bins of a fit window
FEWEST = 4  # points a fit window is widened to when it holds fewer (short or gappy histories)
TAIL = 0.97  # "now" is the median of y over [TAIL * now, now]: single noisy steps do not count
LATEST = 2.0 / 3.0  # of the present step: a promise from before is out of date
SMALLEST = 1e-300  # a loss of exactly zero is read as this
_SLACK = 1e-12  # absorbs rounding in ln(step) at bin edges


@dataclass(frozen=True, eq=False)
class Snapshots:
    """Stored weights, and the loss that they stand for.

    Attributes:
        steps: (T,) when they were taken, equally spaced, by the clock of the curve.
        weights: (T, P).
        loss: the loss at weights (P,).
    """

    steps: Array
    weights: NDArray
    loss: LossOf

    def until(self, now: float) -> Snapshots:
        """Those that had been taken by then."""
        stop = int(np.searchsorted(self.steps, now * (1 + 1e-12), side="right"))
        return replace(self, steps=self.steps[:stop], weights=self.weights[:stop])


@dataclass(frozen=True, eq=False)
class LossCurve:
    """A loss history, cleaned, in logarithmic coordinates.

    Attributes:
        steps: (n,) step counts, or what another clock shows after them, increasing from above 0.
        tau: (n,) their natural logarithm.
        y: (n,) decimal logarithm of the loss.
        tau_sum, y_sum: (n + 1,) running sums, starting at zero.
        promises: (n,) decades by which the linearization would lower the loss, NaN where it was not asked.
        snapshots: the weights that it belongs to, where a forecaster wants them.
    """

    steps: Array
    tau: Array
    y: Array
    tau_sum: Array
    y_sum: Array
    promises: Array | None = None
    snapshots: Snapshots | None = None

    @classmethod
    def from_history(cls, steps: ArrayLike, loss: ArrayLike, promises: ArrayLike | None = None) -> LossCurve:
        """The curve of `loss` (n,) at `steps` (n,), counted from the start of the stage; with `promises` (n,).

        Steps need not be contiguous. Non-finite and negative losses are left out.

        Raises:
            ValueError: shapes differ, steps are not increasing from above 0, or no usable loss is left.
        """
        step = np.asarray(steps, dtype=np.float64)
        value = np.asarray(loss, dtype=np.float64)
        if step.ndim != 1 or step.shape != value.shape:
            raise ValueError(f"steps {step.shape} and loss {value.shape} must be two vectors of one length")
        if step.size and not (step[0] > 0 and bool(np.all(step[1:] > step[:-1]))):
            raise ValueError("steps must increase and start above 0")
        promise = None if promises is None else np.asarray(promises, dtype=np.float64)
        usable = np.isfinite(value) & (value >= 0)
        if not usable.all():
            step, value = step[usable], value[usable]
            promise = None if promise is None else promise[usable]
        if not step.size:
            raise ValueError("a forecast needs at least one finite, non-negative loss")
        tau = np.log(step)
        y = np.log10(np.maximum(value, SMALLEST))
        return cls(step, tau, y, _running_sum(tau), _running_sum(y), promise)

    def __len__(self) -> int:
        return len(self.tau)

    @property
    def now(self) -> float:
        """Step count of the last usable point."""
        return float(self.steps[-1])

    @property
    def promise(self) -> float | None:
        """The latest one within the last third of the steps; None where there is none."""
        if self.promises is None:
            return None
        start = int(np.searchsorted(self.tau, self.tau[-1] + np.log(LATEST) - _SLACK))
        known = self.promises[start:]
        known = known[np.isfinite(known)]
        return float(known[-1]) if len(known) else None

    def until(self, fraction: float) -> LossCurve:
        """The curve as it was at step `fraction * now` (views; possibly empty)."""
        stop = int(np.searchsorted(self.tau, self.tau[-1] + np.log(fraction) + _SLACK, side="right"))
        return LossCurve(
            self.steps[:stop],
            self.tau[:stop],
            self.y[:stop],
            self.tau_sum[: stop + 1],
            self.y_sum[: stop + 1],
            None if self.promises is None else self.promises[:stop],
            None if self.snapshots is None or not stop else self.snapshots.until(float(self.steps[stop - 1])),
        )

    def tail(self) -> tuple[float, float]:
        """Medians of tau and y over the last 3 % of the steps: where training stands."""
        start = int(np.searchsorted(self.tau, self.tau[-1] + np.log(TAIL) - _SLACK))
        return float(np.median(self.tau[start:])), float(np.median(self.y[start:]))

    def binned(self, start: float, stop: float = 1.0, count: int = BINS) -> tuple[Array, Array]:
        """Means of tau and y in `count` log-uniform bins of [start * now, stop * now], empty ones left out.

        Fewer than FEWEST points in the interval: it reaches further back. No point before its end: two empty
        arrays.
        """
        last = self.tau[-1]
        edges = np.linspace(last + np.log(start), last + np.log(stop), count + 1) - _SLACK
        edges[-1] += 2 * _SLACK
        cut = np.searchsorted(self.tau, edges)
        if cut[-1] - cut[0] < FEWEST:
            cut = np.arange(max(0, cut[-1] - FEWEST), cut[-1] + 1)
        size = np.diff(cut)
        filled = size > 0
        size = size[filled]
        return np.diff(self.tau_sum[cut])[filled] / size, np.diff(self.y_sum[cut])[filled] / size


def slope(tau: Array, y: Array) -> float:
    """Ordinary least-squares slope dy/dtau; 0 where fewer than two points leave it undetermined."""
    if len(tau) < 2:
        return 0.0
    centred = tau - tau.mean()
    return float(centred @ y / (centred @ centred))


def _running_sum(values: Array) -> Array:
    out = np.zeros(len(values) + 1)
    np.cumsum(values, out=out[1:])
    return out
