"""Many parameter vectors of one small network as one computation: values, rows and Jacobians of K starts at once.

Everything here is ``vmap`` over θ of what ``Objective`` does for one. For the Jacobian the tape adds to every layer's
pre-activations a perturbation that is zero, Y_l + ε_l; one reverse pass of Σ_k Σ_n r_kn then gives every start's

    G_l[k, s, n] = ∂r_kn/∂ε_l[k, s, n]        ∂r_kn/∂W_l = Σ_s G_l[k, s, n] ⊗ Z_l[k, s, n]

or Σ_s G·Z for a scalar, since a start's rows do not depend on another's. What this saves is the overhead of K small
computations, not their arithmetic: the starts are taken in groups whose tensors still fit into a cache, or one by one
where few would fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from pinnrun.calculus.linearization import Tape, Use
from pinnrun.calculus.objective import Objective
from pinnrun.calculus.points import Points
from pinnrun.calculus.terms import Term

GROUP = {"cpu": 2**18, "cuda": 2**26}  # entries of J that one group of starts may have
WORTH_IT = 8  # starts to a group below which one after the other is as fast


class Systems(NamedTuple):
    """What a Gauss-Newton method needs of K starts: values ``(K,)``, gradients ``(K, P)``, JᵀJ ``(K, P, P)``."""

    value: Tensor
    gradient: Tensor
    gram: Tensor


@dataclass
class PerturbedTape(Tape):
    """A tape that adds a perturbation to what every use gives, for want of a tensor to differentiate by."""

    perturbations: Sequence[Tensor] = ()

    def note(self, use: Use) -> None:
        """Take the use up, and perturb its ``y`` in place."""
        self.entries.append(use._replace(y=use.y.add_(self.perturbations[len(self.entries)])))


def residuals(objective: Objective, thetas: Tensor) -> Tensor:
    """The rows of every start, ``(K, N)``, without a graph."""
    with torch.no_grad():
        parts = [
            vmap(lambda theta, term=term, at=at: objective.evaluate_rows(theta, term, at).reshape(-1))(thetas) * scale
            for term, at, scale in objective.blocks
        ]
    return torch.cat(parts, dim=1)


def values(objective: Objective, thetas: Tensor) -> Tensor:
    """The value of every start, ``(K,)``, without a graph."""
    size = group_size(objective, thetas)
    if not _is_plain(objective) or size == 1:
        return torch.stack([objective.value(theta) for theta in thetas])
    parts = []
    for group in thetas.split(size):
        squares = 0.5 * residuals(objective, group).square().sum(1)
        with torch.no_grad():
            parts.append(squares - vmap(objective.load)(group) if objective.loads else squares)
    return torch.cat(parts)


def linearize(objective: Objective, thetas: Tensor) -> tuple[Tensor, Tensor]:
    """The rows ``(K, N)`` and the Jacobians ``(K, N, P)`` of every start's square terms."""
    thetas = thetas.detach()
    if not objective.field.network.has_jets:
        return vmap(lambda theta: _dense(objective, theta))(thetas)
    jacobian = thetas.new_zeros((len(thetas), objective.rows, thetas.shape[1]))
    blocks = jacobian.split([len(at) * term.rows for term, at, _ in objective.blocks], dim=1)
    rows = [_linearize_term(objective, thetas, *block, J) for block, J in zip(objective.blocks, blocks, strict=True)]
    return torch.cat(rows, dim=1), jacobian


def systems(objective: Objective, thetas: Tensor) -> Systems:
    """Values, gradients and JᵀJ of every start, group by group."""
    parts = [_system(objective, group) for group in thetas.split(group_size(objective, thetas))]
    return Systems(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def group_size(objective: Objective, thetas: Tensor) -> int:
    """How many starts are taken at once; 1: each by itself."""
    fitting = GROUP.get(thetas.device.type, GROUP["cuda"]) // (objective.rows * thetas.shape[1])
    return fitting if fitting >= WORTH_IT else 1


def _system(objective: Objective, thetas: Tensor) -> Systems:
    if not _is_plain(objective) or len(thetas) == 1:
        linear = [objective.linearize(theta) for theta in thetas]
        parts = [(one.value, one.gradient, one.gram()) for one in linear]
        return Systems(*(torch.stack(columns) for columns in zip(*parts, strict=True)))
    r, jacobian = linearize(objective, thetas)
    transposed = jacobian.mT
    value, gradient = 0.5 * r.square().sum(1), (transposed @ r[:, :, None])[:, :, 0]
    if objective.loads:
        load, slope = _loads(objective, thetas)
        value, gradient = value - load, gradient - slope
    return Systems(value, gradient, transposed @ jacobian)


def _is_plain(objective: Objective) -> bool:
    """Whether the value is made of squares and loads alone, and no quotient of them."""
    return type(objective).linearize is Objective.linearize and type(objective).value is Objective.value


def _loads(objective: Objective, thetas: Tensor) -> tuple[Tensor, Tensor]:
    """The loads ``(K,)`` and their gradients ``(K, P)``."""
    thetas = thetas.detach().requires_grad_(True)
    with torch.enable_grad():
        load = vmap(objective.load)(thetas)
        (slope,) = torch.autograd.grad(load.sum(), thetas)
    return load.detach(), slope


def _dense(objective: Objective, theta: Tensor) -> tuple[Tensor, Tensor]:
    linear = objective.linearize_rowwise(theta)
    return linear.r, linear.J()


def _linearize_term(
    objective: Objective, thetas: Tensor, term: Term, at: Points, scale: float, jacobian: Tensor
) -> Tensor:
    """One term's scaled rows ``(K, rows N)``; their derivatives are added to ``jacobian``, ``(K, rows N, P)``."""
    zeros = [
        thetas.new_zeros(()).expand(len(thetas), *shape).requires_grad_(True)  # no memory until it is differentiated by
        for shape in _shapes(objective, thetas[0], term, at)
    ]
    uses: list[tuple[slice, slice | None, bool]] = []

    def forward(theta: Tensor, *perturbations: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        tape = PerturbedTape(perturbations=perturbations)
        r = objective.evaluate_rows(theta, term, at, tape)
        uses[:] = [(use.weight, use.bias, use.scalar) for use in tape.entries]
        return r, tuple(use.z for use in tape.entries)

    r, inputs = vmap(forward)(thetas, *zeros)
    for index in range(r.shape[1]):
        again = index + 1 < r.shape[1]
        total = scale * r[:, index].sum()
        gradients = torch.autograd.grad(total, zeros, materialize_grads=True, retain_graph=again)
        rows = jacobian[:, index * len(at) : (index + 1) * len(at)]
        for (weight, bias, scalar), z, g in zip(uses, inputs, gradients, strict=True):
            if scalar:
                rows[:, :, weight] += (g * z.detach()).sum((1, 2, 4))[:, :, None]
                continue
            outer = torch.einsum("ksno,ksni->knoi", g.flatten(1, 2), z.detach().flatten(1, 2))
            rows[:, :, weight] += outer.flatten(2)
            if bias is not None:
                rows[:, :, bias] += g[:, 0].sum(1)
    return r.detach().flatten(1) * scale


def _shapes(objective: Objective, theta: Tensor, term: Term, at: Points) -> list[tuple[int, ...]]:
    """The shapes ``(S, M, N, width)`` of all uses' outputs, seen on a single row."""
    x, data = at.tensors()
    one, tape = Points(x[:, :1], **{name: value[:, :1] for name, value in data.items()}), Tape()
    objective.evaluate_rows(theta, term, one, tape)
    return [(*use.y.shape[:2], len(at), use.y.shape[-1]) for use in tape.entries]
