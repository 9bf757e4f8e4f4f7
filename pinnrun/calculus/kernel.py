"""JJᵀ from the factors of J, block by block and layer by layer, each in the cheaper of two ways.

With a layer's J_a[n] = Σ_s G_a[s, n] ⊗ Z_a[s, n] on the rows of two blocks a and b, its part of JJᵀ is

    rows    J_a J_bᵀ                                     2 in out N_a N_b operations, and J_a and J_b to be formed
    pairs   Σ_st (G_a[s] G_b[t]ᵀ) ∘ (Z_a[s] Z_b[t]ᵀ)     2 S_a S_b (in + out) N_a N_b operations, and nothing formed

The second is the neural tangent kernel as a product of two Gram matrices (Novak, Sohl-Dickstein & Schoenholz, ICML
2022, arXiv 2206.08720). Values have one channel, S = 1, so that rows which fit data or a boundary cost (in + out)
instead of in·out; an equation has d + 2, and gains only where the layer is wider than S² or so. A block with itself has
a symmetric part, of which either way computes half.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from pinnrun.calculus.factors import LayerFactors
from pinnrun.calculus.gram import gram

Block = tuple[Tensor, list[LayerFactors]]
FORMING = 4.0  # what an entry of J costs to form, in multiplications and additions of a large product


def factored_kernel(blocks: Sequence[Block]) -> Tensor:
    """JJᵀ, ``(N, N)``, of blocks (rows ``(N_a,)``, factors of their layers)."""
    first = blocks[0][0]
    starts = [0]
    for r, _ in blocks:
        starts.append(starts[-1] + r.shape[0])
    out = first.new_empty((starts[-1], starts[-1]))
    formed: dict[int, Tensor] = {}  # the rows of J that have been needed, by the identity of their factors
    for i, (_, upper) in enumerate(blocks):
        for j, (_, lower) in enumerate(blocks[: i + 1]):
            part = sum_of_layers(upper, lower, formed)
            rows, columns = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
            out[rows, columns] = part
            if i != j:
                out[columns, rows] = part.T
    return out


def sum_of_layers(upper: Sequence[LayerFactors], lower: Sequence[LayerFactors], formed: dict[int, Tensor]) -> Tensor:
    """J_a J_bᵀ, ``(N_a, N_b)``, over all layers of two blocks."""
    total = upper[0].g_bias.new_zeros((upper[0].g.shape[1], lower[0].g.shape[1]))
    for a, b in zip(upper, lower, strict=True):
        if pairs_are_cheaper(a, b, formed):
            add_pairs(total, a, b)
        elif a is b:
            total += gram(rows_of(a, formed).T)
        else:
            total += rows_of(a, formed) @ rows_of(b, formed).T
        if a.bias is not None:
            total.addmm_(a.g_bias, b.g_bias.T)
    return total


def pairs_are_cheaper(a: LayerFactors, b: LayerFactors, formed: dict[int, Tensor]) -> bool:
    """Whether the sum over channel pairs takes fewer operations than the product of rows, forming them included."""
    (channels_a, rows_a, out), (channels_b, rows_b, _) = a.g.shape, b.g.shape
    width = a.z.shape[-1]
    pairs = channels_a * channels_b * (width + out + 1.0) * rows_a * rows_b
    forming = sum(
        FORMING * channels * rows
        for factors, channels, rows in ((a, channels_a, rows_a), (b, channels_b, rows_b))
        if id(factors) not in formed
    )
    return pairs < width * out * (rows_a * rows_b + forming)


def add_pairs(total: Tensor, a: LayerFactors, b: LayerFactors) -> None:
    """Add Σ_st (G_a[s] G_b[t]ᵀ) ∘ (Z_a[s] Z_b[t]ᵀ); of a block with itself t, s is the transpose of s, t."""
    for s, (g_a, z_a) in enumerate(zip(a.g, a.z, strict=True)):
        for t, (g_b, z_b) in enumerate(zip(b.g, b.z, strict=True)):
            if a is not b or s == t:
                total.addcmul_(g_a @ g_b.T, z_a @ z_b.T)
            elif t < s:
                both = (g_a @ g_b.T).mul_(z_a @ z_b.T)
                total.add_(both).add_(both.T)


def rows_of(layer: LayerFactors, formed: dict[int, Tensor]) -> Tensor:
    """The layer's part of J, ``(N, out·in)``, formed once."""
    if id(layer) not in formed:
        g, z = layer.g.permute(1, 2, 0), layer.z.transpose(0, 1)  # (N, out, S), (N, S, in)
        formed[id(layer)] = torch.bmm(g, z).flatten(1)
    return formed[id(layer)]


def are_disjoint(layers: Sequence[LayerFactors]) -> bool:
    """Whether no parameter belongs to two layers, as it does where weights are shared: only then do layers add up."""
    places = sorted((part.start, part.stop) for layer in layers for part in (layer.weight, layer.bias) if part)
    return all(stop <= start for (_, stop), (start, _) in pairwise(places))
