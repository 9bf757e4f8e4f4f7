"""Weights by the trace of the neural tangent kernel: every term's residual is given the same mean rate of decay.

    λ̂_i = Σ_j tr K_j / tr K_i,    K_i = J_i J_iᵀ,   J_i = ∂r_i/∂θ

(Wang, Yu & Perdikaris, J. Comput. Phys. 449 (2022) 110768, arXiv 2007.14527, algorithm 1.) The rows r_i are those
of the loss, residual/√N, so that tr K_i is a mean over points and does not grow with their number; with as many points
in every term, λ is what sums over the points give. tr JJᵀ = tr JᵀJ is the sum of all squared entries of J, taken layer
by layer from its factors. It costs one linearization of each term.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.settings import setting
from pinnrun.weighting.balance import Balance


@dataclass(eq=False)
class Ntk(Balance):
    """λ_i = Σ_j tr K_j / tr K_i."""

    type: str = setting("ntk", help="the method's registered name")

    def pull(self, objective: Objective, theta: Tensor) -> Tensor:
        """Tr JJᵀ."""
        return objective.linearize(theta).gram_diagonal().sum()
