"""Poisson's equation −Δu = 1 on the L-shape, u = 0 on its boundary: a solution with a singular corner.

The domain is [−1, 1]² without [0, 1] × [−1, 0]. Around its reentrant corner u = Σ c_j r^{2j/3} sin(2jθ/3) + smooth,
with θ from 0 to 3π/2: the slope grows like r^{−1/3} (Grisvard, Elliptic problems in nonsmooth domains, 1985). Networks
of smooth activations converge slowly there, unless they are shown the singular functions. All of them are polynomials
in

    s = r^{2/3} sin 2θ/3 = Im z^{2/3}        t = −r^{2/3} cos 2θ/3 = −Re z^{2/3}

two functions of the geometry alone. s itself is zero on the two sides of the corner, positive inside, and behaves as
u does: s(1 − x²)(1 − y²) is the natural factor of a hard boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.geometry import Box, Difference, difference
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.elliptic import Elliptic
from pinnrun.problems.lightning import HarmonicFunction, solve_laplace
from pinnrun.settings import setting

CORE = 1e-30  # added to r², so that the corner itself has values, too
NEAR = 0.3  # how far the right-angled corners reach
CORNERS = np.array([0, 1, 1 + 1j, -1 + 1j, -1 - 1j, -1j])


@lru_cache(maxsize=1)
def harmonic_part() -> HarmonicFunction:
    """The harmonic function u + |x|²/4, by the lightning solver."""
    return solve_laplace(CORNERS, lambda z: 0.25 * np.abs(z) ** 2)


def exact(x: np.ndarray) -> np.ndarray:
    """The solution at ``(N, 2)``, ``(N,)``."""
    return harmonic_part()(x) - 0.25 * np.square(x).sum(-1)


def corner_functions(x: Jet) -> Jet:
    """The functions s and t = −r^{2/3} cos 2θ/3, components 2, with the angle's cut in the quadrant that is left out.

    From the L's diagonal φ = θ − 3π/4 runs from −3π/4 to 3π/4, so with p along the diagonal and q across
    φ = 2 arctan(q/(r + p)), where r + p is positive, and s = r^{2/3} cos 2φ/3, t = r^{2/3} sin 2φ/3.
    """
    p, q = (x[1] - x[0]) * 0.5**0.5, (x[0] + x[1]) * -(0.5**0.5)
    r2 = x.squared_norm() + CORE
    third = arctan(q / (r2.sqrt() + p)) * (4.0 / 3.0)
    return r2 ** (1.0 / 3.0) * Jet.cat([third.cos(), third.sin()])


def arctan(a: Jet) -> Jet:
    """The inverse tangent of a jet."""
    slope = 1.0 / (1.0 + a.value.square())
    return a.compose(torch.atan(a.value), slope, -2.0 * a.value * slope.square())


@dataclass(frozen=True)
class PoissonLshape(Elliptic):
    """−Δu = 1 on the L-shape."""

    points: int = setting(2000, min=1, help="interior points")
    corner: Literal["features", "none"] = setting(
        "features",
        help="features: the network sees r^{2/3} sin and cos of 2θ/3, too; none: x and y alone",
    )

    domain_text = "the L-shape: -1 to 1 in both coordinates, but not x > 0 with y < 0"

    @property
    def domain(self) -> Difference:
        return difference(Box((-1.0, -1.0), (1.0, 1.0)), Box((0.0, -2.0), (2.0, 0.0)))

    @property
    def features(self) -> int:
        return 4 if self.corner == "features" else 2

    def _inputs(self, x: Jet) -> Jet:
        return Jet.cat([x, corner_functions(x)]) if self.corner == "features" else x

    def distance(self, x: Jet) -> Jet:
        """s(1 − x²)(1 − y²), or an R-function without s."""
        if self.corner == "none":
            return self.domain.distance(x)
        return corner_functions(x)[0] * self.domain.whole.bubble(x)

    def lift(self, x: Jet) -> float:
        return 0.0

    def interior_data(self, x: Tensor) -> dict[str, Tensor]:
        weight = torch.ones_like(x[:, 0])
        if self.corner == "features":
            weight = x.square().sum(-1) ** (1.0 / 3.0)
            for corner in CORNERS[1:]:
                r2 = (x[:, 0] - float(corner.real)).square() + (x[:, 1] - float(corner.imag)).square()
                weight = weight * (r2 / (r2 + NEAR**2)).sqrt()
        return {"weight": weight}

    def residual(self, points: Points, u: Jet) -> Tensor:
        """The equation's, with the corner's features times r^{2/3} and r_k / √(r_k² + `NEAR`²) of the other corners.

        In the coordinates (t, s), where u is smooth, Δu is 4/9 r^{−2/3} times the Laplacian: the weight makes the
        residual a smooth function, too, whose mean square a sample can tell. In a right-angled corner, where u = 0 on
        both sides and Δu = −1, u holds r² ln r: the residual of a smooth network goes to 1 there, in a spot so small
        that one point of a sample in it decides over the mean.
        """
        return points["weight"] * (u.laplacian[..., 0] + 1.0)

    def boundary_value(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[..., 0])

    def reference(self) -> Reference:
        return Reference(exact, f"lightning Laplace solver, {harmonic_part().misfit:.0e}")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The value in the middle of the corner square."""
        x = torch.tensor([[-0.5, 0.5]], dtype=torch.float64)
        value = float(solution(Points(x), Derivatives()).value)
        return {"middle": Observable(value, "", float(exact(x.numpy())[0]))}
