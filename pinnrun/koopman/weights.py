"""Weights to come, extrapolated from those that were: what "the operator instead of the optimizer" amounts to.

Four rules, each a linear combination of the snapshots w(0) .. w(T-1):

    modes     w(T-1) + sum_j b_j (lambda_j + .. + lambda_j^k) phi_j, dynamic modes of the increments (`modes.Modes`),
              |lambda| clipped to 1
    layers    the same, layer by layer (Tano, Portwood & Ragusa 2020, arXiv 2006.14371; Dogra & Redman 2020 go down to
              single nodes)
    velocity  w(T-1) + k v with v the least-squares slope of the weights: one mode, eigenvalue 1
    exact     (Y X^+)^k w(T-1), X = [w(0) .. w(T-2)], Y = [w(1) .. w(T-1)]: exact DMD of the weights themselves, all
              directions, nothing clipped (Dogra & Redman 2020, arXiv 2006.02361, who take it node by node)

All of them are good for a few per cent of the steps made and for none of them can the loss be told without evaluating
it: what they miss lies off the solution manifold, where second derivatives square it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnrun.koopman.curve import Array
from pinnrun.koopman.modes import NOISE, decompose, displaced, increment_grams, pieces
from pinnrun.koopman.spectrum import checked

WeightRule = Literal["modes", "layers", "velocity", "exact"]
RULES: tuple[WeightRule, ...] = ("modes", "layers", "velocity", "exact")


def forecast_weights(
    weights: ArrayLike,
    intervals: Sequence[int],
    rule: WeightRule = "modes",
    *,
    layers: Mapping[str, slice] | None = None,
    **rank: Any,
) -> Array:
    """The weights so many snapshot intervals after the last one, (k, P).

    Args:
        weights: (T >= 4, P) equally spaced snapshots.
        intervals: (k,) how far ahead, >= 0.
        rule: see above.
        layers: where each layer lies, for the rule "layers"; None: the network is one layer.
        rank: `energy`, `max_rank` and `cut` of `modes.decompose`, for "modes" and "layers".

    Raises:
        ValueError: fewer than four snapshots, weights that are not finite, or an interval in the past.
    """
    history = checked(weights)
    ahead = np.asarray(intervals)
    if np.any(ahead < 0):
        raise ValueError(f"weights can be forecast from the last snapshot on, not {ahead.min()} intervals ahead")
    if rule == "velocity":
        return _combined(history, _velocity_coefficients(len(history), ahead))
    if rule == "exact":
        return _combined(history, _exact_coefficients(history, ahead))
    parts = layers if rule == "layers" and layers else {"": slice(None)}
    moved = np.empty((len(ahead), history.shape[1]))
    for name, gram in increment_grams(history, parts).items():
        if not np.isfinite(gram).all():
            raise ValueError("the weights are not all finite, or too large to be squared")
        size = len(range(*parts[name].indices(history.shape[1])))
        modes = decompose(gram, size, **rank)
        moved[:, parts[name]] = displaced(history, modes.ahead(ahead), parts[name])
    return moved


def slope_coefficients(count: int) -> Array:
    """The a (T,) for which sum_k a_k w(k) is the least-squares slope of w per interval.

    a_k = (k - mean k) / sum (k - mean k)^2 with mean k = (T-1)/2. The a_k sum to zero, so that the slope does not
    depend on where the origin of the weights lies; with T/2 in the place of (T-1)/2 they would not, and every
    extrapolation would pull the weights towards zero.
    """
    centred = np.arange(count) - (count - 1) / 2
    return centred / (centred @ centred)


def _velocity_coefficients(count: int, ahead: NDArray[Any]) -> Array:
    coefficients = np.outer(ahead, slope_coefficients(count))
    coefficients[:, -1] += 1.0
    return coefficients


def _exact_coefficients(history: NDArray[Any], ahead: NDArray[Any]) -> Array:
    """(Y X^+)^k w(T-1) = Y (X^+ Y)^(k-1) X^+ w(T-1), (k, T), from the inner products of the snapshots themselves."""
    count = len(history)
    gram = np.zeros((count, count))
    for piece in pieces(history, slice(None)):
        chunk = history[:, piece].astype(np.float64)
        gram += chunk @ chunk.T
    if not np.isfinite(gram).all():
        raise ValueError("the weights are not all finite, or too large to be squared")
    squares, right = np.linalg.eigh(gram[:-1, :-1])
    kept = squares > NOISE * squares[-1]
    basis = right[:, kept] / np.sqrt(squares[kept])
    coordinates = basis.T @ gram[:-1]  # X^+ = basis basis^T X^T
    step = coordinates[:, 1:] @ basis
    coefficients = np.zeros((len(ahead), count))
    with np.errstate(over="ignore", invalid="ignore"):  # unclipped, it may grow beyond all numbers
        for row, k in zip(coefficients, ahead.tolist(), strict=True):
            if k == 0:
                row[-1] = 1.0
            else:
                row[1:] = basis @ (np.linalg.matrix_power(step, k - 1) @ coordinates[:, -1])
    return coefficients


def _combined(history: NDArray[Any], coefficients: Array) -> Array:
    """Linear combinations of the snapshots, (k, P)."""
    moved = np.empty((len(coefficients), history.shape[1]))
    for piece in pieces(history, slice(None)):
        with np.errstate(over="ignore", invalid="ignore"):
            moved[:, piece] = coefficients @ history[:, piece].astype(np.float64)
    return moved


def layer_slices(layout: Sequence[tuple[str, tuple[int, ...]]]) -> dict[str, slice]:
    """Where each layer lies in the flat weights, from names such as hidden1.weight and shapes, in their order."""
    layers: dict[str, slice] = {}
    start = 0
    for name, shape in layout:
        layer = name.rpartition(".")[0] or name
        stop = start + int(np.prod(shape))
        if layer in layers and layers[layer].stop != start:
            layer = name  # a latecomer of a layer that lies elsewhere
        layers[layer] = slice(layers[layer].start if layer in layers else start, stop)
        start = stop
    return layers
