"""Koopman eigenvalues of a trajectory, by dynamic mode decomposition of its delay embedding.

The recipe of Redman et al., "Identifying Equivalent Training Dynamics" (NeurIPS 2024, arXiv 2302.09160, section 3):
samples w(0) .. w(T-1) of the weights, or of any other observable, are stacked with the d that follow each,

    h(t) = [w(t), w(t+1), .., w(t+d)],        X = [h(0) .. h(m-1)],   Y = [h(1) .. h(m)],   m = T - d - 1

and with the singular value decomposition X = U S V^T truncated to its k leading triples,

    A~ = U^T Y V S^-1        (Schmid 2010, J. Fluid Mech. 656, 5)

has the eigenvalues that are compared. They do not know in which coordinates w was given: an invertible linear change
of w leaves them where the k triples hold all of X, and an orthogonal one (of which a permutation of neurons is one)
always does. So networks of any two sizes can be compared.

The P weights themselves are not needed, only their inner products. X^T = Q R gives coordinates R (at most T of them)
in an orthonormal basis of all samples, without loss and without squaring as a Gram matrix would; the delayed copies
share that basis, so DMD of the embedded R is DMD of the embedded w. No random projection is made.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from pinnrun.koopman.curve import Array

CHUNK = 65536  # weights taken at once, so that float32 samples are never held in float64 as a whole
Complex = NDArray[np.complex128]


def delay_eigenvalues(samples: ArrayLike, *, delays: int, rank: int) -> Complex:
    """The eigenvalues of A~, per sampling interval, by falling modulus: `rank` of them, fewer where X has fewer.

    Args:
        samples: (T, P) float32 or float64, equally spaced; T >= delays + 1 + rank.
        delays: d >= 0.
        rank: k >= 1.

    Raises:
        ValueError: too few samples, samples that are not finite, or an argument outside its range.
    """
    samples = np.asarray(samples)
    if delays < 0 or rank < 1:
        raise ValueError(f"delays {delays} or rank {rank} is out of its range")
    if samples.ndim != 2 or len(samples) < fewest_samples(delays, rank):
        need = fewest_samples(delays, rank)
        raise ValueError(f"{delays} delays and rank {rank} need samples of shape (T >= {need}, P), not {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValueError("the samples are not all finite")
    embedded = embed(coordinates(samples), delays)
    before, after = embedded[:-1].T, embedded[1:].T  # X, Y
    left, singular, right = np.linalg.svd(before, full_matrices=False)
    above = int(np.sum(singular > max(before.shape) * np.finfo(float).eps * singular[0]))
    kept = min(rank, above)
    reduced = left[:, :kept].T @ after @ right[:kept].T / singular[:kept]
    values = np.linalg.eigvals(reduced).astype(np.complex128)
    return values[np.lexsort((-values.imag, -values.real, -np.abs(values).round(12)))]


def fewest_samples(delays: int, rank: int) -> int:
    """T for which X has as many columns as eigenvalues are asked for."""
    return delays + 1 + rank


def coordinates(samples: NDArray) -> Array:
    """The samples (T, P) in an orthonormal basis of their span, (T, min(T, P)), by a QR decomposition in chunks."""
    factor = np.zeros((0, len(samples)))
    for start in range(0, samples.shape[1], CHUNK):
        chunk = samples[:, start : start + CHUNK].astype(np.float64)
        factor = np.asarray(np.linalg.qr(np.vstack([factor, chunk.T]), mode="r"))
    return factor.T


def embed(samples: Array, delays: int) -> Array:
    """h(0) .. h(T-1-d) as rows, (T - d, (d + 1) P); the order within a row is the same for all."""
    windows = sliding_window_view(samples, delays + 1, axis=0)
    return windows.reshape(len(windows), -1)
