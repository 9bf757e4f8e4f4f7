"""The objective: all terms at a parameter vector θ, its value and its linearization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from pinnrun.calculus.blackbox import blackbox_jet
from pinnrun.calculus.derivatives import Derivatives
from pinnrun.calculus.jet import Jet
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
    """½‖r(θ)‖² with the rows √(w/N)·residual of every square term, less (w/N) Σ residual of every load.

    Args:
        field: the trial solution.
        blocks: each term with the points it is sampled at.
    """

    def __init__(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> None:
        self.field = field
        self.blocks = [(term, at, sqrt(term.weight / len(at))) for term, at in blocks if term.role == "square"]
        self.loads = [(term, at) for term, at in blocks if term.role == "load"]
        self._latest: dict[str, Tensor] = {}  # what each term added to the value at the latest evaluation

    @property
    def is_least_squares(self) -> bool:
        """Whether the value is a sum of squares, which falls to zero at a solution."""
        return not self.loads

    @property
    def rows(self) -> int:
        """Number of residual rows N over all terms."""
        return sum(len(points) * term.rows for term, points, _ in self.blocks)

    # -- values ----------------------------------------------------------------------------------------------

    def evaluate_rows(self, theta: Tensor, term: Term, points: Points, tape: Tape | None = None) -> Tensor:
        """The residual of one term, unscaled, ``(rows, N)``."""
        jet = self.field.jet(theta, points, term.derivatives, tape)
        return term.residual(points, jet).reshape(len(points), term.rows).T

    def _squares(self, theta: Tensor) -> Tensor:
        parts = [self.evaluate_rows(theta, term, at).reshape(-1) * scale for term, at, scale in self.blocks]
        self._latest = {term.name: part.detach() for (term, *_), part in zip(self.blocks, parts, strict=True)}
        return torch.cat(parts)

    def load(self, theta: Tensor) -> Tensor:
        """(w/N) Σ residual of all load terms."""
        return torch.stack([term.weight * self.evaluate_rows(theta, term, at).mean() for term, at in self.loads]).sum()

    @torch.no_grad()
    def residual(self, theta: Tensor) -> Tensor:
        """All rows r of the square terms, ``(N,)``, without a graph."""
        return self._squares(theta)

    @torch.no_grad()
    def value(self, theta: Tensor) -> Tensor:
        """The value, without a graph."""
        r = self._squares(theta)
        squares = 0.5 * r.dot(r)
        return squares - self.load(theta) if self.loads else squares

    def shares(self) -> dict[str, float]:
        """Each square term's share ½‖r_m‖² of the value at the latest evaluation."""
        if not self._latest:
            return {}
        squares = torch.stack([r.dot(r) for r in self._latest.values()]).tolist()  # the device is waited for once
        return {name: 0.5 * square for name, square in zip(self._latest, squares, strict=True)}

    # -- derivatives -----------------------------------------------------------------------------------------

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Value and gradient by one reverse pass over θ (the cheapest form, for first-order optimizers)."""
        theta = theta.detach().requires_grad_(True)
        r = self._squares(theta)
        value = 0.5 * r.dot(r)
        if self.loads:
            value = value - self.load(theta)
        (gradient,) = torch.autograd.grad(value, theta)
        return value.detach(), gradient

    def linearize(self, theta: Tensor) -> Linearization:
        """The linearization at θ: factored for a network with jets, by ``vmap(jacrev)`` for any other."""
        theta = theta.detach()
        linear = self._factored(theta) if self.field.network.has_jets else self.linearize_rowwise(theta)
        if self.loads:
            linear.load, linear.load_gradient = self._linear_load(theta)
        return linear

    def _linear_load(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        theta = theta.detach().requires_grad_(True)
        load = self.load(theta)
        (gradient,) = torch.autograd.grad(load, theta)
        return load.detach(), gradient

    def _factored(self, theta: Tensor) -> FactoredLinearization:
        blocks = []
        for term, points, scale in self.blocks:
            tape = Tape()
            rows = self.evaluate_rows(theta, term, points, tape)
            for index, r in enumerate(rows):
                factors = layer_factors(tape, r, scale, again=index + 1 < len(rows))
                blocks.append((r.detach() * scale, factors))
        return FactoredLinearization(blocks, theta.shape[0])

    def linearize_rowwise(self, theta: Tensor) -> DenseLinearization:
        """The square terms by ``vmap(jacrev)`` over single points: slower, but it asks nothing of the network and
        shares no tape with the factored form.
        """
        residuals, jacobians = [], []
        for term, points, scale in self.blocks:
            x, data = points.tensors()

            def rows(theta: Tensor, x: Tensor, data: dict[str, Tensor], term: Term = term) -> tuple[Tensor, Tensor]:
                one = Points(x[:, None], **{name: value[:, None] for name, value in data.items()})
                r = self.evaluate_rows(theta, term, one)[:, 0]
                return r, r

            jacobian, r = vmap(jacrev(rows, has_aux=True), in_dims=(None, 1, 1), out_dims=1)(theta.detach(), x, data)
            residuals.append(r.reshape(-1) * scale)
            jacobians.append(jacobian.flatten(0, 1) * scale)
        return DenseLinearization(torch.cat(residuals), torch.cat(jacobians))
