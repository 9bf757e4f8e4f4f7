"""Dynamic mode decomposition of a scalar series in delay coordinates (Hankel-DMD).

With h(k) = (s(k), .., s(k+d-1)), X = [h(0) .. h(m-1)] and Y = [h(1) .. h(m)], both (d, m), and the truncated singular
value decomposition X = U S V^T,

    A~ = U^T Y V S^-1,    A~ w = lambda w    (Schmid 2010, J. Fluid Mech. 656, 5; in delay coordinates: Arbabi & Mezic
                                              2017, SIAM J. Appl. Dyn. Syst. 16, 2096)

and the series goes on as s(last + k) = sum_j c_j lambda_j^k. The rank is that of optimal hard thresholding with unknown
noise: singular values above omega(beta) times their median, beta = d/m <= 1 (Gavish & Donoho 2014, IEEE Trans. Inf.
Theory 60, 5040, eq. 5 for omega).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pinnrun.koopman.curve import Array

Complex = NDArray[np.complex128]

ROUNDING = 1e-8  # of the largest singular value, below which one is rounding


class DelayModes(NamedTuple):
    """s(last + k) = Re sum_j coefficients[j] eigenvalues[j]^k, both (r,)."""

    eigenvalues: Complex
    coefficients: Complex

    def ahead(self, k: Array) -> Array:
        """The series at `k` (m,) samples after its last one; not only whole ones."""
        powers = np.where(self.eigenvalues == 0, 1e-300, self.eigenvalues)[:, None] ** k
        return (self.coefficients @ powers).real


def delay_modes(series: Array, delays: int, max_rank: int) -> DelayModes:
    """The modes of `series` (n,), n >= 4, with as many `delays` as fit into half of it."""
    depth = max(1, min(delays, len(series) // 2))
    hankel = np.lib.stride_tricks.sliding_window_view(series, depth).T
    left, singular, right = np.linalg.svd(hankel[:, :-1], full_matrices=False)
    if singular[0] == 0.0:
        return DelayModes(np.zeros(0, complex), np.zeros(0, complex))
    rank = min(optimal_rank(singular, hankel.shape[0] / (hankel.shape[1] - 1)), max_rank)
    left, singular, right = left[:, :rank], singular[:rank], right[:rank]
    values, modes = np.linalg.eig(left.T @ hankel[:, 1:] @ right.T / singular)
    values, modes = values.astype(np.complex128), modes.astype(np.complex128)
    shares = np.linalg.lstsq(modes, (left.T @ hankel[:, -1]).astype(np.complex128), rcond=None)[0]
    return DelayModes(values, (left[-1] @ modes) * shares)


def optimal_rank(singular: Array, beta: float) -> int:
    """How many of the `singular` values (k,), largest first, of a noisy d x m matrix are signal; at least one."""
    beta = min(beta, 1.0 / beta)
    omega = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43
    bound = max(omega * float(np.median(singular)), ROUNDING * float(singular[0]))
    return max(1, int(np.sum(singular > bound)))
