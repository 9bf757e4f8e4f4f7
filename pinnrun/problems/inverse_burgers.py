"""An inverse problem: the coefficients of Burgers' equation from noisy measurements of its solution.

    u_t + λ u u_x = ν u_xx on [−1, 1] × [0, 1],      y_i = u(x_i, t_i) + σ ε_i,      λ and ν unknown

No boundary and no initial value is given, only the measurements, as in Raissi, Perdikaris & Karniadakis (J. Comput.
Phys. 378 (2019) 686, section 4.1.1). They are made from the solution for λ = 1 that starts at −sin πx and is zero on
both sides: the transform of Cole (Q. Appl. Math. 9 (1951) 225) and Hopf (CPAM 3 (1950) 201), by Gauss-Hermite quadrature.

The loss of a perfect fit is that of the noise, σ²/2. The merit therefore counts of the misfit only what is above the
noise, ½ max(0, mean (u − y)² − σ²) (the discrepancy principle: Morozov, Sov. Math. Dokl. 7 (1966) 414).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import pi

import numpy as np
import torch
from scipy.special import roots_hermite
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems.base import Observable, Problem, Reference, Solution, require_inside
from pinnrun.problems.uncertainty import Parametrised, covariance
from pinnrun.settings import setting

NODES = 200  # of the quadrature


@dataclass(frozen=True)
class InverseBurgers(Problem):
    """λ and ν of u_t + λ u u_x = ν u_xx from measurements of u."""

    points: int = setting(400, min=1, help="places at which the equation is asked for")
    data_points: int = setting(200, min=3, help="measurements, at random places and times")
    noise: float = setting(0.02, min=0, help="σ, standard deviation of the measurement errors; the largest |u| is 1")
    data_seed: int = setting(1, min=0, help="fixes the measurements, whatever the run's own seed is")
    data_weight: float = setting(1.0, above=0, help="weight of the measurements beside the equation's 1")
    viscosity: float = setting(0.05, min=0.01, help="ν with which the measurements are made")
    guess: tuple[float, float] = setting((0.5, 0.2), help="λ and ν at which training starts")

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("x", "t")

    @property
    def coefficients(self) -> tuple[tuple[str, float], ...]:
        return (("advection", self.guess[0]), ("viscosity", self.guess[1]))

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """Both coordinates on [−1, 1]."""

        def scaled() -> Jet:
            x = points.coordinates(derivatives)
            return Jet.cat([x[0], 2.0 * x[1] - 1.0])

        return points.cached("inputs", derivatives, scaled)

    def terms(self) -> Sequence[Term]:
        def equation(points: Points, u: Jet) -> Tensor:
            advection, viscosity = self.coefficient(u, "advection"), self.coefficient(u, "viscosity")
            slope, curvature = u.d(0)[..., 0], u.dd(0, 0)[..., 0]
            return u.d(1)[..., 0] + advection * u.value[..., 0] * slope - viscosity * curvature

        return (
            Term("equation", self._inside, equation, Derivatives(gradient=True, pairs=((0, 0),)), self.points),
            Term("data", self._measured, misfit, Derivatives(), self.data_points, self.data_weight),
        )

    def merit_terms(self) -> Sequence[Term]:
        """The equation, and what of the misfit is above the noise."""

        def excess(points: Points, u: Jet) -> Tensor:
            r = misfit(points, u)
            return r * (1.0 - self.noise**2 / r.square().mean()).clamp(min=0.0).sqrt()

        equation, data = self.terms()
        return equation, replace(data, residual=excess)

    def _inside(self, generator: torch.Generator, count: int) -> Points:
        uniform = torch.rand((count, 2), generator=generator, dtype=torch.float64)
        return Points(uniform * torch.tensor([2.0, 1.0]) - torch.tensor([1.0, 0.0]))

    def _measured(self, generator: torch.Generator, count: int) -> Points:
        """All measurements, however many are asked for: there are no more."""
        return Points(*self._data[:1], measured=self._data[1])

    @cached_property
    def _data(self) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.data_seed)
        x = self._inside(generator, self.data_points).x[0]
        exact = torch.as_tensor(cole_hopf(*x.numpy().T, self.viscosity))
        return x, exact + self.noise * torch.randn(len(x), generator=generator, dtype=torch.float64)

    def locate(self, x: Tensor) -> Points:
        require_inside((x[:, 0].abs() <= 1) & (x[:, 1] >= 0) & (x[:, 1] <= 1), "x from -1 to 1, times 0 to 1")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        return self._inside(generator, max(2_000, 2 * self.points))

    def reference(self) -> Reference:
        return Reference(lambda at: cole_hopf(at[:, 0], at[:, 1], self.viscosity), "Cole-Hopf, Gauss-Hermite")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """Both coefficients, with their standard errors."""
        values = solution(self._inside(torch.Generator().manual_seed(0), 1), Derivatives()).value[0, 0, 1:].tolist()
        errors: list[float] | list[None] = [None, None]
        if isinstance(solution, Parametrised):
            generator = torch.Generator().manual_seed(self.data_seed)
            blocks = [(term, term.sample(generator, term.count)) for term in self.terms()]
            size = len(solution.theta)
            errors = covariance(solution, blocks, "data", range(size - 2, size)).standard_errors
        truth = (1.0, self.viscosity)
        return {
            name: Observable(value, "", exact, uncertainty=error)
            for (name, _), value, exact, error in zip(self.coefficients, values, truth, errors, strict=True)
        }


def misfit(points: Points, u: Jet) -> Tensor:
    """u − y."""
    return u.value[..., 0] - points["measured"]


def cole_hopf(x: np.ndarray, t: np.ndarray, viscosity: float, nodes: int = NODES) -> np.ndarray:
    """u at ``(N,)`` places and times, ``(N,)``: the ratio of ∫ −sin πy f(y) dG and ∫ f(y) dG.

    G is normal around x with variance 2νt, and f(y) = e^{−cos(πy)/2πν} is multiplied with the quadrature's weights as
    exponents, since it alone runs over e^{±1/2πν}.
    """
    z, weights = roots_hermite(nodes)
    z, logs = z[weights > 0], np.log(weights[weights > 0])
    y = x[:, None] - np.sqrt(4.0 * viscosity * t)[:, None] * z
    exponent = logs - np.cos(pi * y) / (2.0 * pi * viscosity)
    measure = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return -(np.sin(pi * y) * measure).sum(1) / measure.sum(1)
