"""The points that a network is trained on: drawn anew when it is time, and again just as they were after a resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinnrun.calculus import Points, Term
from pinnrun.sampling import Sampling

if TYPE_CHECKING:
    from pinnrun.sampling.base import Residual

Blocks = list[tuple[Term, Points]]


def placed(blocks: Sequence[tuple[Term, Points]], device: torch.device, precision: torch.dtype) -> Blocks:
    """Each term with its points where θ lives."""
    return [(term, points.to(device, precision)) for term, points in blocks]


class TrainingPoints:
    """The present draw, as many points as the problem asks for, or enough for the network's parameters.

    Args:
        sampling: where points are drawn.
        terms: what is sampled.
        generator: of all draws.
        device, precision: where θ lives, and in what precision.

    Attributes:
        blocks: each term with its points.
        drawn_from: the generator's state before the present draw.
        kept: what the sampling wants to be given if the draw is to be repeated.
    """

    def __init__(
        self,
        sampling: Sampling,
        terms: Sequence[Term],
        generator: torch.Generator,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.sampling, self.terms, self.generator = sampling, terms, generator
        self.device, self.precision = device, precision
        self.blocks: Blocks = []
        self.drawn_from = generator.get_state()
        self.kept: dict[str, Tensor] = {}

    def draw(self, size: int, residual: Residual | None, again: Mapping[str, Tensor] | None = None) -> None:
        """New points.

        Args:
            size: parameters of the network.
            residual: the present field's, None where it says nothing yet.
            again: ``kept`` of the draw that is to be repeated.
        """
        self.drawn_from = self.generator.get_state()
        rows = sum(term.count * term.rows for term in self.terms if term.role == "square")
        factor = max(1.0, self.sampling.rows_per_parameter * size / rows)
        blocks, self.kept = self.sampling.draw(self.terms, factor, self.generator, residual, again)
        self.blocks = placed(blocks, self.device, self.precision)

    @property
    def rows(self) -> int:
        """Rows that they leave."""
        return sum(len(points) * term.rows for term, points in self.blocks)

    def state(self) -> dict[str, Any]:
        """What the same draw needs once more."""
        return {
            "points_drawn_from": self.drawn_from.clone(),
            "points_kept": {name: rows.clone() for name, rows in self.kept.items()},
        }
