"""The lowest eigenvalue of a Hamiltonian on a box by the Rayleigh quotient: −Δ, or the harmonic oscillator −½Δ + ½|x|².

    min over ψ of ∫ c |∇ψ|² + V ψ²  /  ∫ ψ²,    ψ = Π (1 − s_i²)·N(s),  s in [−1, 1]^d, zero on the boundary

of the square, and ψ = exp(−|x|²/8)·N(x/3) for the oscillator, whose ground state is exp(−|x|²/2).
The integrals are taken by Gauss-Legendre quadrature. What is judged is the variance of the local energy,
½‖Hψ − Eψ‖²/‖ψ‖², zero at an eigenfunction and nowhere else, by which E is an eigenvalue to within its square root.
The oscillator lives on all of space; its integrals are cut off where the ground state has fallen to exp(−L²/2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Field, Jet, Objective, Points, Rayleigh, Term, Variance
from pinnrun.geometry.sampling import uniform
from pinnrun.problems.base import Observable, Problem, Reference, Solution, require_inside
from pinnrun.problems.quadrature import gauss_box
from pinnrun.settings import setting


@dataclass(frozen=True)
class Eigenvalue(Problem):
    """Hψ = Eψ with the smallest E."""

    points: int = setting(1600, min=4, help="quadrature points, n^d for the nearest n")
    hamiltonian: Literal["laplacian", "oscillator"] = setting(
        "oscillator", help="laplacian: −Δ on [0, 1]^d, oscillator: −½Δ + ½|x|²"
    )
    dimension: int = setting(2, min=1, max=3, help="number of coordinates d")
    half_width: float = setting(6.0, above=0, help="of the oscillator's box; the laplacian's is [0, 1]^d")

    metric: Literal["energy", "l2"] = setting("energy", help="of the tangents: l2 is stochastic reconfiguration")

    formulation = "rayleigh"

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("x", "y", "z")[: self.dimension]

    @property
    def box(self) -> tuple[float, float]:
        """Bounds of every coordinate."""
        return (0.0, 1.0) if self.hamiltonian == "laplacian" else (-self.half_width, self.half_width)

    @property
    def kinetic(self) -> float:
        """The factor c of −cΔ."""
        return 1.0 if self.hamiltonian == "laplacian" else 0.5

    @property
    def eigenvalue(self) -> float:
        """The lowest one, in closed form (on all of space for the oscillator)."""
        return self.dimension * (pi**2 if self.hamiltonian == "laplacian" else 0.5)

    def potential(self, x: Tensor) -> Tensor:
        """V, ``(..., d)`` to ``(...)``."""
        return torch.zeros_like(x[..., 0]) if self.hamiltonian == "laplacian" else 0.5 * x.square().sum(-1)

    # -- the field ---------------------------------------------------------------------------------------------

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """The coordinates moved to [−1, 1], or in units of 3 oscillator lengths."""
        low, high = self.box if self.hamiltonian == "laplacian" else (-3.0, 3.0)
        return points.cached(
            "inputs", derivatives, lambda: (2.0 * points.coordinates(derivatives) - (low + high)) / (high - low)
        )

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        return points.cached("envelope", raw.derivatives, lambda: self._envelope(points, raw.derivatives)) * raw

    def _envelope(self, points: Points, derivatives: Derivatives) -> Jet:
        """What makes ψ vanish on the boundary, or far away."""
        if self.hamiltonian == "oscillator":
            return (-0.125 * points.coordinates(derivatives).squared_norm()).exp()
        s = self.inputs(points, derivatives)
        product = 1.0 - s[0] * s[0]
        for i in range(1, self.dimension):
            product = product * (1.0 - s[i] * s[i])
        return product

    # -- what is minimised, and what is judged -------------------------------------------------------------------

    def terms(self) -> Sequence[Term]:
        slope, value = Derivatives(gradient=True), Derivatives()
        norm = Term("norm", self._grid, self._value, value, self.points, role="norm")
        kinetic = Term("kinetic", self._grid, self._slope, slope, self.points, weight=self.kinetic, rows=self.dimension)
        if self.hamiltonian == "laplacian":
            return kinetic, norm
        return kinetic, Term("potential", self._grid, self._root_potential, value, self.points), norm

    def merit_terms(self) -> Sequence[Term]:
        """Hψ and ψ at the same points."""
        operator = Term("operator", self._grid, self._operator, Derivatives(laplacian=True), self.points)
        return operator, Term("norm", self._grid, self._value, Derivatives(), self.points, role="norm")

    def objective(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> Objective:
        return Rayleigh(field, blocks, self.metric)

    def merit(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> Objective:
        return Variance(field, blocks)

    def _grid(self, generator: torch.Generator, count: int) -> Points:
        return gauss_box(*self.box, self.dimension, count)

    @staticmethod
    def _value(points: Points, psi: Jet) -> Tensor:
        return points["root_weight"] * psi.value[..., 0]

    @staticmethod
    def _slope(points: Points, psi: Jet) -> Tensor:
        return (points["root_weight"] * psi.gradient[..., 0]).movedim(0, -1)

    def _root_potential(self, points: Points, psi: Jet) -> Tensor:
        return self.potential(points.x).sqrt() * self._value(points, psi)

    def _operator(self, points: Points, psi: Jet) -> Tensor:
        kinetic = -self.kinetic * points["root_weight"] * psi.laplacian[..., 0]
        return kinetic + self.potential(points.x) * self._value(points, psi)

    # -- how good it is ------------------------------------------------------------------------------------------

    def locate(self, x: Tensor) -> Points:
        low, high = self.box
        require_inside(((x >= low) & (x <= high)).all(-1), f"{low:g} to {high:g} in every coordinate")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        low, high = self.box
        x = uniform(generator, 10_000, self.dimension)
        return Points(low + (high - low) * x)

    def align(self, value: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Ψ in the reference's scale and sign, which an eigenfunction leaves open."""
        return value * (value @ reference) / (value @ value)

    def reference(self) -> Reference:
        def psi(x: np.ndarray) -> np.ndarray:
            if self.hamiltonian == "laplacian":
                return np.sin(pi * x).prod(-1)
            return np.exp(-0.5 * (x * x).sum(-1))

        return Reference(psi, "closed form")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The eigenvalue, on a grid finer than that of the training."""
        grid = gauss_box(*self.box, self.dimension, max(64**self.dimension, 2 * self.points))
        psi = solution(grid, Derivatives(gradient=True))
        weights, x = grid["root_weight"][0].square(), grid.x[0]
        value, slope = psi.value[0, :, 0].cpu().double(), psi.gradient[:, 0, :, 0].cpu().double()
        energy = self.kinetic * slope.square().sum(0) + self.potential(x) * value.square()
        found = float((weights * energy).sum() / (weights * value.square()).sum())
        return {"eigenvalue": Observable(found, "", self.eigenvalue)}
