"""Plane linear elasticity of a unit square under a body force, with a known displacement.

    (λ + μ) ∇(∇·u) + μ Δu + f = 0,    σ = λ (∇·u) I + μ (∇u + ∇uᵀ)
    u_x = cos 2πx sin πy,             u_y = ¼ Q y⁴ sin πx

The manufactured problem of Haghighat et al., Comput. Methods Appl. Mech. Engrg. 379 (2021) 113741, section 4, with its
conditions: u_x = 0 on the bottom and on top, u_y = 0 on the bottom and on the sides, σ_xx = 0 on the sides and
σ_yy = (λ + 2μ) Q sin πx on top. Their networks give stresses too; here the displacements alone are trained,

    u_x = 4 y (1 − y) N_x,   u_y = 4 x (1 − x) y N_y

which holds the displacements' conditions exactly, and the stresses follow by differentiation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor
from torch.func import jacfwd, vmap

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.quadrature import gauss_box, square_weights
from pinnrun.problems.rectangle import OnRectangle, Rectangle
from pinnrun.settings import setting

DOMAIN = Rectangle((0.0, 0.0), (1.0, 1.0))
LEFT, RIGHT, TOP = 0, 1, 3  # edges that carry a traction


@dataclass(frozen=True)
class Elasticity(OnRectangle):
    """The displacement (u_x, u_y)."""

    domain = DOMAIN

    points: int = setting(600, min=1, help="points inside; each leaves two rows")
    lame: float = setting(1.0, min=0, help="Lamé's first parameter λ")
    shear: float = setting(0.5, above=0, help="shear modulus μ")
    load: float = setting(4.0, above=0, help="Q, the size of the vertical displacement")
    boundary_points: int = setting(150, min=1, help="points on the edges that carry a traction; one row each")
    boundary_weight: float = setting(10.0, above=0, help="weight of the tractions beside the equations' 1")

    @property
    def outputs(self) -> int:
        return 2

    @property
    def components(self) -> tuple[str, ...]:
        return ("u_x", "u_y")

    # -- the known solution --------------------------------------------------------------------------------------

    def exact(self, x: Tensor) -> Tensor:
        """The displacement at ``(..., 2)``, ``(..., 2)``."""
        x, y = x[..., 0], x[..., 1]
        along = torch.cos(2.0 * pi * x) * torch.sin(pi * y)
        return torch.stack([along, 0.25 * self.load * y**4 * torch.sin(pi * x)], -1)

    def force(self, x: Tensor) -> Tensor:
        """The body force f at ``(..., 2)``, ``(..., 2)``."""
        x, y = x[..., 0], x[..., 1]
        wave, lift = torch.cos(2.0 * pi * x) * torch.sin(pi * y), torch.cos(pi * x) * self.load * y**3
        along_x = self.lame * (4.0 * pi**2 * wave - pi * lift) + self.shear * (9.0 * pi**2 * wave - pi * lift)
        shear, hump = torch.sin(2.0 * pi * x) * torch.cos(pi * y), torch.sin(pi * x) * self.load * y**2
        along_y = self.lame * (2.0 * pi**2 * shear - 3.0 * hump)
        along_y = along_y + self.shear * (2.0 * pi**2 * shear - 6.0 * hump + 0.25 * pi**2 * hump * y * y)
        return torch.stack([along_x, along_y], -1)

    def strain_energy(self, gradient: Tensor) -> Tensor:
        """½ σ:∇u from the gradient ``(d, ..., 2)``, ``(...)``."""
        (xx, xy), (yx, yy) = (part.unbind(-1) for part in gradient)
        return 0.5 * self.lame * (xx + yy) ** 2 + self.shear * (xx**2 + yy**2 + 0.5 * (xy + yx) ** 2)

    # -- the trained one -----------------------------------------------------------------------------------------

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        return points.cached("factor", raw.derivatives, lambda: self._factor(points, raw.derivatives)) * raw

    @staticmethod
    def _factor(points: Points, wanted: Derivatives) -> Jet:
        x, y = (points.coordinates(wanted)[i] for i in (0, 1))
        return Jet.cat([4.0 * y * (1.0 - y), 4.0 * x * (1.0 - x) * y])

    def terms(self) -> Sequence[Term]:
        equations = Term(
            "equations",
            self._interior,
            self._balance,
            Derivatives(pairs=((0, 0), (0, 1), (1, 1))),
            self.points,
            rows=2,
        )
        tractions = Term(
            "tractions",
            self._edges,
            self._traction,
            Derivatives(gradient=True),
            self.boundary_points,
            self.boundary_weight,
        )
        return equations, tractions

    def _interior(self, generator: torch.Generator, count: int) -> Points:
        x = DOMAIN.interior(generator, count)
        return Points(x, force=self.force(x))

    def _edges(self, generator: torch.Generator, count: int) -> Points:
        x, edge = DOMAIN.edges(generator, count, on=(LEFT, RIGHT, TOP))
        top = (edge == TOP).to(x.dtype)
        traction = top * (self.lame + 2.0 * self.shear) * self.load * torch.sin(pi * x[:, 0])
        return Points(x, top=top, traction=traction)

    def _balance(self, points: Points, u: Jet) -> Tensor:
        """(λ + μ) ∇(∇·u) + μ Δu + f, ``(N, 2)``."""
        xx, xy, yy = (u.dd(*pair)[0] for pair in u.derivatives.pairs)
        divergence_slope = torch.stack([xx[:, 0] + xy[:, 1], xy[:, 0] + yy[:, 1]], -1)
        return (self.lame + self.shear) * divergence_slope + self.shear * (xx + yy) + points["force"][0]

    def _traction(self, points: Points, u: Jet) -> Tensor:
        """σ_yy on top, σ_xx on the sides, less what they are to be."""
        xx, yy = u.d(0)[..., 0], u.d(1)[..., 1]
        normal = torch.where(points["top"] > 0, yy, xx)
        return self.lame * (xx + yy) + 2.0 * self.shear * normal - points["traction"]

    # -- how good it is ------------------------------------------------------------------------------------------

    def test_points(self, generator: torch.Generator) -> Points:
        return Points(DOMAIN.interior(generator, 10_000))

    def reference(self) -> Reference:
        return Reference(lambda x: self.exact(torch.as_tensor(x)).numpy(), "closed form (Haghighat et al. 2021)")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The strain energy, and how far the middle of the top moves up."""
        grid = gauss_box(0.0, 1.0, 2, 24**2)
        found = solution(grid, Derivatives(gradient=True)).gradient[:, 0].cpu().double()
        exact = vmap(jacfwd(self.exact))(grid.x[0]).permute(2, 0, 1)
        weights = square_weights(grid)[0]
        energies = [float((weights * self.strain_energy(gradient)).mean()) for gradient in (found, exact)]
        top = torch.tensor([[0.5, 1.0]], dtype=torch.float64)
        lifted = [float(value[0, 1]) for value in (solution(Points(top), Derivatives()).value[0], self.exact(top))]
        return {"strain_energy": Observable(energies[0], "", energies[1]), "lift": Observable(lifted[0], "", lifted[1])}
