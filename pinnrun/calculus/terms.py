"""Terms: the blocks an objective is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnrun.calculus.jet import Derivatives, Jet
from pinnrun.calculus.points import Points


@dataclass(frozen=True)
class Term:
    """One block of the objective: where it is sampled, the residual it leaves, its weight.

    Attributes:
        name: as it appears in the records ("equation", "boundary", …).
        sample: draws ``count`` points with a given generator (on the CPU, in float64).
        residual: the residual at each row, any shape with N elements, from the points and the field's jet there.
        derivatives: what the residual needs of the field.
        count: number of rows N.
        weight: w in √(w/N)·residual.
    """

    name: str
    sample: Callable[[torch.Generator, int], Points]
    residual: Callable[[Points, Jet], Tensor]
    derivatives: Derivatives
    count: int
    weight: float = 1.0
