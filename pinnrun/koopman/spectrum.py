"""The Koopman spectrum of the weights by dynamic mode decomposition of their increments: a diagnostic.

Near a minimum training is close to affine, w(k+1) = w* + A (w(k) - w*) (Dogra & Redman 2020, arXiv
2006.02361), so increments d(k) = w(k+1) - w(k) obey d(k+1) = A d(k) whatever the unknown fixed point w* is.
With X = [d(0) .. d(m-1)] and Y = [d(1) .. d(m)], both (P, m), and the truncated singular value decomposition
X = U S V^T,

    A~ = U^T Y V S^-1,    A~ q = lambda q,    mode phi = U q        (Schmid 2010, J. Fluid Mech. 656, 5)

whose eigenvalues are those of exact DMD, A = Y X^+ (Tu et al. 2014, J. Comput. Dyn. 1, 391, Definition 1).
Only the Gram matrix D^T D of the increments is formed, (T-1, T-1) in float64, never a (P, P) one; its price
is one pass over the weights. Squaring halves the digits: singular values below 1e-7 of the largest are
noise, and are cut.

Amplitudes b minimise sum_k |d(k) - sum_j b_j lambda_j^k phi_j|^2 (Jovanovic, Schmid & Nichols 2014, Phys.
Fluids 26, 024103). The residual of an eigenpair is the relative one of ResDMD (Colbrook & Townsend 2021,
arXiv 2111.14889), for the observable psi(d) = g^T U^T d with g the left eigenvector of A~,

    residual = |psi(Y) - lambda psi(X)| / |psi(X)|

0 for a true Koopman eigenpair of the data, of order 1 for a spurious one. Eigenvalues that gather at 1 say
that what is left moves too slowly for this window to see it end, the usual sign to stop (Mohr et al. 2021,
CEUR-WS 2964, art. 182).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnrun.koopman.curve import Array

ENERGY = 0.99  # share of the squared singular values that the kept ones hold
MAX_RANK = 10
NOISE = 1e-14  # of the largest Gram eigenvalue, below which it is rounding
CHUNK = 65536  # weights taken at once, so that float32 snapshots are never held in float64 as a whole
WINDOWS = 10.0  # the fixed point is given if no mode needs more than this many windows to die out

Complex = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of the training map on the weights, per snapshot interval, largest final amplitude first.

    Attributes:
        eigenvalues: (r,) per interval.
        half_lives: (r,) in steps, interval ln 2 / -ln|lambda|; inf if |lambda| >= 1.
        amplitudes: (r,) >= 0, length of each mode's share in the last increment, in units of the weights.
        residuals: (r,) relative residual of each eigenpair; near 0 trustworthy, near 1 spurious.
        rank: r. interval: steps between snapshots.
        near_one: share of the eigenvalues within 1/(T-1) of 1, which this window cannot tell from 1.
        fixed_point: (P,) last weights plus sum_j b_j lambda_j / (1 - lambda_j) phi_j, the geometric sum of
            all increments to come; None where a mode does not die out, or so slowly, |1 - lambda| < 1 / (10
            (T-1)), that its sum would be a guess.
    """

    eigenvalues: Complex
    half_lives: Array
    amplitudes: Array
    residuals: Array
    rank: int
    interval: int
    near_one: float
    fixed_point: Array | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold, eigenvalues as [real, imaginary]; the fixed point is left out."""
        return {
            "eigenvalues": [[value.real, value.imag] for value in self.eigenvalues.tolist()],
            "half_lives": [value if np.isfinite(value) else None for value in self.half_lives.tolist()],
            "amplitudes": self.amplitudes.tolist(),
            "residuals": self.residuals.tolist(),
            "rank": self.rank,
            "interval": self.interval,
            "near_one": self.near_one,
        }


def weight_spectrum(weights: ArrayLike, interval: int, *, energy: float = ENERGY, max_rank: int = MAX_RANK) -> Spectrum:
    """The spectrum of `weights` (T, P), equally spaced snapshots `interval` steps apart, T >= 4.

    Args:
        weights: float32 or float64. float32 rounds increments below 1e-7 of the weights away.
        interval: steps between two snapshots, >= 1.
        energy: share of the squared singular values of the increments to keep, in (0, 1].
        max_rank: the most modes to keep.

    Raises:
        ValueError: fewer than four snapshots, non-finite weights, or an argument outside its range.
    """
    snapshots = np.asarray(weights)
    if snapshots.ndim != 2 or len(snapshots) < 4:
        raise ValueError(f"a spectrum needs weights of shape (T >= 4, P), not {snapshots.shape}")
    if interval < 1 or not 0 < energy <= 1 or max_rank < 1:
        raise ValueError(f"interval {interval}, energy {energy} or max_rank {max_rank} is out of its range")
    gram = _increment_gram(snapshots)
    if not np.isfinite(gram).all():
        raise ValueError("the weights are not all finite, or too large to be squared")
    singular, right = _truncated(gram[:-1, :-1], energy, max_rank)
    if not len(singular):
        nothing = np.zeros(0)
        still = snapshots[-1].astype(np.float64)
        return Spectrum(nothing.astype(complex), nothing, nothing, nothing, 0, interval, 0.0, still)

    # coordinates U^T d(k) of all T-1 increments in the POD basis U = X V / S, (r, T-1)
    coordinates = (right / singular).T @ gram[:-1]
    reduced = coordinates[:, 1:] @ (right / singular)  # A~
    values, modes = np.linalg.eig(reduced)
    values, modes = values.astype(np.complex128), modes.astype(np.complex128)
    last = _last_amplitudes(values, modes, coordinates)
    sizes = _equal_in_pairs(np.abs(last), values)
    order = np.argsort(-sizes, kind="stable")
    values, modes, sizes, last = values[order], modes[:, order], sizes[order], last[order]
    gap = np.abs(1.0 - values) * len(gram)
    fixed_point = None
    if gap.min() >= 1.0 / WINDOWS and np.abs(values).max() < 1.0:
        still_to_come = (modes @ (last * values / (1.0 - values))).real
        fixed_point = _displaced(snapshots, (right / singular) @ still_to_come)
    return Spectrum(
        eigenvalues=values,
        half_lives=_half_lives(values, interval),
        amplitudes=sizes,
        residuals=_residuals(reduced, values, coordinates),
        rank=len(values),
        interval=interval,
        near_one=float(np.mean(gap <= 1.0)),
        fixed_point=fixed_point,
    )


def _increment_gram(snapshots: NDArray[Any]) -> Array:
    """Inner products of all increments, (T-1, T-1), in float64."""
    gram = np.zeros((len(snapshots) - 1, len(snapshots) - 1))
    for start in range(0, snapshots.shape[1], CHUNK):
        with np.errstate(over="ignore", invalid="ignore"):  # weights that diverged are refused by the caller
            increments = np.diff(snapshots[:, start : start + CHUNK].astype(np.float64), axis=0)
            gram += increments @ increments.T
    return gram


def _truncated(gram: Array, energy: float, max_rank: int) -> tuple[Array, Array]:
    """Leading singular values (r,) and right singular vectors (m, r) of X from X^T X, by energy."""
    squares, vectors = np.linalg.eigh(gram)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    if squares[0] <= 0:
        return np.zeros(0), np.zeros((len(gram), 0))
    held = np.cumsum(np.maximum(squares, 0.0)) / np.maximum(squares, 0.0).sum()
    enough = 1 + int(np.sum(held < energy * (1 - 1e-15)))
    above = int(np.sum(squares > NOISE * squares[0]))
    rank = min(enough, above, max_rank, len(gram) - 1)
    return np.sqrt(squares[:rank]), vectors[:, :rank]


def _last_amplitudes(values: Complex, modes: Complex, coordinates: Array) -> Complex:
    """Amplitudes (r,) of the unit modes in the last increment, by least squares over all of them.

    Powers count back from the last increment for growing modes and on from the first one for decaying ones,
    so that none overflows.
    """
    count = coordinates.shape[1]
    k = np.arange(count)
    growing = np.abs(values) > 1
    base = np.where(growing, 1.0 / np.where(growing, values, 1.0), values)[:, None]
    powers = base ** np.where(growing[:, None], count - 1 - k, k)
    system = (modes.conj().T @ modes) * (powers @ powers.conj().T).conj()
    right_side = np.einsum("jk,rk,rj->j", powers.conj(), coordinates, modes.conj())
    amplitudes = np.linalg.lstsq(system, right_side, rcond=None)[0]
    return amplitudes * powers[:, -1]


def _equal_in_pairs(sizes: Array, values: Complex) -> Array:
    """Amplitudes of conjugates made equal to the last bit, so that sorting cannot part or swap a pair."""
    lower = np.flatnonzero(values.imag < 0)  # each follows its conjugate with positive imaginary part
    sizes[lower] = sizes[lower - 1]
    return sizes


def _half_lives(values: Complex, interval: int) -> Array:
    """Steps until a mode has halved, interval ln 2 / -ln|lambda|, (r,); inf where it does not decay."""
    with np.errstate(divide="ignore"):
        rates = -np.log(np.abs(values)) / interval
    return np.where(rates > 0, np.log(2.0) / np.where(rates > 0, rates, 1.0), np.inf)


def _residuals(reduced: Array, values: Complex, coordinates: Array) -> Array:
    """ResDMD residual of each eigenvalue, with its left eigenvector as the observable, (r,)."""
    left_values, left = np.linalg.eig(reduced.T)
    residuals = np.empty(len(values))
    free = list(range(len(values)))
    for j, value in enumerate(values):
        mate = free.pop(int(np.argmin(np.abs(left_values[free] - value))))
        psi = left[:, mate] @ coordinates
        residuals[j] = np.linalg.norm(psi[1:] - value * psi[:-1]) / np.linalg.norm(psi[:-1])
    return residuals


def _displaced(snapshots: NDArray[Any], coefficients: Array) -> Array:
    """The last snapshot plus sum_k coefficients[k] d(k), (P,)."""
    # summation by parts: weights of the snapshots themselves, so that the increments need not be formed again
    of_snapshots = np.concatenate([[0.0], coefficients]) - np.concatenate([coefficients, [0.0]])
    moved = np.empty(snapshots.shape[1])
    for start in range(0, len(moved), CHUNK):
        chunk = snapshots[:, start : start + CHUNK].astype(np.float64)
        moved[start : start + CHUNK] = chunk[-1] + of_snapshots @ chunk[:-1]
    return moved
