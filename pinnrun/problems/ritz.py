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
from functools import cached_property

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems.base import Observable, Problem, Reference, Solution
from pinnrun.problems.poisson import EXACT, Poisson
from pinnrun.problems.quadrature import gauss_box, square_weights
from pinnrun.settings import setting


@dataclass(frozen=True)
class PoissonRitz(Problem):
    """min ½∫|∇u|² − ∫fu on [0, 1]^d with u = 0 on the boundary, for u = Π sin πx_i."""

    points: int = setting(900, min=1, help="quadrature points, n^d for the nearest n")
    dimension: int = setting(2, min=1, help="number of coordinates d")

    formulation = "energy"

    @cached_property
    def strong(self) -> Poisson:
        """The same equation by its residual: its field is this one's, and judges it."""
        return Poisson(self.name, "poisson", points=self.points, dimension=self.dimension, boundary="hard")

    @property
    def coordinates(self) -> tuple[str, ...]:
        return self.strong.coordinates

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        return self.strong.inputs(points, derivatives)

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        return self.strong.ansatz(points, raw)

    def terms(self) -> Sequence[Term]:
        slope = Derivatives(gradient=True)
        gradient = Term("gradient", self._grid, self._slope, slope, self.points, rows=self.dimension)
        source = Term("source", self._grid, self._source, Derivatives(), self.points, role="load")
        return gradient, source

    def merit_terms(self) -> Sequence[Term]:
        """The equation −Δu = f itself."""
        return self.strong.terms()

    def _grid(self, generator: torch.Generator, count: int) -> Points:
        return gauss_box(0.0, 1.0, self.dimension, count)

    @staticmethod
    def _slope(points: Points, u: Jet) -> Tensor:
        return (points["root_weight"] * u.gradient[..., 0]).movedim(0, -1)

    def _source(self, points: Points, u: Jet) -> Tensor:
        return square_weights(points) * EXACT["sine"].f(points.x) * u.value[..., 0]

    def locate(self, x: Tensor) -> Points:
        return self.strong.locate(x)

    def test_points(self, generator: torch.Generator) -> Points:
        return self.strong.test_points(generator)

    def reference(self) -> Reference:
        return self.strong.reference()

    def observables(self, solution: Solution) -> dict[str, Observable]:
        return self.strong.observables(solution)
