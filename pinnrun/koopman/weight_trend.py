"""The loss at forecast weights: dynamic mode decomposition of the weights' increments, continued.

The observable is the identity, as in Dogra & Redman 2020 (arXiv 2006.02361): with snapshots w(0) .. w(T-1) and
increments d(k) = w(k+1) - w(k), A~ of rank r maps one increment to the next (`pinnrun.koopman.spectrum` has the
formulas), and

    w(last + k) = w(last) + sum_j b_j (lambda_j + .. + lambda_j^k) phi_j,    |lambda_j| <= 1

at which the caller's loss function is evaluated. Increments, not the weights themselves: they know no origin, and a
clip to the unit disc does no harm to them. Good for a tenth of the steps seen, and past 1.5 times mostly worse than "no
change": weights that leave the solution's neighbourhood by a little have a large residual. It costs one loss a knot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnrun.koopman.curve import SMALLEST, Array, LossCurve

KEPT = 200  # latest snapshots
ENERGY = 0.99  # of the increments, that the kept modes hold
MAX_RANK = 10
NOISE = 1e-14  # of the largest eigenvalue of the Gram matrix, below which it is rounding
KNOTS = (1.0, 1.02, 1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)  # t/n at which the loss is evaluated
FEWEST = 4

Complex = NDArray[np.complex128]
LossOf = Callable[[Array], float]


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
class WeightTrend:
    """Log-loss at forecast weights, straight in log-time between the knots and constant after the last.

    Attributes:
        now: step count of the fit. tau: (k,) ln(step) of the knots. y: (k,) log10 of the loss there.
        values: (r,) eigenvalues over `interval`.
    """

    now: float
    tau: Array
    y: Array
    values: Complex
    interval: float

    def predict(self, steps: ArrayLike) -> Array:
        """Log10 of the loss at `steps` (m,)."""
        return np.interp(np.log(np.asarray(steps, dtype=np.float64)), self.tau, self.y)

    def eigenvalues(self) -> Array:
        """Moduli over the doubling of the clock that comes."""
        return np.sort(np.abs(self.values) ** (self.now / self.interval))[::-1]

    def half_lives(self) -> Array:
        """Steps until each mode of the increments has halved."""
        with np.errstate(divide="ignore"):
            rates = -np.log(np.sort(np.abs(self.values))[::-1]) / self.interval
            return np.log(2.0) / np.maximum(rates, 0.0)


def fit_weight_trend(curve: LossCurve) -> WeightTrend:
    """Fit to the snapshots that the curve carries.

    Raises:
        ValueError: it carries none, or fewer than four.
    """
    if curve.snapshots is None or len(curve.snapshots.steps) < FEWEST:
        raise ValueError(f"forecaster=weights needs {FEWEST} stored weight vectors of the stage and their loss")
    seen = curve.snapshots
    recent, times = seen.weights[-KEPT:].astype(np.float64), seen.steps[-KEPT:]
    interval = float(np.median(np.diff(times)))
    values, future = continued(recent)
    steps = curve.now * np.array(KNOTS)
    loss = [seen.loss(future((step - times[-1]) / interval)) for step in steps]
    with np.errstate(invalid="ignore"):
        y = np.log10(np.clip(np.nan_to_num(loss, nan=np.inf), SMALLEST, 1.0 / SMALLEST))
    return WeightTrend(curve.now, np.log(steps), y, values, interval)


def continued(weights: Array, energy: float = ENERGY) -> tuple[Complex, Callable[[float], Array]]:
    """Eigenvalues (r,) of the increments of `weights` (T, P), and the weights so many intervals after the last."""
    increments = np.diff(weights, axis=0)
    gram = increments @ increments.T
    squares, right = np.linalg.eigh(gram[:-1, :-1])
    squares, right = np.maximum(squares[::-1], 0.0), right[:, ::-1]
    if squares[0] == 0.0:
        return np.zeros(0, complex), lambda k: weights[-1]
    enough = 1 + int(np.sum(np.cumsum(squares) / squares.sum() < energy * (1 - 1e-15)))
    rank = min(enough, int(np.sum(squares > NOISE * squares[0])), MAX_RANK)
    basis = right[:, :rank] / np.sqrt(squares[:rank])  # U = increments[:-1].T @ basis
    coordinates = basis.T @ gram[:-1]
    values, modes = np.linalg.eig(coordinates[:, 1:] @ basis)
    values, modes = values.astype(np.complex128), modes.astype(np.complex128)
    values = values / np.maximum(np.abs(values), 1.0)
    last = np.linalg.lstsq(modes, coordinates[:, -1].astype(np.complex128), rcond=None)[0]
    still = np.abs(1.0 - values) < 1e-12
    basis_vectors = basis.T @ increments[:-1]  # U^T, (r, P)

    def future(k: float) -> Array:
        powers = np.where(values == 0, 1e-300, values) ** k
        sums = np.where(still, k, values * (1.0 - powers) / np.where(still, 1.0, 1.0 - values))
        return weights[-1] + (modes @ (last * sums)).real @ basis_vectors

    return values, future
