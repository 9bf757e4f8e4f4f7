"""The exact linearization of a residual: r and J, with J kept as Kronecker-like factors until it is asked for.

A network is a chain of linear layers Y_l = Z_l W_lᵀ + b_l with pointwise maps between them. Row n of the
residual depends on sample n alone, so one reverse pass of Σ_n r_n with respect to the pre-activation jets
Y_l gives every G_l[s, n] = ∂r_n/∂Y_l[s, n] at once, and

    ∂r_n/∂W_l = Σ_s G_l[s, n] ⊗ Z_l[s, n]          ∂r_n/∂b_l = G_l[0, n]

with s running over the jet channels (Dangel, Müller & Zeinhofer, NeurIPS 2024, eq. 9, arXiv 2405.15603). A scalar
parameter a with Y = a Z (a trainable slope, a residual gate) has one number a row, ∂r_n/∂a = Σ_s G[s, n]·Z[s, n]. What
is used several times, as in the stages of a Runge-Kutta step, is recorded once a use; its parts of J add up.
Everything an optimizer wants of J (products, JᵀJ, JJᵀ, J itself) follows from (Z_l, G_l) by matrix products.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from pinnrun.calculus.factors import LayerFactors
from pinnrun.calculus.gram import gram
from pinnrun.calculus.kernel import are_disjoint, factored_kernel, rows_of


class Use(NamedTuple):
    """One use of parameters in a forward pass: Y = Z Wᵀ (+ b on the value channel), or Y = a Z where ``scalar``."""

    weight: slice
    bias: slice | None
    z: Tensor
    y: Tensor
    scalar: bool = False


@dataclass
class Tape:
    """Records what parameters do in a forward pass, use by use, so that they can be differentiated by row."""

    entries: list[Use] = field(default_factory=list)

    def record(self, weight: slice, bias: slice | None, z: Tensor, y: Tensor) -> None:
        """Note Y = Z Wᵀ (+ b on the value channel); the slices say where W and b lie in θ."""
        self.note(Use(weight, bias, z, y))

    def record_scale(self, part: slice, z: Tensor, y: Tensor) -> None:
        """Note Y = a Z with the one number a = θ[part]."""
        self.note(Use(part, None, z, y, scalar=True))

    def note(self, use: Use) -> None:
        """Take the use up, as a leaf that autograd follows if nothing before it is one."""
        if not use.y.requires_grad:  # the first layer: from here on autograd follows the pre-activations, never θ
            use.y.requires_grad_(True)
        self.entries.append(use)


class Linearization(ABC):
    """An objective at one θ: value ½‖r‖², rows r ``(N,)``, and the action of J = ∂r/∂θ ``(N, P)``.

    An energy has loads beside its squares: then ``load`` is taken off the value, and its gradient off Jᵀr.
    """

    r: Tensor
    load: Tensor | None = None
    load_gradient: Tensor | None = None

    @cached_property
    def gradient(self) -> Tensor:
        """∇L, ``(P,)``: Jᵀr, less the gradient of the load."""
        gradient = self.rmv(self.r)
        return gradient if self.load_gradient is None else gradient - self.load_gradient

    @property
    def is_least_squares(self) -> bool:
        """Whether the value is ½‖r‖² and the gradient Jᵀr, so that a method may solve for r by row."""
        return self.load_gradient is None

    @property
    def value(self) -> Tensor:
        """½‖r‖², less the load."""
        value = 0.5 * self.r.dot(self.r)
        return value if self.load is None else value - self.load

    @abstractmethod
    def J(self) -> Tensor:
        """The dense Jacobian, ``(N, P)``."""

    def mv(self, v: Tensor) -> Tensor:
        """J v, ``(N,)``."""
        return self.J() @ v

    def rmv(self, y: Tensor) -> Tensor:
        """The product Jᵀ y, ``(P,)``; the gradient for y = r."""
        return self.J().T @ y

    def mv_by_column(self, v: Tensor, weight: slice, columns: int) -> Tensor:
        """J v for a v within one weight matrix, apart for each of the matrix's columns, ``(N, columns)``."""
        block = self.J()[:, weight].unflatten(1, (-1, columns))
        return torch.einsum("noi,oi->ni", block, v[weight].view(-1, columns))

    def signals(self) -> dict[int, Tensor]:
        """The values that each weight matrix is applied to, ``(K, in)``, by its place in θ; none without factors."""
        return {}

    def gram(self) -> Tensor:
        """JᵀJ, ``(P, P)``."""
        return gram(self.J())

    def gram_diagonal(self) -> Tensor:
        """The diagonal of JᵀJ, ``(P,)``."""
        return self.J().square().sum(0)

    def kernel(self) -> Tensor:
        """JJᵀ, ``(N, N)``."""
        return gram(self.J().T)


class DenseLinearization(Linearization):
    """r and a Jacobian that is there already (the fallback, and the oracle of the tests)."""

    def __init__(self, r: Tensor, jacobian: Tensor) -> None:
        self.r = r
        self._jacobian = jacobian

    def J(self) -> Tensor:
        return self._jacobian


class FactoredLinearization(Linearization):
    """r and the factors of J, term by term.

    Args:
        blocks: for each term, its scaled residual ``(N,)`` and the factors of its layers (G scaled likewise).
        size: number of parameters P.
    """

    def __init__(self, blocks: list[tuple[Tensor, list[LayerFactors]]], size: int) -> None:
        self.blocks = blocks
        self.size = size
        self.r = torch.cat([r for r, _ in blocks])
        self._jacobian: Tensor | None = None

    def J(self) -> Tensor:
        if self._jacobian is None:
            jacobian = self.r.new_zeros((self.r.shape[0], self.size))
            row = 0
            for r, layers in self.blocks:
                block = jacobian[row : row + r.shape[0]]
                for layer in layers:
                    g, z = layer.g.permute(1, 2, 0), layer.z.transpose(0, 1)  # (N, out, S), (N, S, in)
                    block[:, layer.weight].view(len(r), g.shape[1], z.shape[2]).baddbmm_(g, z)
                    if layer.bias is not None:
                        block[:, layer.bias] += layer.g_bias
                row += r.shape[0]
            self._jacobian = jacobian
        return self._jacobian

    @property
    def _goes_by_layers(self) -> bool:
        """Whether sums over layers are right, and J is not there already."""
        return self._jacobian is None and all(are_disjoint(layers) for _, layers in self.blocks)

    def kernel(self) -> Tensor:
        if not self._goes_by_layers:
            return super().kernel()
        return factored_kernel(self.blocks)

    def gram_diagonal(self) -> Tensor:
        if not self._goes_by_layers:
            return super().gram_diagonal()
        out = self.r.new_zeros(self.size)
        for _, layers in self.blocks:
            for layer in layers:
                if layer.g.shape[0] == 1:  # a product of two numbers squared is the product of their squares
                    out[layer.weight] += (layer.g[0].square().T @ layer.z[0].square()).flatten()
                else:
                    out[layer.weight] += rows_of(layer, {}).square().sum(0)
                if layer.bias is not None:
                    out[layer.bias] += layer.g_bias.square().sum(0)
        return out

    def mv(self, v: Tensor) -> Tensor:
        return torch.cat([self._block_mv(r, layers, v) for r, layers in self.blocks])

    @staticmethod
    def _block_mv(r: Tensor, layers: list[LayerFactors], v: Tensor) -> Tensor:
        out = torch.zeros_like(r)
        for layer in layers:
            direction = v[layer.weight].view(layer.g.shape[-1], layer.z.shape[-1])
            out += ((layer.z @ direction.T) * layer.g).sum((0, 2))
            if layer.bias is not None:
                out += layer.g_bias @ v[layer.bias]
        return out

    def mv_by_column(self, v: Tensor, weight: slice, columns: int) -> Tensor:
        out = self.r.new_zeros((self.r.shape[0], columns))
        row = 0
        for r, layers in self.blocks:
            part = out[row : row + r.shape[0]]
            for layer in layers:
                if layer.weight == weight:
                    part += ((layer.g @ v[weight].view(-1, columns)) * layer.z).sum(0)
            row += r.shape[0]
        return out

    def signals(self) -> dict[int, Tensor]:
        found: dict[int, list[Tensor]] = {}
        for _, layers in self.blocks:
            for layer in layers:
                found.setdefault(layer.weight.start, []).append(layer.z[: layer.places].flatten(0, 1))
        return {place: torch.cat(values) for place, values in found.items()}

    def rmv(self, y: Tensor) -> Tensor:
        out = y.new_zeros(self.size)
        row = 0
        for r, layers in self.blocks:
            part = y[row : row + r.shape[0]]
            for layer in layers:
                weighted = (layer.g * part[:, None]).flatten(0, 1)
                out[layer.weight] += (weighted.T @ layer.z.flatten(0, 1)).flatten()
                if layer.bias is not None:
                    out[layer.bias] += layer.g_bias.T @ part
            row += r.shape[0]
        return out


def layer_factors(tape: Tape, r: Tensor, scale: float, *, again: bool = False) -> list[LayerFactors]:
    """Differentiate the rows of ``r`` with respect to every use on the tape, in one reverse pass.

    ``r`` is ``(N,)`` with its graph, kept if it is to be used ``again``; recorded tensors are ``(S, M, N, width)``.
    The G's come multiplied by ``scale``. A scalar is a layer with one input, which is 1, and one output.
    """
    outputs = [use.y for use in tape.entries]
    gradients = torch.autograd.grad(scale * r.sum(), outputs, materialize_grads=True, retain_graph=again)
    layers = []
    for use, g in zip(tape.entries, gradients, strict=True):
        if use.scalar:
            slope = (g * use.z.detach()).sum((0, 1, 3))[None, :, None]
            layers.append(LayerFactors(use.weight, None, torch.ones_like(slope), slope, slope[0]))
        else:
            z, g_flat = use.z.detach().flatten(0, 1), g.flatten(0, 1)
            layers.append(LayerFactors(use.weight, use.bias, z, g_flat, g[0].sum(0), places=g.shape[1]))
    return layers
