"""DeepXDE's first example: −u″ = π² sin πx on (−1, 1), u(±1) = 0; the solution is sin πx. A plugin of pinnrun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems import Problem, Reference
from pinnrun.problems.base import require_inside
from pinnrun.registry import PROBLEMS


@PROBLEMS.register("poisson_interval")
@dataclass(frozen=True)
class PoissonInterval(Problem):
    """−u″ = π² sin πx on (−1, 1), with u = (1 − x²)·N."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("x",)

    def terms(self) -> Sequence[Term]:
        equation = Term(
            "equation",
            self._interior,
            lambda points, u: (u.laplacian + points["source"])[..., 0],
            Derivatives(laplacian=True),
            self.points,
        )
        return (equation,)

    def _interior(self, generator: torch.Generator, count: int) -> Points:
        x = 2.0 * torch.rand((count, 1), generator=generator, dtype=torch.float64) - 1.0
        return Points(x, source=pi**2 * torch.sin(pi * x))

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        x = points.coordinates(raw.derivatives)[0]
        return (1.0 - x * x) * raw

    def locate(self, x: Tensor) -> Points:
        require_inside((x.abs() <= 1).all(-1), "the interval from -1 to 1")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        return self._interior(generator, 10_000)

    def reference(self) -> Reference:
        return Reference(lambda x: np.sin(pi * x[:, 0]), "closed form")
