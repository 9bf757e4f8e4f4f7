"""What every kind of sampling is to the rest: how many points, how often new ones, and the drawing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pinnrun.settings import setting

if TYPE_CHECKING:  # the config needs this file, and no torch
    import torch
    from torch import Tensor

    from pinnrun.calculus import Points, Term

    Residual = Callable[[Term, Points], Tensor]
    """The residual of a term at points of any number N, ``(N, rows)``."""


class Draw(NamedTuple):
    """Training points, and what makes them again: by term, the rows that were kept of its candidates."""

    blocks: list[tuple[Term, Points]]
    kept: dict[str, Tensor]


@dataclass(frozen=True)
class Sampling:
    """Points from the problem's own samplers."""

    type: str = setting(help="the kind of sampling, as registered")
    every: int = setting(0, min=0, help="draw new training points every so many steps; 0: keep them within a stage")
    rows_per_parameter: float = setting(3.0, min=0, help="more points are drawn when a network outgrows them")
    evaluation: float = setting(2.0, above=0, help="rows of the fixed evaluation set, as a multiple of problem.points")

    numbers: ClassVar[Literal["random", "sobol"]] = "random"
    """Where the samplers' uniform numbers come from."""

    adaptive: ClassVar[bool] = False
    """Whether points are drawn by the residual at them, which asks for rows that vanish at a solution."""

    def draw(
        self,
        terms: Sequence[Term],
        factor: float,
        generator: torch.Generator,
        residual: Residual | None = None,
        kept: Mapping[str, Tensor] | None = None,
    ) -> Draw:
        """Points of every term, ``factor`` times as many as it asks for, on the CPU.

        Args:
            terms: the terms.
            factor: how many times the terms' own numbers are drawn.
            generator: where the randomness comes from.
            residual: of the present network; None at the start of a stage, when it says nothing yet.
            kept: of the draw that is to be repeated, from the generator's state at its beginning.
        """
        return Draw(sampled(terms, factor, generator), {})


def sampled(terms: Sequence[Term], factor: float, generator: torch.Generator) -> list[tuple[Term, Points]]:
    """Each term with ``factor`` times the points that it asks for."""
    return [(term, term.sample(generator, ceil(factor * term.count))) for term in terms]
