"""Causal weights: a time is trained once what comes before it is solved.

Points are sorted by time and cut into K chunks of equal numbers; with L_k the mean of the squared residuals of chunk k,
summed over the equations in time with their own weights,

    w_i = exp(−ε Σ_{k<i} L_k)        loss = ½ mean over chunks of w_i L_i, and all other terms as they are

(Wang, Sankaran & Perdikaris, CMAME 421 (2024) 116813, arXiv 2203.07404, algorithm 1.) ε is taken from an
increasing list: a larger one follows once min w > δ. The paper stops training when that holds for the last one; here
the weights are then 1 for the rest of the stage, and the run's own target says when to stop.

Rows are scaled by √w, with w held constant within a step: the gradient is the paper's, and methods of second order have
their r and J. Measuring costs one evaluation of the equations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinnrun.calculus import Field, Objective, Points, Term
from pinnrun.settings import setting
from pinnrun.weighting.base import Weighting

if TYPE_CHECKING:
    from pinnrun.weighting.base import Blocks

CHUNK = "causal_chunk"  # the chunk of every row, ``(1, N)``, among the data of the points
SMALLEST = 1e-24  # no weight is less: what is divided by its root comes back, in single precision too


@dataclass(eq=False)
class Causal(Weighting):
    """w_i = exp(−ε Σ_{k<i} L_k) on the rows of every term that names its time."""

    type: str = setting("causal", help="the method's registered name")
    every: int = setting(1, min=1, help="steps between two measurements of the weights")
    chunks: int = setting(32, min=2, help="parts that time is cut into, with equal numbers of points")
    epsilon: tuple[float, ...] = setting((1e-2, 1e-1, 1.0, 10.0, 100.0), above=0, help="causality ε, one by one")
    delta: float = setting(0.99, above=0, below=1, help="the next ε follows once every weight exceeds it")
    _index: int = field(default=0, init=False, repr=False)  # of the present ε; the list's length when all are done
    _weights: list[float] = field(default_factory=list, init=False, repr=False)  # w by chunk

    def problems(self) -> Iterator[str]:
        """An empty list, or one that does not grow."""
        if not self.epsilon:
            yield "epsilon: the list is empty; give at least one value, e.g. [1]"
        if any(first >= second for first, second in pairwise(self.epsilon)):
            yield "epsilon: values must increase, as in [0.01, 0.1, 1]; sort them"

    @property
    def moves(self) -> bool:
        return self._index < len(self.epsilon)

    def start(self) -> None:
        self._index, self._weights = 0, []

    def measure(self, field: Field, blocks: Blocks, theta: Tensor) -> None:
        timed = [(term, at) for term, at in blocks if term.time is not None]
        objective = Objective(field, timed)
        with torch.no_grad():
            losses = torch.stack([self._losses(objective, theta, term, at) for term, at in timed]).sum(0)
        before = torch.cumsum(losses, 0) - losses
        if not bool(torch.isfinite(before).all()):  # the step will say what is wrong
            return
        w = torch.exp(-self.epsilon[self._index] * before).clamp(min=SMALLEST)
        if float(w.min()) > self.delta:
            self._index += 1
        self._weights = w.tolist() if self.moves else []

    def _losses(self, objective: Objective, theta: Tensor, term: Term, points: Points) -> Tensor:
        """The mean of the weighed squares of every chunk, ``(K,)`` in float64 on the CPU."""
        squares = objective.evaluate_rows(theta, term, points).square().sum(0).cpu().double()
        chunk = self.chunk(term, points)
        total = torch.zeros(self.chunks, dtype=torch.float64).index_add_(0, chunk, squares)
        return term.weight * total / torch.bincount(chunk, minlength=self.chunks).clamp(min=1)

    def chunk(self, term: Term, points: Points) -> Tensor:
        """The chunk of every point, ``(N,)``: its rank in time, in K parts of (nearly) equal numbers."""
        if CHUNK not in points.data:
            order = torch.argsort(points.x[0, :, term.time].cpu(), stable=True)
            chunk = torch.empty_like(order)
            chunk[order] = torch.arange(len(order)) * self.chunks // len(order)
            points.data[CHUNK] = chunk[None]
        return points[CHUNK][0]

    def weight(self, term: Term, points: Points) -> float | Tensor:
        if term.time is None or not self._weights:
            return term.weight
        w = torch.tensor(self._weights, dtype=torch.float64)
        return (term.weight * w[self.chunk(term, points)]).to(points.x)

    def columns(self, blocks: Blocks) -> dict[str, float]:
        """Mean weights by term; the smallest w, and the present ε (the last one when all are done)."""
        means = {f"weight/{term.name}": self._mean(term, points) for term, points in blocks}
        smallest = min(self._weights, default=1.0)
        epsilon = self.epsilon[min(self._index, len(self.epsilon) - 1)]
        return {**means, "causal/smallest": smallest, "causal/epsilon": epsilon}

    def _mean(self, term: Term, points: Points) -> float:
        weight = self.weight(term, points)
        return float(weight.mean()) if isinstance(weight, Tensor) else weight

    def state(self) -> dict[str, Any]:
        return {"index": self._index, "weights": list(self._weights)}

    def load(self, state: Mapping[str, Any]) -> None:
        self._index, self._weights = state["index"], list(state["weights"])
