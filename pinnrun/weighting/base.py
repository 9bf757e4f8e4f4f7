"""What every weighting is to the rest: weights by term, measured now and then, and a state.

A weight that moves is data at the points: a term's rows are √weight·residual/√N with √weight read from memory that is
written anew when the weights change. Within a step weights are constants, so that r and J stay those of a least-squares
problem for any optimizer; and a gradient that was recorded as a CUDA graph goes on with new weights as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pinnrun.settings import setting

if TYPE_CHECKING:  # the config needs this file, and no torch
    from torch import Tensor

    from pinnrun.calculus import Field, Points, Term

    Blocks = Sequence[tuple[Term, Points]]

ROOT = "weighting_root"  # √weight of every row, ``(M, N)``, among the data of the points


@dataclass(eq=False)
class Weighting:
    """The terms' own weights, which never move; every method fills in what it changes."""

    type: str = setting(help="the method's registered name")

    every: ClassVar[int] = 0
    """Steps between two measurements of the weights; a method that moves them has it as a key."""

    @property
    def moves(self) -> bool:
        """Whether the weights are still to be measured again."""
        return self.every > 0

    def start(self) -> None:
        """A stage begins, with a new network: forget what was measured of the old one."""

    def measure(self, field: Field, blocks: Blocks, theta: Tensor) -> None:
        """Find the weights for θ; ``blocks`` are the terms as the problem states them, with their points."""

    def weight(self, term: Term, points: Points) -> float | Tensor:
        """The present weight of a term: one number, or one for every point, ``(N,)``."""
        return term.weight

    def columns(self, blocks: Blocks) -> dict[str, float]:
        """What is recorded at every step, by column."""
        return {f"weight/{term.name}": float(self.weight(term, points)) for term, points in blocks}

    def state(self) -> dict[str, Any]:
        """What was measured, as plain values."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up a saved state."""

    def write(self, blocks: Blocks) -> None:
        """Put the present weights where the rows read them."""
        for term, points in blocks:
            points[ROOT][:] = self.weight(term, points)
            points[ROOT].sqrt_()
