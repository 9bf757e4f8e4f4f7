"""The Wasserstein distance between two sets of eigenvalues, and how much of it a mere relabelling explains.

    W1(a, b) = min sum_ij F_ij |a_i - b_j|,    F >= 0,   sum_j F_ij = p_i,   sum_i F_ij = q_j

on the complex plane, with equal weights p = 1/n and q = 1/m unless others are given. For n = m and equal weights a
permutation is optimal (Birkhoff), found as an assignment: the mean |a_i - b_pi(i)| of Redman et al. (NeurIPS 2024,
arXiv 2302.09160). Any other case is solved as the linear program that it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import eye_array, kron, vstack

from pinnrun.koopman.curve import Array

ROUNDING = 1e-12  # of a distance, within which two count as equal


def wasserstein(
    one: ArrayLike, other: ArrayLike, weights: ArrayLike | None = None, other_weights: ArrayLike | None = None
) -> float:
    """W1 between the points `one` (n,) and `other` (m,) of the complex plane; weights are scaled to sum to 1.

    Raises:
        ValueError: a set is empty, or weights are negative, all zero, or not as many as points.
    """
    a, b = np.asarray(one, dtype=complex), np.asarray(other, dtype=complex)
    if a.ndim != 1 or b.ndim != 1 or not len(a) or not len(b):
        raise ValueError(f"a distance needs two sets of points, not of shapes {a.shape} and {b.shape}")
    costs = np.abs(a[:, None] - b[None, :])
    if weights is None and other_weights is None and len(a) == len(b):
        return float(costs[linear_sum_assignment(costs)].mean())
    supply, demand = _shares(weights, len(a)), _shares(other_weights, len(b))
    rows = kron(eye_array(len(a)), np.ones((1, len(b))))  # sum_j F_ij
    columns = kron(np.ones((1, len(a))), eye_array(len(b)))  # sum_i F_ij
    solved = linprog(costs.ravel(), A_eq=vstack([rows, columns]), b_eq=np.concatenate([supply, demand]))
    return max(float(solved.fun), 0.0)


def shuffle_control(one: ArrayLike, other: ArrayLike, *, shuffles: int, generator: np.random.Generator) -> float:
    """Share of random relabellings that leave two sets (n,) at least as far apart as they are, in [0, 1].

    The randomised shuffle control of Redman et al.: every pair of the optimal assignment changes sides by the toss of a
    coin, and the distance is taken anew. Sets drawn from one spectrum do not mind; where the share is small, a
    distance as large as theirs takes two spectra that are apart as wholes.

    Raises:
        ValueError: the sets are not of one size, which pairing asks for.
    """
    a, b = np.asarray(one, dtype=complex), np.asarray(other, dtype=complex)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"a shuffle control needs two sets of one size, not of shapes {a.shape} and {b.shape}")
    size = len(a)
    b = b[linear_sum_assignment(np.abs(a[:, None] - b[None, :]))[1]]  # b_i is paired with a_i
    points = np.concatenate([a, b])
    costs = np.abs(points[:, None] - points[None, :])
    paired = np.arange(size)
    apart = costs[paired, size + paired].mean()
    as_far = 0
    for crossed in generator.random((shuffles, size)) > 0.5:
        mine, theirs = paired + size * crossed, paired + size * ~crossed
        shuffled = costs[np.ix_(mine, theirs)]
        as_far += shuffled[linear_sum_assignment(shuffled)].mean() >= apart * (1.0 - ROUNDING)
    return as_far / shuffles


def _shares(weights: ArrayLike | None, count: int) -> Array:
    """Weights that sum to 1."""
    if weights is None:
        return np.full(count, 1.0 / count)
    shares = np.asarray(weights, dtype=float)
    if shares.shape != (count,) or not (shares >= 0).all() or not 0 < shares.sum() < np.inf:
        raise ValueError(f"{count} points need as many weights, none negative and not all zero")
    return shares / shares.sum()
