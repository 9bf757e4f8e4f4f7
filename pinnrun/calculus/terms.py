"""Terms: the blocks an objective is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pinnrun.calculus.derivatives import Derivatives
from pinnrun.calculus.jet import Jet
from pinnrun.calculus.points import Points


@dataclass(frozen=True)
class Term:
    """One block of the objective: where it is sampled, the residual it leaves, its weight.

    The residual of a term is squared: it adds w/(2N) Σ residual² to the value. In an energy two other roles appear:
    a load enters as it is, −(w/N) Σ residual, and a norm is what a Rayleigh quotient is divided by.

    Attributes:
        name: as it appears in the records ("equation", "boundary", …).
        sample: draws ``count`` points with a given generator (on the CPU, in float64).
        residual: the residual at each point, any shape with N elements (``(N, rows)`` where a point has several
            rows), from the points and the field's jet there.
        derivatives: what the residual needs of the field.
        count: number of points N.
        weight: w in √(w/N)·residual.
        rows: rows that a point leaves, 1 for an equation, d for a gradient.
        role: "square", "load" or "norm".
    """

    name: str
    sample: Callable[[torch.Generator, int], Points]
    residual: Callable[[Points, Jet], Tensor]
    derivatives: Derivatives
    count: int
    weight: float = 1.0
    rows: int = 1
    role: Literal["square", "load", "norm"] = "square"
