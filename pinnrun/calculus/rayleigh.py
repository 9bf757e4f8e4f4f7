"""The Rayleigh quotient E(θ) = ⟨ψ, Hψ⟩ / ⟨ψ, ψ⟩ as an objective, and the variance that judges it.

With the rows a of the energy's square terms (⟨ψ, Hψ⟩ = ‖a‖², so for H = −½Δ + V the gradient √½ ∇ψ and √V ψ) and
the rows b of the norm (⟨ψ, ψ⟩ = ‖b‖²), both scaled by √(w/N),

    E = ‖a‖² / ‖b‖²        ∇E = 2 (J_aᵀ a − E J_bᵀ b) / ‖b‖²

Tangents of the normalised ψ/‖ψ‖ are v − ψ c·θ̇ with c = J_bᵀ b / ‖b‖², all over ‖ψ‖. They are measured in one of two
metrics JᵀJ:

    l2       J = (J_b − b cᵀ) / ‖b‖: then θ ← θ − η (JᵀJ)† ∇E is stochastic reconfiguration (Sorella, PRL 80 (1998)
             4558; as a natural gradient: Müller & Zeinhofer, ICML 2024)
    energy   J = √2 (J_a − a cᵀ) / ‖b‖: the form 2⟨v, Hw⟩, which bounds the second derivative 2⟨v, (H − E)w⟩ of the
             quotient; a step of length one is an inverse iteration (Henning & Peterseim, SIAM J. Numer. Anal. 58
             (2020) 1744, arXiv 1812.00835), whose rate E_1/E_2 does not depend on how many neurons there are

E is bounded by the lowest eigenvalue, not by zero. What falls to zero at every eigenfunction is the variance

    ½ ‖Hψ − Eψ‖² / ‖ψ‖²,   E = ⟨ψ, Hψ⟩ / ⟨ψ, ψ⟩ at the same points

and E lies within ‖Hψ − Eψ‖/‖ψ‖ of an eigenvalue (Weinstein, PNAS 20 (1934) 529).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import torch
from torch import Tensor

from pinnrun.calculus.linearization import Linearization
from pinnrun.calculus.objective import Field, Objective
from pinnrun.calculus.points import Points
from pinnrun.calculus.terms import Term


class Rayleigh(Objective):
    """‖a(θ)‖² / ‖b(θ)‖²: square terms over norm terms, with the metric of normalised functions.

    Args:
        field: ψ.
        blocks: the square and the norm terms, each with its points.
        metric: how tangents are measured, "l2" or "energy".
    """

    def __init__(self, field: Field, blocks: Sequence[tuple[Term, Points]], metric: str = "energy") -> None:
        super().__init__(field, blocks)
        self.metric = metric
        self.norm = Objective(field, [(_as_square(term), at) for term, at in blocks if term.role == "norm"])

    @property
    def is_least_squares(self) -> bool:
        return False

    @torch.no_grad()
    def value(self, theta: Tensor) -> Tensor:
        return 2.0 * super().value(theta) / self.norm.residual(theta).square().sum()

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        energy, slope = super().gradient(theta)
        norm, norm_slope = self.norm.gradient(theta)
        value = energy / norm
        return value, (slope - value * norm_slope) / norm

    def linearize(self, theta: Tensor) -> Linearization:
        norm, norm_slope = self.norm.gradient(theta)
        rows = super().linearize(theta) if self.metric == "energy" else self.norm.linearize(theta)
        value, gradient = self.gradient(theta) if self.metric == "l2" else self._quotient(rows, norm, norm_slope)
        factor = sqrt(2.0) if self.metric == "energy" else 1.0
        return NormalisedLinearization(rows, norm_slope / (2.0 * norm), factor / (2.0 * norm).sqrt(), value, gradient)

    @staticmethod
    def _quotient(rows: Linearization, norm: Tensor, norm_slope: Tensor) -> tuple[Tensor, Tensor]:
        value = rows.value / norm
        return value, (rows.gradient - value * norm_slope) / norm

    def shares(self) -> dict[str, float]:
        """Each square term's part of the quotient at the latest evaluation."""
        norm = sum(self.norm.shares().values())
        return {name: share / norm for name, share in super().shares().items()}


class NormalisedLinearization(Linearization):
    """The quotient's value and gradient, with the tangents of the normalised function as J.

    Args:
        rows: the linearization of a or of b.
        along: c, the part of a tangent that only stretches ψ, ``(P,)``.
        scale: what the tangents are multiplied by.
        value, gradient: of the quotient.
    """

    def __init__(self, rows: Linearization, along: Tensor, scale: Tensor, value: Tensor, gradient: Tensor) -> None:
        self._rows, self._along, self._scale, self._value = rows, along, scale, value
        self.r = rows.r * scale
        self.load_gradient = self.gradient = gradient  # set, since it is no Jᵀr

    @property
    def value(self) -> Tensor:
        return self._value

    def J(self) -> Tensor:
        return self._scale * self._rows.J() - torch.outer(self.r, self._along)

    def mv(self, v: Tensor) -> Tensor:
        return self._scale * self._rows.mv(v) - self.r * self._along.dot(v)

    def mv_by_column(self, v: Tensor, weight: slice, columns: int) -> Tensor:
        along = (self._along[weight] * v[weight]).view(-1, columns).sum(0)
        return self._scale * self._rows.mv_by_column(v, weight, columns) - torch.outer(self.r, along)

    def signals(self) -> dict[int, Tensor]:
        return self._rows.signals()

    def rmv(self, y: Tensor) -> Tensor:
        return self._scale * self._rows.rmv(y) - self._along * self.r.dot(y)


class Variance(Objective):
    """½ ‖Hψ − Eψ‖² / ‖ψ‖²: the square terms give Hψ, the norm terms ψ, at the same points. For judging alone."""

    def __init__(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> None:
        super().__init__(field, blocks)
        self.norm = Objective(field, [(_as_square(term), at) for term, at in blocks if term.role == "norm"])

    @property
    def is_least_squares(self) -> bool:
        return False

    @torch.no_grad()
    def value(self, theta: Tensor) -> Tensor:
        h, psi = self.residual(theta), self.norm.residual(theta)
        energy = h.dot(psi) / psi.dot(psi)
        return 0.5 * (h - energy * psi).square().sum() / psi.dot(psi)


def _as_square(term: Term) -> Term:
    return replace(term, role="square")
