"""Residual-adaptive distribution: points are drawn where the residual is large, and elsewhere too.

    p(x) ∝ |r(x)|ᵏ / mean |r|ᵏ + c        k = 1, c = 1

over a dense set of candidates, without replacement; every ``every`` steps all points are drawn anew (RAD: Wu, Zhu, Tan,
Kartha & Lu, CMAME 403 (2023) 115671, arXiv 2207.10289). Large k follows the peaks of the residual, large c goes back to
the problem's own density. A stage begins with plain points, as in the paper: the network knows nothing yet. The loss
stays the plain mean over the points, so that it weighs the equation by p.

The candidates are drawn by the problem's own sampler, in place of the paper's uniform points: where that sampler is
denser, so are they. Only terms that ask for a derivative, at one place, are drawn so: the equations. Values on a
boundary, and conditions across an interface, keep their own points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Points, Term
from pinnrun.sampling.base import Draw, Sampling
from pinnrun.settings import setting

if TYPE_CHECKING:
    from pinnrun.sampling.base import Residual


@dataclass(frozen=True)
class Rad(Sampling):
    """Every ``every`` steps new points, drawn from ``candidates`` times as many by the size of the residual."""

    type: str = setting("rad", help="the kind of sampling, as registered")
    every: int = setting(100, min=1, help="draw new training points every so many steps")
    k: float = setting(1.0, min=0, help="power of the residual in the density; 0: the problem's own density")
    c: float = setting(1.0, min=0, help="the problem's own density, added to that of the residual")
    candidates: int = setting(10, min=2, help="points that the residual is measured at, for each that is drawn")

    adaptive: ClassVar[bool] = True

    def draw(
        self,
        terms: Sequence[Term],
        factor: float,
        generator: torch.Generator,
        residual: Residual | None = None,
        kept: Mapping[str, Tensor] | None = None,
    ) -> Draw:
        blocks = super().draw(terms, factor, generator).blocks
        if residual is None and not kept:
            return Draw(blocks, {})
        equations = [(term, len(points)) for term, points in blocks if _is_equation(term, points)]
        dense = {term.name: term.sample(generator, self.candidates * count) for term, count in equations}
        if not kept:
            assert residual is not None
            kept = {}
            for term, count in equations:
                p = self.density(_sizes(residual, term, dense[term.name]))
                kept[term.name] = torch.multinomial(p, count, generator=generator)
        chosen = {name: points.take(kept[name]) for name, points in dense.items()}
        return Draw([(term, chosen.get(term.name, points)) for term, points in blocks], dict(kept))

    def density(self, sizes: Tensor) -> Tensor:
        """The probabilities p of candidates whose residuals have these absolute values, both ``(N,)``."""
        sizes = sizes.nan_to_num(nan=0.0, posinf=0.0)
        peak = sizes.max()
        if not peak > 0:
            return torch.full_like(sizes, 1.0 / len(sizes))
        power = (sizes / peak) ** self.k
        p = power / power.mean() + self.c
        return (p / p.sum()).clamp(min=torch.finfo(p.dtype).tiny)  # so that there are always enough to draw from


def _is_equation(term: Term, points: Points) -> bool:
    return term.role == "square" and term.derivatives != Derivatives() and len(points.x) == 1


def _sizes(residual: Residual, term: Term, points: Points) -> Tensor:
    """|r| at the candidates, ``(N,)`` on the CPU in float64, a training set's worth of them at a time."""
    parts = torch.arange(len(points)).split(max(term.count, 1))
    return torch.cat([residual(term, points.take(part)).norm(dim=1).cpu().double() for part in parts])
