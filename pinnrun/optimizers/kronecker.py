"""Kronecker factors of a linearization, layer by layer, and the inverse of a sum of two Kronecker products.

A layer [W b] with inputs Z (a 1 appended on value channels, a 0 on derivative channels, for the bias) and
∂r_n/∂Y = G has in JᵀJ the block Σ_n Σ_st Z_sn Z_tnᵀ ⊗ G_sn G_tnᵀ. K-FAC for physics-informed networks keeps of it

    A ⊗ B,      A = 1/(NS) Σ_ns Z_sn Z_snᵀ,      B = Σ_ns G_sn G_snᵀ

with s over the S jet channels (at all places); the 1/N of the paper's B is in the scaling of the rows (Dangel, Müller
& Zeinhofer, NeurIPS 2024, arXiv 2405.15603). Several products become one by their partial traces, which keep the
trace of the sum and are exact where all A, or all B, are alike:

    Σ A_t ⊗ B_t  ≈  (Σ tr(B_t) A_t) ⊗ (Σ tr(A_t) B_t) / Σ tr(A_t) tr(B_t)

So do those of a layer that is used several times, as in the stages of a Runge-Kutta step: what its uses have in common
is left out, as K-FAC-expand does (Eschenhagen et al., NeurIPS 2023, arXiv 2311.00636). A scalar parameter is a layer
with the input 1, and its block is exact: A = 1, B = Σ_n (∂r_n/∂a)².

The inverse of A ⊗ B + C ⊗ D is exact: a congruence V takes A to the diagonal M and A + C to the identity, hence C to
I − M; another one, U, does so for B and D (all factors first divided by their traces). The pencil (A, A + C) is better
conditioned than the paper's (A, C), which lost every digit in a trial with condition numbers of 1e10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective
from pinnrun.calculus.linearization import FactoredLinearization, LayerFactors
from pinnrun.errors import UserError


class Pair(NamedTuple):
    """A ``(in, in)`` and B ``(out, out)`` of A ⊗ B; with a bias, ``in`` counts it as the last input."""

    a: Tensor
    b: Tensor


@dataclass(frozen=True)
class LayerPlace:
    """Where a layer's matrix [W b] ``(out, in)`` lies in θ."""

    weight: slice
    bias: slice | None

    def read(self, v: Tensor, outputs: int) -> Tensor:
        """The matrix out of a vector ``(P,)``."""
        matrix = v[self.weight].view(outputs, -1)
        return matrix if self.bias is None else torch.cat([matrix, v[self.bias][:, None]], dim=1)

    def write(self, v: Tensor, matrix: Tensor) -> None:
        """The matrix into a vector ``(P,)``."""
        if self.bias is not None:
            v[self.bias] = matrix[:, -1]
            matrix = matrix[:, :-1]
        v[self.weight] = matrix.flatten()


def layer_pair(layer: LayerFactors) -> Pair:
    """A and B of one layer as one block of rows sees it."""
    z, g = layer.z.flatten(0, 1), layer.g.flatten(0, 1)
    inputs = z.shape[1]
    a = z.new_empty((inputs + (layer.bias is not None),) * 2)
    torch.mm(z.T, z, out=a[:inputs, :inputs])
    if layer.bias is not None:
        a[inputs, :inputs] = a[:inputs, inputs] = layer.z[: layer.places].sum((0, 1))
        a[inputs, inputs] = layer.places * layer.z.shape[1]
    return Pair(a / z.shape[0], g.T @ g)


def combine(pairs: Sequence[Pair]) -> Pair:
    """One product for a sum of products, by partial traces; B is scaled so that A stays a mean over samples."""
    if len(pairs) == 1:
        return pairs[0]
    a, b = (torch.stack(part) for part in zip(*pairs, strict=True))
    smallest = torch.finfo(a.dtype).tiny
    of_a, of_b = (part.diagonal(dim1=-2, dim2=-1).sum(-1) for part in (a, b))
    total = of_b.sum()  # zero behind a gate that is shut
    weight = torch.where(total > 0, of_b / total.clamp(min=smallest), torch.full_like(of_b, 1.0 / len(of_b)))
    mean = torch.einsum("t,tij->ij", weight, a)
    share = of_a / (weight * of_a).sum().clamp(min=smallest)
    return Pair(mean, torch.einsum("t,tij->ij", share, b))


class KroneckerInverse:
    """The inverse of A ⊗ B, or of A ⊗ B + C ⊗ D, all factors positive semidefinite and damped."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        if len(pairs) == 1:
            (pair,) = pairs
            (of_a, self._right), (of_b, self._left) = (_eigen(factor) for factor in pair)
            self._denominator = of_b[:, None] * of_a
            return
        first, second = pairs
        (m, self._right), (n, self._left) = (_diagonalise(*both) for both in zip(first, second, strict=True))
        scales = [pair.a.trace() * pair.b.trace() for pair in pairs]
        self._denominator = scales[0] * n[:, None] * m + scales[1] * (1.0 - n)[:, None] * (1.0 - m)

    def apply(self, x: Tensor) -> Tensor:
        """The X ``(out, in)`` for which B X A (+ D X C) is ``x``."""
        inside = self._left.T @ x @ self._right / self._denominator
        return self._left @ inside @ self._right.T


def _eigen(a: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, above rounding, and eigenvectors of a positive definite matrix."""
    values, vectors = torch.linalg.eigh(a)
    return values.clamp(min=torch.finfo(a.dtype).eps * values[-1]), vectors


def _diagonalise(a: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The diagonal of M, and V with Vᵀ(a + c)V = I and VᵀaV = M, for both divided by their traces."""
    a, c = a / a.trace(), c / c.trace()
    values, vectors = _eigen(a + c)
    whitened = vectors / values.sqrt()
    m, rotation = torch.linalg.eigh(whitened.T @ a @ whitened)
    return m.clamp(0.0, 1.0), whitened @ rotation


# -- a whole linearization ------------------------------------------------------------------------------------


def require_factors(linear: Linearization, who: str) -> FactoredLinearization:
    """The linearization, if it has factors.

    Raises:
        UserError: it has none; ``who`` names the config key that asked for them.
    """
    if isinstance(linear, FactoredLinearization):
        return linear
    raise UserError(
        f"{who} needs the factors of every linear layer, which this objective does not have:\n"
        "its network offers no jets, or it is a quotient. Use optimizer=cg with preconditioner nystrom, lm or lbfgs."
    )


def term_groups(objective: Objective, linear: FactoredLinearization) -> list[list[int]]:
    """The blocks of the linearization that share a Kronecker pair, one group or two.

    One group a term where there are no more than two; else the terms that take derivatives and those of values alone,
    or, where there are not both kinds, the first term and all others.
    """
    terms: list[list[int]] = []
    first = 0
    for term, *_ in objective.blocks:
        terms.append(list(range(first, first + term.rows)))
        first += term.rows
    if len(terms) == 1:
        return terms
    operators, values = [], []
    for blocks in terms:
        layers = linear.blocks[blocks[0]][1]
        (operators if any(layer.z.shape[0] > layer.places for layer in layers) else values).extend(blocks)
    return [operators, values] if values and operators else [terms[0], [i for blocks in terms[1:] for i in blocks]]


def group_pairs(linear: FactoredLinearization, group: Sequence[int]) -> dict[int, Pair]:
    """The pair of every layer over some blocks, by where the layer's weight begins in θ."""
    found: dict[int, list[Pair]] = {}
    for index in group:
        for layer in linear.blocks[index][1]:
            found.setdefault(layer.weight.start, []).append(layer_pair(layer))
    return {key: combine(pairs) for key, pairs in found.items()}


def layer_places(linear: FactoredLinearization) -> dict[int, LayerPlace]:
    """Where every layer lies in θ, by where its weight begins."""
    layers = [layer for _, layers in linear.blocks for layer in layers]
    return {layer.weight.start: LayerPlace(layer.weight, layer.bias) for layer in layers}


def damp(pair: Pair, damping: float, split: str) -> Pair:
    """(A + λI, B + λI), or √λ on either with the ratio π of their mean traces: (A + π√λ I, B + √λ/π I)."""
    on_a = on_b = torch.full_like(pair.a[0, 0], damping)
    if split == "trace":
        smallest = torch.finfo(pair.a.dtype).tiny
        ratio = (pair.a.diagonal().mean() / pair.b.diagonal().mean().clamp(min=smallest)).sqrt()
        on_a, on_b = damping**0.5 * ratio, damping**0.5 / ratio
    damped = []
    for factor, amount in zip(pair, (on_a, on_b), strict=True):
        factor = factor.clone()
        factor.diagonal().add_(amount)
        damped.append(factor)
    return Pair(*damped)


def metric_inverse(
    pairs: Sequence[dict[int, Pair]], places: dict[int, LayerPlace], damping: float, split: str
) -> Callable[[Tensor], Tensor]:
    """The map v ↦ Ĝ⁻¹v on vectors ``(P,)``, Ĝ the block-diagonal metric of all layers' damped pairs."""
    blocks = []
    for key, place in places.items():
        damped = [damp(part[key], damping, split) for part in pairs if key in part]
        blocks.append((place, damped[0].b.shape[0], KroneckerInverse(damped)))

    def apply(v: Tensor) -> Tensor:
        out = torch.zeros_like(v)
        for place, outputs, inverse in blocks:
            place.write(out, inverse.apply(place.read(v, outputs)))
        return out

    return apply
