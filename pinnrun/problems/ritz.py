"""The Poisson equation by the deep Ritz method: the energy is minimised, not the residual.

    E(u) = ½ ∫ |∇u|² − ∫ f u,    u = 0 on the boundary by construction

(E & Yu, Comm. Math. Stat. 6 (2018), arXiv 1710.00211). The energy needs first derivatives alone; its metric, the rows
∂∇u/∂θ, is that of H¹₀, in which one Newton step in function space leads to the solution (Müller & Zeinhofer, ICML
2023, §3). The integrals are taken by Gauss-Legendre quadrature: at random points the minimum of the sampled energy
lies far below that of the energy. What is judged is the strong residual ½ mean (Δu + f)², which falls to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems.poisson import EXACT, Poisson
from pinnrun.problems.quadrature import gauss_box, square_weights
from pinnrun.settings import setting


@dataclass(frozen=True)
class PoissonRitz(Poisson):
    """min ½∫|∇u|² − ∫fu on [0, 1]^d with u = 0 on the boundary."""

    points: int = setting(900, min=1, help="quadrature points, n^d for the nearest n")
    solution: Literal["sine", "cosine_sum", "harmonic", "square"] = setting("sine", help="Π sin πx_i")
    boundary: Literal["soft", "hard"] = setting("hard", help="hard alone: u = Π 4x_i(1 − x_i)·N")

    formulation = "energy"

    def problems(self):
        """Combinations that make no sense."""
        yield from super().problems()
        if self.boundary == "soft":
            yield "boundary: an energy without a boundary term has its minimum elsewhere; use hard"

    def terms(self) -> Sequence[Term]:
        gradient = Term(
            "gradient", self._grid, self._slope, Derivatives(gradient=True), self.points, rows=self.dimension
        )
        source = Term("source", self._grid, self._source, Derivatives(), self.points, role="load")
        return gradient, source

    def merit_terms(self) -> Sequence[Term]:
        """The equation −Δu = f itself."""
        return super().terms()

    def _grid(self, generator: torch.Generator, count: int) -> Points:
        return gauss_box(0.0, 1.0, self.dimension, count)

    @staticmethod
    def _slope(points: Points, u: Jet) -> torch.Tensor:
        return (points["root_weight"] * u.gradient[..., 0]).movedim(0, -1)

    def _source(self, points: Points, u: Jet) -> torch.Tensor:
        return square_weights(points) * EXACT[self.solution].f(points.x) * u.value[..., 0]
