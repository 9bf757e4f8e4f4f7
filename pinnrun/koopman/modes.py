"""Modes of a long vector's history from inner products of its increments alone.

Near a fixed point w* a training map is close to affine, w(k+1) = w* + A (w(k) - w*) (Dogra & Redman 2020, arXiv
2006.02361), so increments d(k) = w(k+1) - w(k) obey d(k+1) = A d(k) wherever w* lies. With X = [d(0) .. d(m-1)] and
Y = [d(1) .. d(m)], both (P, m), and the truncated singular value decomposition X = U S V^T,

    A~ = U^T Y V S^-1,    A~ q = lambda q,    mode U q        (Schmid 2010, J. Fluid Mech. 656, 5)

whose eigenvalues are those of exact DMD, A = Y X^+ (Tu et al. 2014, J. Comput. Dyn. 1, 391, Definition 1). A~^T is the
K of extended DMD with the r observables U^T d, which is how it is computed here, residuals included.

Only the Gram matrix of the increments is formed, (T-1, T-1) in float64: T^2 P operations in one pass over the history,
by pieces that stay in the processor's cache. Squaring halves the digits: singular values below 1e-7 of the largest are
noise, and are cut. Everything that is forecast is a sum of increments, so a second pass at the end makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnrun.koopman.curve import Array
from pinnrun.koopman.edmd import Complex, clipped, edmd

Cut = Literal["energy", "svht"]

ENERGY = 0.99  # share of the squared singular values that the kept ones hold
MAX_RANK = 10
NOISE = 1e-14  # of the largest Gram eigenvalue, below which it is rounding
PAIRS_PER_MODE = 3  # with as many modes as pairs every residual is zero, whatever was seen
CACHE = 2**20  # bytes of increments that are multiplied at a time


@dataclass(frozen=True, eq=False)
class Modes:
    """What the increments of a history are made of.

    Attributes:
        eigenvalues: (r,) per interval, in no order but with conjugates one after the other.
        shapes: (q, r) unit modes among the q orthonormal directions U.
        last: (r,) each mode's complex amplitude in the last increment.
        residuals: (r,) of residual DMD.
        basis: (m, q) such that U = X basis.
    """

    eigenvalues: Complex
    shapes: Complex
    last: Complex
    residuals: Array
    basis: Array

    def ahead(self, intervals: ArrayLike, *, clip: bool = True) -> Array:
        """Coefficients (k, m) of the increments d(0) .. d(m-1) whose sum is the way made in so many intervals.

        The sum of the increments to come, sum_j b_j (lambda_j + .. + lambda_j^k) phi_j; infinitely many are allowed
        where every mode dies out. `clip` keeps growing modes from growing.
        """
        values = clipped(self.eigenvalues) if clip else self.eigenvalues
        count = np.asarray(intervals, dtype=np.float64)[:, None]
        gap = 1.0 - values
        still = np.abs(gap) < 1e-12
        with np.errstate(over="ignore", invalid="ignore"):
            powers = np.where(np.isinf(count), 0.0, values ** np.where(np.isinf(count), 0.0, count))
            sums = np.where(still, count, values * (1.0 - powers) / np.where(still, 1.0, gap))
            return (sums * self.last @ self.shapes.T).real @ self.basis.T


def decompose(
    gram: Array, size: int, *, energy: float = ENERGY, max_rank: int = MAX_RANK, cut: Cut = "energy"
) -> Modes:
    """The modes from the inner products of all T-1 increments of a vector of `size` numbers."""
    singular, right = _truncated(gram[:-1, :-1], size, energy, max_rank, cut)
    basis = right / singular
    coordinates = basis.T @ gram[:-1]  # U^T d(k) of all increments, (q, T-1)
    if not len(singular):
        nothing = np.zeros(0)
        return Modes(nothing.astype(complex), np.zeros((0, 0), complex), nothing.astype(complex), nothing, basis)
    found = edmd(coordinates[:, :-1].T, coordinates[:, 1:].T, tolerance=0.0)
    shapes = found.modes.T / np.maximum(np.linalg.norm(found.modes, axis=1), 1e-300)
    last = _last_amplitudes(found.eigenvalues, shapes, coordinates)
    return Modes(found.eigenvalues, shapes, last, found.residuals, basis)


def _truncated(gram: Array, size: int, energy: float, max_rank: int, cut: Cut) -> tuple[Array, Array]:
    """Leading singular values (q,) and right singular vectors (m, q) of X from X^T X."""
    squares, vectors = np.linalg.eigh(gram)
    squares, vectors = np.maximum(squares[::-1], 0.0), vectors[:, ::-1]
    if squares[0] <= 0:
        return np.zeros(0), np.zeros((len(gram), 0))
    above = int(np.sum(squares > NOISE * squares[0]))
    if cut == "energy":
        wanted = 1 + int(np.sum(np.cumsum(squares) / squares.sum() < energy * (1 - 1e-15)))
    else:
        singular = np.sqrt(squares[:size])  # no more than that many are not zero by construction
        wanted = max(1, int(np.sum(singular > hard_threshold(singular, len(gram), size))))
    rank = min(wanted, above, max_rank, max(1, len(gram) // PAIRS_PER_MODE))
    return np.sqrt(squares[:rank]), vectors[:, :rank]


def hard_threshold(singular: Array, rows: int, columns: int) -> float:
    """The optimal hard threshold for singular values in white noise of unknown level, omega(beta) median(singular).

    `singular` are all min(rows, columns) of them. Gavish & Donoho 2014, IEEE Trans. Inf. Theory 60, 5040, with their
    cubic for omega, right to 0.02.
    """
    beta = min(rows, columns) / max(rows, columns)
    return (0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43) * float(np.median(singular))


def _last_amplitudes(values: Complex, modes: Complex, coordinates: Array) -> Complex:
    """Amplitudes (r,) in the last increment, by least squares over all of them: sum_k |d(k) - sum_j b_j l_j^k phi_j|^2.

    Jovanovic, Schmid & Nichols 2014, Phys. Fluids 26, 024103. Powers count back from the last increment for growing
    modes and on from the first one for decaying ones, so that none overflows.
    """
    count = coordinates.shape[1]
    k = np.arange(count)
    growing = np.abs(values) > 1
    base = np.where(growing, 1.0 / np.where(growing, values, 1.0), values)[:, None]
    powers = base ** np.where(growing[:, None], count - 1 - k, k)
    system = (modes.conj().T @ modes) * (powers @ powers.conj().T).conj()
    right_side = np.einsum("jk,rk,rj->j", powers.conj(), coordinates, modes.conj())
    return np.linalg.lstsq(system, right_side, rcond=None)[0] * powers[:, -1]


# -- passes over a history -------------------------------------------------------------------------------------


def increment_grams(history: NDArray[Any], parts: Mapping[str, slice]) -> dict[str, Array]:
    """Inner products of all increments, (T-1, T-1) in float64, over each part of the vector.

    Parts that do not overlap cost one pass together; the Gram matrix of their union is the sum of theirs.
    """
    grams = {}
    for name, part in parts.items():
        gram = np.zeros((len(history) - 1, len(history) - 1))
        for piece in pieces(history, part):
            with np.errstate(over="ignore", invalid="ignore"):  # weights that diverged are refused by the caller
                increments = np.diff(history[:, piece].astype(np.float64), axis=0)
                gram += increments @ increments.T
        grams[name] = gram
    return grams


def pieces(history: NDArray[Any], part: slice) -> Iterator[slice]:
    """The part cut so that the increments of a piece fit into the cache."""
    length = max(64, CACHE // (8 * len(history)))
    start, stop, _ = part.indices(history.shape[1])
    for begin in range(start, stop, length):
        yield slice(begin, min(begin + length, stop))


def of_snapshots(coefficients: Array) -> Array:
    """Coefficients (k, T-1 or T-2) of increments as coefficients (k, T-1) of the snapshots w(0) .. w(T-2).

    Summation by parts, so that increments need not be formed again.
    """
    zero = np.zeros((len(coefficients), 1))
    return np.concatenate([zero, coefficients], 1) - np.concatenate([coefficients, zero], 1)


def displaced(history: NDArray[Any], coefficients: Array, part: slice = slice(None)) -> Array:
    """The last snapshot plus sums of the increments d(0) .. d(m-1), one for each row of coefficients (k, m); (k, size).

    The second and last pass over the history.
    """
    weights = of_snapshots(coefficients)
    used = weights.shape[1]
    start, stop, _ = part.indices(history.shape[1])
    moved = np.empty((len(weights), stop - start))
    for piece in pieces(history, part):
        chunk = history[:, piece].astype(np.float64)
        moved[:, piece.start - start : piece.stop - start] = chunk[-1] + weights @ chunk[:used]
    return moved
