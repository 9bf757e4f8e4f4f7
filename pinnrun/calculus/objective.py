"""The objective: all terms at a parameter vector θ, its value and its linearization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from pinnrun.calculus.jet import Derivatives, Jet, blackbox_jet
from pinnrun.calculus.linearization import (
    DenseLinearization,
    FactoredLinearization,
    Linearization,
    Tape,
    layer_factors,
)
from pinnrun.calculus.points import Points
from pinnrun.calculus.terms import Term


class Network(Protocol):
    """What the calculus asks of a network: its size, and a forward pass on jets (or on plain tensors)."""

    has_jets: bool

    @property
    def size(self) -> int:
        """Number of parameters P."""
        ...

    def __call__(self, theta: Tensor, inputs: Jet, tape: Tape | None = None) -> Jet:
        """The output's jet from the inputs' jet; linear layers are recorded on the tape."""
        ...

    def value(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """The output alone, ``(..., n)`` to ``(..., k)``."""
        ...


@dataclass(frozen=True)
class Field:
    """A trial solution u_θ: ansatz(x, network(θ, inputs(x)))."""

    network: Network
    inputs: Callable[[Points, Derivatives], Jet]
    ansatz: Callable[[Points, Jet], Jet]

    def jet(self, theta: Tensor, points: Points, derivatives: Derivatives, tape: Tape | None = None) -> Jet:
        """The field's jet at the points; channels are ``(S, M, N, k)``."""
        inputs = self.inputs(points, derivatives)
        if self.network.has_jets:
            raw = self.network(theta, inputs, tape)
        else:
            raw = blackbox_jet(lambda z: self.network.value(theta, z), inputs)
        return self.ansatz(points, raw)


class Objective:
    """½‖r(θ)‖² with the rows √(w/N)·residual of every term.

    Args:
        field: the trial solution.
        blocks: each term with the points it is sampled at.
    """

    def __init__(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> None:
        self.field = field
        self.blocks = [(term, points, sqrt(term.weight / len(points))) for term, points in blocks]
        self._latest: list[Tensor] = []  # the scaled rows of each term at the latest evaluation

    @property
    def rows(self) -> int:
        """Number of residual rows N over all terms."""
        return sum(len(points) for _, points, _ in self.blocks)

    def _residual(self, theta: Tensor, term: Term, points: Points, tape: Tape | None = None) -> Tensor:
        jet = self.field.jet(theta, points, term.derivatives, tape)
        return term.residual(points, jet).reshape(len(points))

    @torch.no_grad()
    def residual(self, theta: Tensor) -> Tensor:
        """All rows r, ``(N,)``, without a graph."""
        self._latest = [self._residual(theta, term, at) * scale for term, at, scale in self.blocks]
        return torch.cat(self._latest)

    def value(self, theta: Tensor) -> Tensor:
        """½‖r‖², without a graph."""
        r = self.residual(theta)
        return 0.5 * r.dot(r)

    def shares(self) -> dict[str, float]:
        """Each term's share ½‖r_m‖² of the value at the latest evaluation."""
        rows = zip(self.blocks, self._latest, strict=False)
        return {term.name: 0.5 * float(r.dot(r)) for (term, _, _), r in rows}

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Value and gradient by one reverse pass over θ (the cheapest form, for first-order optimizers)."""
        theta = theta.detach().requires_grad_(True)
        rows = [self._residual(theta, term, points) * scale for term, points, scale in self.blocks]
        r = torch.cat(rows)
        value = 0.5 * r.dot(r)
        (gradient,) = torch.autograd.grad(value, theta)
        self._latest = [part.detach() for part in rows]
        return value.detach(), gradient

    def linearize(self, theta: Tensor) -> Linearization:
        """The linearization at θ: factored for a network with jets, by ``vmap(jacrev)`` for any other."""
        if not self.field.network.has_jets:
            return self.linearize_rowwise(theta)
        theta = theta.detach()
        blocks = []
        for term, points, scale in self.blocks:
            tape = Tape()
            r = self._residual(theta, term, points, tape)
            blocks.append((r.detach() * scale, layer_factors(tape, r, scale)))
        return FactoredLinearization(blocks, theta.shape[0])

    def linearize_rowwise(self, theta: Tensor) -> Linearization:
        """The same by ``vmap(jacrev)`` over single rows: slower, but it asks nothing of the network and shares
        no tape with the factored form.
        """
        residuals, jacobians = [], []
        for term, points, scale in self.blocks:
            x, data = points.tensors()

            def row(theta: Tensor, x: Tensor, data: dict[str, Tensor], term: Term = term) -> tuple[Tensor, Tensor]:
                one = Points(x[:, None], **{name: value[:, None] for name, value in data.items()})
                r = self._residual(theta, term, one)[0]
                return r, r

            jacobian, r = vmap(jacrev(row, has_aux=True), in_dims=(None, 1, 1))(theta.detach(), x, data)
            residuals.append(r * scale)
            jacobians.append(jacobian * scale)
        return DenseLinearization(torch.cat(residuals), torch.cat(jacobians))
