"""The bending of a thin square plate under a load: the biharmonic equation Δ²w = q (Kirchhoff).

Lengths are in units of the side a, the load in units of its largest value q₀, the deflection w in units of q₀ a⁴/D,
with the flexural rigidity D (Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells, 2nd ed. 1959, eq. 103).

    clamped             w = ∂w/∂n = 0 on the edges:   w = S d² N
    simply supported    w = 0, and no moment:         w = S d N,  with ∂²w/∂n² = 0 as a term

d = 16 x (1 − x) y (1 − y), and the equation's residual is multiplied by d as well: in the corners of a clamped plate
fourth derivatives have no limit, and w is not smooth enough for a bounded N (Williams, J. Appl. Mech. 19 (1952) 526).
Nothing is lost by it, for the error e of a clamped plate has, with Hardy's inequality in x and in y,

    ∫ |Δe|² = ∫ r e ≤ ‖d r‖ ‖e/d‖ ≤ C ‖d r‖ ‖e_xy‖,    r = Δ²w − q,

so that the weighted residual still bounds it in the energy norm. S = 1/4π⁴ is the largest deflection of the simply
supported plate under a sine load, by which the network's output is brought to the deflection's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Literal

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.plate_reference import Deflection, clamped, simply_supported
from pinnrun.problems.rectangle import OnRectangle, Rectangle
from pinnrun.settings import setting

DOMAIN = Rectangle((0.0, 0.0), (1.0, 1.0))
SIZE = 1.0 / (4.0 * pi**4)
BIHARMONIC = ((0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1))


@dataclass(frozen=True)
class Plate(OnRectangle):
    """The deflection w."""

    domain = DOMAIN

    points: int = setting(800, min=1, help="points inside")
    support: Literal["clamped", "simply_supported"] = setting("clamped", help="how the edges are held")
    load: Literal["uniform", "sine"] = setting("uniform", help="q: 1, or sin πx sin πy")
    poisson_ratio: float = setting(0.3, min=0, max=0.5, help="ν, in the bending moment that is reported")
    boundary_points: int = setting(120, min=1, help="points on the edges, where the moment vanishes (simply supported)")
    boundary_weight: float = setting(10000.0, above=0, help="weight of the moment beside the equation's 1")

    @property
    def components(self) -> tuple[str, ...]:
        return ("w",)

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        return points.cached("factor", raw.derivatives, lambda: self._factor(points, raw.derivatives)) * raw

    def _factor(self, points: Points, wanted: Derivatives) -> Jet:
        x, y = (points.coordinates(wanted)[i] for i in (0, 1))
        distance = 16.0 * x * (1.0 - x) * y * (1.0 - y)
        return SIZE * (distance * distance if self.support == "clamped" else distance)

    def terms(self) -> Sequence[Term]:
        equation = Term("equation", self._interior, self._equation, Derivatives(higher=BIHARMONIC), self.points)
        if self.support == "clamped":
            return [equation]
        moment = Term(
            "moment",
            lambda generator, count: Points(DOMAIN.edges(generator, count)[0]),
            lambda points, w: w.laplacian[..., 0],  # w = 0 along the edge, so that this is ∂²w/∂n²
            Derivatives(laplacian=True),
            self.boundary_points,
            self.boundary_weight,
        )
        return [equation, moment]

    def _interior(self, generator: torch.Generator, count: int) -> Points:
        x = DOMAIN.interior(generator, count)
        load = torch.sin(pi * x).prod(-1) if self.load == "sine" else torch.ones_like(x[:, 0])
        return Points(x, load=load, distance=16.0 * (x * (1.0 - x)).prod(-1))

    @staticmethod
    def _equation(points: Points, w: Jet) -> Tensor:
        """The residual w_xxxx + 2 w_xxyy + w_yyyy − q, times d."""
        xxxx, xxyy, yyyy = (w.derivative(*index)[..., 0] for index in BIHARMONIC)
        return points["distance"] * (xxxx + 2.0 * xxyy + yyyy - points["load"])

    # -- how good it is ------------------------------------------------------------------------------------------

    def test_points(self, generator: torch.Generator) -> Points:
        return Points(DOMAIN.interior(generator, 4_000))

    def deflection(self) -> Deflection:
        """The reference itself."""
        return clamped(self.load) if self.support == "clamped" else simply_supported(self.load)

    def reference(self) -> Reference:
        name = "Legendre-Galerkin" if self.support == "clamped" else "Navier's series"
        return Reference(self.deflection().at, name)

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """In the middle: the deflection, and the bending moment M_x = −(w_xx + ν w_yy) in units of q₀ a²."""
        x = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
        jet = solution(Points(x), Derivatives(pairs=((0, 0), (1, 1))))
        exact = self.deflection()
        found = [float(part) for part in (jet.value, jet.dd(0, 0), jet.dd(1, 1))]
        known = [float(exact.at(x.numpy(), orders)[0]) for orders in ((0, 0), (2, 0), (0, 2))]
        moments = [-(xx + self.poisson_ratio * yy) for _, xx, yy in (found, known)]
        return {
            "deflection": Observable(found[0], "q a^4/D", known[0]),
            "moment": Observable(moments[0], "q a^2", moments[1]),
        }
