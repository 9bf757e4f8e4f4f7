"""Weights that give every term the same share of some measure m of its pull on θ, as a moving average.

    λ̂_i = Σ_j m_j / m_i            λ ← momentum·λ + (1 − momentum)·λ̂

The measures are those of the terms with weight 1, so that λ takes the place of the weights that the problem states. The
average begins with the first λ̂ of a stage. A measure below 1e-8 of their sum counts as that: no weight exceeds 1e8.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pinnrun.calculus import Field, Objective, Points, Term
from pinnrun.settings import setting
from pinnrun.weighting.base import Weighting

if TYPE_CHECKING:
    from pinnrun.weighting.base import Blocks

SMALLEST = 1e-8  # a term's part of the sum of all measures, at least


@dataclass(eq=False)
class Balance(Weighting):
    """λ_i = Σ_j m_j / m_i, with the measure that a method fills in."""

    every: int = setting(100, min=1, help="steps between two measurements of the weights")
    momentum: float = setting(0.9, min=0, below=1, help="part of the old weights in the moving average; 0: none")
    _weights: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    @abstractmethod
    def pull(self, objective: Objective, theta: Tensor) -> Tensor:
        """The measure m of a single term of weight 1, a number."""

    def start(self) -> None:
        self._weights = {}

    def measure(self, field: Field, blocks: Blocks, theta: Tensor) -> None:
        pulls = {
            term.name: float(self.pull(Objective(field, [(replace(term, weight=1.0), at)]), theta))
            for term, at in blocks
        }
        total = sum(pulls.values())
        if not (isfinite(total) and total > 0):  # the step will say what is wrong
            return
        for name, pull in pulls.items():
            new = total / max(pull, SMALLEST * total)
            old = self._weights.get(name, new)
            self._weights[name] = self.momentum * old + (1.0 - self.momentum) * new

    def weight(self, term: Term, points: Points) -> float:
        return self._weights.get(term.name, term.weight)

    def state(self) -> dict[str, Any]:
        return {"weights": dict(self._weights)}

    def load(self, state: Mapping[str, Any]) -> None:
        self._weights = dict(state["weights"])
