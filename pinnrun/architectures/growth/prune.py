"""Fewer neurons for the same function: pruning by interpolative decomposition.

Chee, Renz, Damle & De Sa ("Model preserving compression for neural networks", NeurIPS 2022): of the values H that a
layer's W neurons show at the points, ``(K, W)``, those w columns are kept that the others are best made of,

    H ≈ H_S T + 1 cᵀ,        V' = V Tᵀ,        b' = b + V c,

and whatever reads the layer has the neurons that go put into the weights of those that stay. S are the first w pivots
of a QR factorisation with column pivoting (Golub 1965, Numer. Math. 7, 206) of H, its mean taken out and every column
multiplied by the norm of the weights that read it: a neuron that nobody hears is no loss. T and c are by least squares,
for each reader at the points it sees. Where a reader cannot take up c, since it adds no bias, T does it alone.

What was superfluous goes without a trace: where neurons were there twice, or not heard, the function is the same after.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from pinnrun.architectures.growth.base import Growth, Probe, signals
from pinnrun.architectures.growth.neurons import grown_axes
from pinnrun.architectures.network import Network


def prune(old: Network, theta: Tensor, new: Network, generator: torch.Generator, probe: Probe | None) -> Growth:
    """The narrower network ``new``, as near to ``old`` as its neurons can be brought.

    It starts afresh where the objective does not show what the layers make of the points.
    """
    shown = signals(old, probe(old, theta)) if probe else {}
    axes = grown_axes(new, old)
    readers = {name: layers[1] for name, layers in axes.items() if len(layers) == 2 and layers[1] is not None}
    if not readers.keys() <= shown.keys():
        return Growth(new, new.initial(generator).to(theta), None)
    values = {name: _array(shown[name]) for name in readers}
    parts = {name: _array(part) for name, part in old.layout.split(theta).items()}
    kept = {
        layer: pivots([(values[name], parts[name]) for name, read in readers.items() if read == layer], new.width)
        for layer in set(readers.values())
    }
    for name, layer in readers.items():
        bias = f"{name.removesuffix('weight')}bias" if name.endswith(".weight") else ""
        t, c = interpolation(values[name], kept[layer], constant=bias in parts)
        if bias in parts:
            parts[bias] = parts[bias] + parts[name] @ c
        parts[name] = parts[name] @ t.T
    smaller = theta.new_empty(new.size)
    for name, place in new.layout.split(smaller).items():
        own = axes[name][0]
        place.copy_(torch.as_tensor(parts[name] if own is None else parts[name][kept[own]]))
    return Growth(new, smaller, None)


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()


def pivots(readers: list[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """The neurons of a layer that stay, ``(count,)``, in their order.

    Args:
        readers: for each part that reads the layer the values that it sees ``(K, W)``, and its weights ``(m, W)``.
        count: how many stay.
    """
    heard = np.concatenate([(h - h.mean(0)) * np.linalg.norm(v, axis=0) for h, v in readers])
    order = scipy.linalg.qr(heard, mode="r", pivoting=True)[-1]
    return np.sort(order[:count])


def interpolation(h: np.ndarray, kept: np.ndarray, *, constant: bool) -> tuple[np.ndarray, np.ndarray]:
    """T ``(w, W)`` and c ``(W,)`` by which the kept columns of ``h`` give all; c is zero without ``constant``."""
    basis = np.column_stack([h[:, kept], np.ones(len(h))]) if constant else h[:, kept]
    solved = np.linalg.lstsq(basis, h, rcond=None)[0]
    return (solved[:-1], solved[-1]) if constant else (solved, np.zeros(h.shape[1]))
