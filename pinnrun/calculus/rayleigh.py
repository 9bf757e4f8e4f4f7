"""The Rayleigh quotient E(θ) = ⟨ψ, Hψ⟩ / ⟨ψ, ψ⟩ as an objective, and the variance that judges it.

With the rows a of the energy's square terms (⟨ψ, Hψ⟩ = ‖a‖², so for H = −½Δ + V the gradient √½ ∇ψ and √V ψ) and
the rows b of the norm (⟨ψ, ψ⟩ = ‖b‖²), both scaled by √(w/N),

    E = ‖a‖² / ‖b‖²        ∇E = 2 (J_aᵀ a − E J_bᵀ b) / ‖b‖²
    F = J̃ᵀJ̃,  J̃ = (J_b − b bᵀJ_b / ‖b‖²) / ‖b‖

J̃ holds the derivatives of the normalised ψ/‖ψ‖, so F is the metric of L² on normalised functions: θ ← θ − η F†∇E is
stochastic reconfiguration (Sorella, PRL 80 (1998) 4558; as natural gradient: Müller & Zeinhofer, ICML 2024).
E is bounded by the lowest eigenvalue, not by zero. What falls to zero at every eigenfunction is the variance

    ½ ‖Hψ − Eψ‖² / ‖ψ‖²,   E = ⟨ψ, Hψ⟩ / ⟨ψ, ψ⟩ at the same points

and E lies within ‖Hψ − Eψ‖/‖ψ‖ of an eigenvalue (Weinstein, PNAS 20 (1934) 529).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinnrun.calculus.linearization import Linearization
from pinnrun.calculus.objective import Field, Objective
from pinnrun.calculus.points import Points
from pinnrun.calculus.terms import Term


class Rayleigh(Objective):
    """‖a(θ)‖² / ‖b(θ)‖²: square terms over norm terms; its rows and its Jacobian are those of ψ/‖ψ‖.

    Args:
        field: ψ.
        blocks: the square and the norm terms, each with its points.
    """

    is_least_squares = False

    def __init__(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> None:
        super().__init__(field, blocks)
        self.norm = Objective(field, [(_as_square(term), at) for term, at in blocks if term.role == "norm"])

    @torch.no_grad()
    def value(self, theta: Tensor) -> Tensor:
        return 2.0 * super().value(theta) / self.norm.residual(theta).square().sum()

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        energy, slope = super().gradient(theta)
        norm, norm_slope = self.norm.gradient(theta)
        value = energy / norm
        return value, (slope - value * norm_slope) / norm

    def linearize(self, theta: Tensor) -> Linearization:
        value, gradient = self.gradient(theta)
        return NormalisedLinearization(self.norm.linearize(theta), value, gradient)

    def shares(self) -> dict[str, float]:
        """Each square term's part of the quotient at the latest evaluation."""
        norm = sum(self.norm.shares().values())
        return {name: share / norm for name, share in super().shares().items()}


class NormalisedLinearization(Linearization):
    """The quotient's value and gradient, with the rows b/‖b‖ of the normalised function and their Jacobian."""

    def __init__(self, norm: Linearization, value: Tensor, gradient: Tensor) -> None:
        self._norm, self._value = norm, value
        self._length = norm.r.norm()
        self.r = norm.r / self._length
        self.load_gradient = gradient  # no row times r gives it
        self.gradient = gradient

    @property
    def value(self) -> Tensor:
        return self._value

    def J(self) -> Tensor:
        jacobian = self._norm.J()
        return (jacobian - torch.outer(self.r, self.r @ jacobian)) / self._length

    def mv(self, v: Tensor) -> Tensor:
        return self._without_r(self._norm.mv(v)) / self._length

    def rmv(self, y: Tensor) -> Tensor:
        return self._norm.rmv(self._without_r(y)) / self._length

    def _without_r(self, y: Tensor) -> Tensor:
        return y - self.r * self.r.dot(y)


class Variance(Objective):
    """½ ‖Hψ − Eψ‖² / ‖ψ‖²: the square terms give Hψ, the norm terms ψ, at the same points. For judging alone."""

    is_least_squares = False

    def __init__(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> None:
        super().__init__(field, blocks)
        self.norm = Objective(field, [(_as_square(term), at) for term, at in blocks if term.role == "norm"])

    @torch.no_grad()
    def value(self, theta: Tensor) -> Tensor:
        h, psi = self.residual(theta), self.norm.residual(theta)
        energy = h.dot(psi) / psi.dot(psi)
        return 0.5 * (h - energy * psi).square().sum() / psi.dot(psi)


def _as_square(term: Term) -> Term:
    return replace(term, role="square")
