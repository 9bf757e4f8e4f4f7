"""The lid-driven cavity: steady Navier-Stokes flow in a unit square whose lid slides.

The lid y = 1 moves with u = (1 − (2x − 1)^n)², the other walls stand still. With n = 2 this is the regularised
cavity, u = 16 x² (1 − x)² (Bourcier & François 1969; Shen, J. Comput. Phys. 95 (1991) 228); as n grows the lid
approaches the rigid one of Ghia, Ghia & Shin (J. Comput. Phys. 48 (1982) 387), whose corners are singular.

    u = y^m lid(x) + d N_u,   v = d N_v,   p = N_p,   d = 16 x (1 − x) y (1 − y)

holds the walls exactly. The pressure's constant is open and not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems import navier_stokes
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.cavity_reference import CavityFlow, solve
from pinnrun.problems.rectangle import Rectangle
from pinnrun.settings import setting

DOMAIN = Rectangle((0.0, 0.0), (1.0, 1.0))
LIFT = 3  # m: how fast the lid's velocity is let down into the fluid where the network says nothing
ACROSS = 2001  # points of a centre line on which its extremes are looked for


@dataclass(frozen=True)
class Cavity(navier_stokes.Flow):
    """Velocity and pressure under the lid."""

    domain = DOMAIN

    points: int = setting(1200, min=1, help="points inside; each leaves three rows")
    reynolds: float = setting(100.0, above=0, help="Reynolds number Re, of the lid's largest velocity and the side")
    lid: int = setting(2, min=2, max=32, help="n in the lid's velocity (1 − (2x − 1)^n)²; even, 2 is the smoothest")

    def problems(self) -> Iterator[str]:
        """Lids that are not symmetric."""
        if self.lid % 2:
            yield f"lid: {self.lid} is odd, and the lid would not stand still at x = 0; take an even number"

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        wanted = raw.derivatives
        lift = points.cached("lift", wanted, lambda: self._lift(points, wanted))
        factor = points.cached("factor", wanted, lambda: self._factor(points, wanted))
        return lift + factor * raw

    def _lift(self, points: Points, wanted: Derivatives) -> Jet:
        x, y = (points.coordinates(wanted)[i] for i in (0, 1))
        lid = (1.0 - (2.0 * x - 1.0) ** self.lid) ** 2
        nothing = x.constant(0.0)
        return Jet.cat([y**LIFT * lid, nothing, nothing])

    @staticmethod
    def _factor(points: Points, wanted: Derivatives) -> Jet:
        x, y = (points.coordinates(wanted)[i] for i in (0, 1))
        walls = 16.0 * x * (1.0 - x) * y * (1.0 - y)
        return Jet.cat([walls, walls, x.constant(1.0)])

    def terms(self) -> Sequence[Term]:
        return [
            Term(
                "equations",
                lambda generator, count: Points(DOMAIN.interior(generator, count)),
                lambda points, field: navier_stokes.steady(points, field, self.reynolds),
                navier_stokes.DERIVATIVES,
                self.points,
                rows=navier_stokes.ROWS,
            )
        ]

    def test_points(self, generator: torch.Generator) -> Points:
        return Points(DOMAIN.interior(generator, 4_000))

    def flow(self) -> CavityFlow:
        """The reference itself."""
        return solve(self.reynolds, self.lid)

    def reference(self) -> Reference:
        return Reference(self.flow().at, "Chebyshev collocation")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The extreme velocities on the centre lines: u on x = ½, v on y = ½."""
        along = torch.linspace(0.0, 1.0, ACROSS, dtype=torch.float64)
        half = torch.full_like(along, 0.5)
        lines = torch.cat([torch.stack([half, along], -1), torch.stack([along, half], -1)])
        found = solution(Points(lines), Derivatives()).value[0].cpu().double().numpy()
        exact = self.flow().at(lines.numpy())

        def extremes(field: np.ndarray) -> tuple[float, float, float]:
            u, v = field[:ACROSS, 0], field[ACROSS:, 1]
            return float(u.min()), float(v.max()), float(v.min())

        names = ("u_min", "v_max", "v_min")
        return {
            name: Observable(value, "", reference)
            for name, value, reference in zip(names, extremes(found), extremes(exact), strict=True)
        }
