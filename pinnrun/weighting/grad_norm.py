"""Learning-rate annealing by gradient norms: every term's gradient is given the same length.

    λ̂_i = Σ_j ‖∇L_j‖ / ‖∇L_i‖,    L_i = 1/(2N) Σ residual²

(Wang, Sankaran, Wang & Perdikaris 2023, arXiv 2308.08468, algorithm 1, as in jaxpi.) It is the later form of the
annealing of Wang, Teng & Perdikaris (SIAM J. Sci. Comput. 43 (2021) A3055, arXiv 2001.04536, algorithm 1), which takes
max |∇L_r| over the mean of |∇(λ_i L_i)| instead, and leaves the equation's weight at 1. It costs one gradient of each
term.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.settings import setting
from pinnrun.weighting.balance import Balance


@dataclass(eq=False)
class GradNorm(Balance):
    """λ_i = Σ_j ‖∇L_j‖ / ‖∇L_i‖."""

    type: str = setting("grad_norm", help="the method's registered name")

    def pull(self, objective: Objective, theta: Tensor) -> Tensor:
        """‖∇L‖."""
        return objective.gradient(theta)[1].norm()
