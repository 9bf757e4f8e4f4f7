"""The objective of a run with weights that move, beside what it is with the problem's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinnrun.calculus import Field, Jet, Linearization, Network, Objective, Points, Term
from pinnrun.weighting.base import ROOT, Weighting

Blocks = Sequence[tuple[Term, Points]]


class Weighed:
    """What is minimised, and what is recorded of it.

    Args:
        weighting: the weights; if they never move, both objectives are one.
        field: the trial solution.
        blocks: the terms as the problem states them, with their points.
        make: makes an objective of a field and blocks.

    Attributes:
        objective: what is minimised.
        own: the same with the problem's own weights.
        columns: the present weights as they are recorded at every step.
    """

    def __init__(
        self, weighting: Weighting, field: Field, blocks: Blocks, make: Callable[[Field, Blocks], Objective]
    ) -> None:
        self.weighting, self.field, self.blocks, self.make = weighting, field, blocks, make
        self.minimised = blocks
        self.own = self.objective = make(field, blocks)
        self.columns: dict[str, float] = {}
        if weighting.every:
            self.minimised = [weighed(*block) for block in blocks]
            self.objective = make(field, self.minimised)
            self._write()

    def _write(self) -> None:
        self.weighting.write(self.blocks)
        self.columns = self.weighting.columns(self.blocks)

    def measure(self, theta: Tensor) -> None:
        """New weights; and a new objective, so that no optimizer takes its values for those of the old."""
        self.weighting.measure(self.field, self.blocks, theta)
        self._write()
        self.objective = copy.copy(self.objective)
        self.objective._latest = {}

    def probe(self, rows: int) -> Callable[[Network, Tensor], Linearization]:
        """What is minimised, linearized for any other network, at about so many of the points or at all of them.

        They are taken at equal distances: points may lie in an order, as those on the sides of a box do.
        """
        every = max(1, self.own.rows // rows)
        blocks = [(term, points.take(torch.arange(0, len(points), every))) for term, points in self.minimised]
        return lambda network, theta: self.make(replace(self.field, network=network), blocks).linearize(theta)

    def shares(self, theta: Tensor, *, seen: bool) -> dict[str, float]:
        """Each term's part of the own value at θ; ``seen``: θ is where the objective was evaluated last."""
        if seen and self.objective._latest:
            return own_shares(self.objective, [term for term, _ in self.blocks])
        self.own.residual(theta)
        return self.own.shares()


def weighed(term: Term, points: Points) -> tuple[Term, Points]:
    """The term with weight 1, its residual times √weight as the points hold it."""
    points.data[ROOT] = points.x.new_ones(points.x.shape[:2])

    def residual(at: Points, jet: Jet) -> Tensor:
        return at[ROOT][0][:, None] * term.residual(at, jet).reshape(len(at), term.rows)

    return replace(term, weight=1.0, residual=residual), points


def own_shares(objective: Objective, terms: Sequence[Term]) -> dict[str, float]:
    """½‖r‖² of each term with its own weight, from the rows that the latest evaluation of the weighed terms left."""
    parts = []
    for term, (_, points, _) in zip(terms, objective.blocks, strict=True):
        rows = objective._latest[term.name] / points[ROOT][0].repeat(term.rows)
        parts.append(0.5 * term.weight * rows.dot(rows))
    return dict(zip((term.name for term in terms), torch.stack(parts).tolist(), strict=True))
