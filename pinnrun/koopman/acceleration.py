"""Koopman training: where the weights would go, read off a window of snapshots of where they went.

Training is taken as a linear map of the weights themselves, w(t + 1) = w* + A (w(t) - w*) (Dogra & Redman 2020, arXiv
2006.02361), and jumped ahead in. How much of A a window of noisy snapshots shows is not known beforehand, so that there
are several readings of it, and for each a ladder of horizons k; the driver keeps whichever point has the lowest loss,
if any is lower than here. At the last snapshot, t = 0, with times t_i <= 0 of the others:

    velocity   w(k) = w(0) + k v: one eigenvalue, 1, of a trend
    trend      w(k) = m + (k - mean t) v: the same line, without what w(0) deviates from it (eigenvalue 0)
    average    means of the last snapshots: all that moves has eigenvalue 0 (Polyak & Juditsky 1992, SIAM J. Control
               Optim. 30, 838; of the latest weights: Kaddour 2022, arXiv 2209.14981)
    modes      w(k) = w(0) + sum_j b_j (l_j + l_j^2 + ... + l_j^k) phi_j, by dynamic mode decomposition of increments
               (Schmid 2010, J. Fluid Mech. 656, 5; see `pinnrun.koopman.spectrum`), with |l_j| <= 1
    subspace   every mode by a horizon of its own: the step in the span of the window's leading directions that a
               least-squares model of the residual asks for (in the span of past steps: Narkiss & Zibulevsky 2005)

v is the least-squares slope over the window, sum_i (t_i - mean t) w(t_i) / sum_i (t_i - mean t)^2, and its weights sum
to zero: centred at half a step off they would not, and every jump would shrink or blow up the weights as a whole.
A trend in log-time, w(n + q) = w(n) + n ln(1 + q/n) v for a stage that has taken n steps (`log_time`), only adds
horizons.

Every candidate lies in the span of the window. It is written in coordinates of an orthonormal basis of that span, which
costs one QR factorisation, 2 P T^2 operations; all that follows costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array, LossCurve
from pinnrun.koopman.damped_trend import fit_damped_trend

READINGS = ("velocity", "trend", "average", "modes", "subspace")
HORIZONS = (10.0, 30.0, 100.0, 300.0, 1000.0)  # steps
AHEAD = (30.0,)  # steps along the trend that "auto" tries beside the subspace; means lag behind it
SHARES = (0.125, 0.25, 0.5, 1.0)  # of the window that an average is taken over
GAIN = 0.02  # a jump must lower the loss by this part of it
RANK = 8  # modes of a forecast, at most
ENERGY = 0.99  # share of the squared singular values of the increments that they hold
NOISE = 1e-12  # of the largest singular value, below which it is rounding
DIRECTIONS = 6  # of a subspace, at most
PROBE = 0.1  # of the spread along a direction: how far off a residual is taken to see its slope
DAMPING = 1.0  # of its least-squares model at first, relative to each direction's own curvature
LADDER = (0.1, 1.0, 10.0)  # times the damping that served last: those that are tried
RANGE = (1e-6, 1e3)  # of the damping
NEAR = 0.25  # |ln| of two horizons below which the second is not worth an evaluation
MARGIN = 0.1  # decades above its forecast at which a jump is regretted


# Evaluations of the loss or the residual that each kind of attempt asks for, at most.
EVALUATIONS = {
    "velocity": 2 * len(HORIZONS),
    "trend": 1 + len(HORIZONS),
    "average": len(SHARES),
    "modes": 1 + len(HORIZONS),
    "subspace": 1 + DIRECTIONS + len(LADDER),
    "auto": len(AHEAD) + 1 + DIRECTIONS + len(LADDER),
}


@dataclass(frozen=True, eq=False)
class Path:
    """A window of the weights' path in coordinates of its span; the last snapshot is the origin.

    Attributes:
        now: (P,) the last snapshot.
        basis: (P, q) orthonormal, q <= min(P, T).
        points: (T, q) the snapshots, oldest first; the last row is zero.
        times: (T,) steps, at most 0.
    """

    now: Array
    basis: Array
    points: Array
    times: Array

    @classmethod
    def through(cls, snapshots: ArrayLike, interval: int) -> Path:
        """The path through `snapshots` (T, P), T >= 4, oldest first, `interval` >= 1 steps apart.

        Raises:
            ValueError: fewer than four snapshots, or weights that are not finite.
        """
        weights = np.asarray(snapshots, np.float64)
        if weights.ndim != 2 or len(weights) < 4 or interval < 1:
            raise ValueError(f"a path needs weights (T >= 4, P) at an interval >= 1, not {weights.shape}, {interval}")
        if not np.isfinite(weights).all():
            raise ValueError("the weights are not all finite")
        now = weights[-1]
        basis, coordinates = np.linalg.qr((weights - now).T)
        return cls(now, basis, coordinates.T, interval * np.arange(1.0 - len(weights), 1.0))

    @property
    def interval(self) -> float:
        """Steps between two snapshots."""
        return float(self.times[-1] - self.times[-2])

    @property
    def velocity(self) -> Array:
        """The least-squares slope v of the snapshots over time, (q,) per step."""
        centred = self.times - self.times.mean()
        return centred @ self.points / (centred @ centred)

    def weights(self, points: ArrayLike) -> Array:
        """The weights (..., P) at coordinates (..., q)."""
        return self.now + np.asarray(points) @ self.basis.T

    def horizon(self, points: ArrayLike) -> Array:
        """How many steps' worth of the velocity lies between the last snapshot and each point (C, q): (C,)."""
        v = self.velocity
        length = float(v @ v)
        return np.asarray(points) @ v / length if length > 0 else np.zeros(len(np.asarray(points)))


@dataclass(frozen=True, eq=False)
class Candidates:
    """Points that the weights may jump to.

    Attributes:
        kinds: (C,) the reading that each comes from. points: (C, q) coordinates on the path.
    """

    kinds: tuple[str, ...]
    points: Array

    def __len__(self) -> int:
        return len(self.kinds)

    def __add__(self, other: Candidates) -> Candidates:
        return Candidates((*self.kinds, *other.kinds), np.concatenate([self.points, other.points]))


def _of(kind: str, points: Array) -> Candidates:
    return Candidates((kind,) * len(points), points)


def log_time(steps: int, horizons: Sequence[float] = HORIZONS) -> list[float]:
    """The horizons with those of log-time, n ln(1 + q/n) after n steps, that lie near none of them; increasing."""
    ladder = list(horizons)
    for q in horizons:
        k = steps * np.log1p(q / steps)
        if all(abs(np.log(k / other)) > NEAR for other in ladder):
            ladder.append(float(k))
    return sorted(ladder)


def velocities(path: Path, horizons: Sequence[float] = HORIZONS) -> Candidates:
    """w(0) + k v for each horizon k."""
    return _of("velocity", np.multiply.outer(np.asarray(horizons), path.velocity))


def trends(path: Path, horizons: Sequence[float] = (0.0, *HORIZONS)) -> Candidates:
    """The fitted line itself, m + (k - mean t) v, for each horizon k; k = 0 is where it stands now."""
    ahead = np.asarray(horizons) - path.times.mean()
    return _of("trend", path.points.mean(axis=0) + np.multiply.outer(ahead, path.velocity))


def averages(path: Path, shares: Sequence[float] = SHARES) -> Candidates:
    """Means over the last so many parts of the window."""
    counts = [max(2, round(share * len(path.points))) for share in shares]
    return _of("average", np.array([path.points[-count:].mean(axis=0) for count in counts]))


def forecasts(
    path: Path, horizons: Sequence[float] = (*HORIZONS, np.inf), *, energy: float = ENERGY, rank: int = RANK
) -> Candidates:
    """Where the modes of the increments lead in k steps, rounded to snapshots; k = inf is the fixed point.

    Eigenvalues outside the unit circle are pulled back onto it: amplitudes that grow are an artefact of the window. The
    fixed point is left out where any mode does not die out.
    """
    increments = np.diff(path.points, axis=0).T  # (q, T - 1)
    left, singular, right = np.linalg.svd(increments[:, :-1], full_matrices=False)
    if not singular[0] > 0:
        return _of("modes", np.empty((0, len(path.basis.T))))
    held = np.cumsum(singular**2) / np.sum(singular**2)
    kept = min(1 + int(np.sum(held < energy * (1 - 1e-15))), int(np.sum(singular > NOISE * singular[0])), rank)
    left, singular, right = left[:, :kept], singular[:kept], right[:kept]
    values, modes = np.linalg.eig(left.T @ increments[:, 1:] @ (right.T / singular))
    values = values / np.maximum(np.abs(values), 1.0)
    amplitudes = np.linalg.lstsq(modes, (left.T @ increments[:, -1]).astype(modes.dtype), rcond=None)[0]
    counts = [max(1.0, np.rint(k / path.interval)) for k in horizons if np.isfinite(k) or np.abs(values).max() < 1.0]
    sums = np.array([_geometric(values, count) for count in counts])
    return _of("modes", ((sums * amplitudes) @ modes.T).real @ left.T)


def _geometric(values: Array, count: float) -> Array:
    """The sum l + l^2 + ... + l^count, (r,)."""
    one = np.abs(1.0 - values) < 1e-12
    safe = np.where(one, 0.0, values)
    power = np.zeros_like(safe) if np.isinf(count) else safe**count
    return np.where(one, count, safe * (1.0 - power) / (1.0 - safe))


def directions(path: Path, rank: int = DIRECTIONS) -> tuple[Array, Array]:
    """The window's leading directions (d, q), orthonormal, and how far it spreads along each, (d,), falling."""
    spread = path.points - path.points.mean(axis=0)
    _, singular, right = np.linalg.svd(spread, full_matrices=False)
    kept = min(rank, int(np.sum(singular > NOISE * singular[0])))
    return right[:kept], singular[:kept] / np.sqrt(len(spread))


def least_squares(residual: Array, slopes: Array, dampings: Sequence[float]) -> Array:
    """Steps c that minimise |r + sum_j c_j s_j|^2 + damping sum_j |s_j|^2 c_j^2, (C, d), one for each damping.

    Args:
        residual: (N,) r at the last snapshot.
        slopes: (d, N) s_j, its derivative along each direction.
        dampings: relative ones, >= 0.
    """
    scale = np.linalg.norm(slopes, axis=1)
    scale = np.where(scale > 0, scale, 1.0)
    unit = slopes / scale[:, None]
    left, singular, right = np.linalg.svd(unit.T, full_matrices=False)
    seen = left.T @ residual
    safe = np.maximum(singular, NOISE * max(singular[0], 1.0))
    return np.array([-(right.T @ (seen * safe / (safe**2 + damping))) / scale for damping in dampings])


def dampings(served: float) -> list[float]:
    """What is tried around the damping that served last."""
    return [min(max(factor * served, RANGE[0]), RANGE[1]) for factor in LADDER]


def extrapolations(path: Path, kind: str, steps: int) -> Candidates:
    """Where this kind of attempt looks after `steps` steps of a stage; the subspace is not among it, for want of r."""
    if kind == "velocity":
        return velocities(path, log_time(steps))
    if kind == "trend":
        return trends(path)
    if kind == "average":
        return averages(path)
    if kind == "modes":
        return forecasts(path)
    if kind == "auto":
        return trends(path, AHEAD)
    return Candidates((), np.empty((0, path.basis.shape[1])))


def falls(before: float, after: float, gain: float = GAIN) -> bool:
    """Whether a jump from one loss to another is worth taking; never one to a loss that is not finite."""
    return bool(after < (1.0 - gain) * before)


def expectation(history: Sequence[tuple[int, float]], at: int) -> float:
    """The decimal logarithm of the loss that the damped trend of a stage's (step, loss) expects at a later step."""
    steps, losses = np.array(history).T
    return float(fit_damped_trend(LossCurve.from_history(steps, losses)).predict([at])[0])


def regretted(losses: ArrayLike, expected: float, margin: float = MARGIN) -> bool:
    """Whether the losses after a jump lie above what was expected without: the median, so that no spike counts."""
    return bool(not np.median(np.log10(np.maximum(losses, 1e-300))) <= expected + margin)
