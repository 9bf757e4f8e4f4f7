"""Energy natural gradient descent: Newton's method in function space, pulled back to the parameters.

    G = JᵀJ,   Ḡ ← β Ḡ + (1 − β) G                        from Ḡ = I; β = 0: no memory
    d = −Ḡ† ∇L,   or   −(Ḡ + λ max(diag Ḡ) I)⁻¹ ∇L       λ: ``damping``
    θ ← θ + αd,   α the best of {1, ½, ¼, …}

G is the energy's second derivative as the network's tangents see it, so that d moves u_θ along the projection of
Newton's direction. It is far from invertible: G† leaves out the eigenvalues below ``rcond`` times the largest.
Those near rounding are noise that steps are better off without: on a Poisson problem with 129 parameters a cutoff at
1e-12 led to a relative error of 1e-3 within two seconds from each of three starts, one at P times rounding from none.

Müller & Zeinhofer, ICML 2023, arXiv 2302.13163. The average over steps, from the identity: Dangel, Müller & Zeinhofer,
NeurIPS 2024, arXiv 2405.15603. The P × P matrix costs NP² to form and some 9P³ (damped: P³/3) to invert.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo, opened
from pinnrun.optimizers.gridsearch import HALVINGS, step_along
from pinnrun.optimizers.natural_gradient import LARGEST, cutoff_solution, damped_solution
from pinnrun.settings import setting


@dataclass
class EnergyNaturalGradient:
    """−G† ∇L with G = JᵀJ, and the best step length of a grid."""

    system: ClassVar[str] = "parameters"
    pace: Pace
    type: str = setting("engd", help="the optimizer's registered name")
    damping: float = setting(0.0, min=0, help="λ, relative to the largest diagonal entry of G; 0: pseudo-inverse")
    rcond: float | None = setting(
        1e-12,
        above=0,
        below=1,
        help="eigenvalues of G left out, relative to the largest; P times rounding error at least",
    )
    average: float = setting(0.0, min=0, below=1, help="β, what G keeps of its past")
    learning_rate: float = setting(1.0, above=0, help="step length; the first one tried where there is a search")
    halvings: int = setting(HALVINGS, min=0, help="shorter step lengths to choose the best from; 0: it is fixed")
    _gram: Tensor | None = field(default=None, init=False, repr=False)  # Ḡ, where there is an average

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One direction; then the best length on the grid, or the fixed one."""
        linear = objective.linearize(theta)
        loss, norm, end = opened(linear, self.damping)
        if end:
            return theta, end
        d = -self._solve(self._renew(linear.gram()), linear.gradient)
        if not bool(torch.isfinite(d).all()):
            return theta, StepInfo(loss, Outcome.SINGULAR, self.damping, norm, 1)
        return step_along(
            objective,
            theta,
            d,
            loss,
            norm,
            first=self.learning_rate,
            halvings=self.halvings,
            damping=self.damping,
        )

    def _renew(self, gram: Tensor) -> Tensor:
        """G, averaged with its past."""
        if not self.average:
            return gram
        before = self._gram
        if before is None:
            before = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        self._gram = torch.lerp(gram, before, self.average)
        return self._gram

    def _solve(self, gram: Tensor, gradient: Tensor) -> Tensor:
        if self.damping:
            return damped_solution(gram, gradient, self.damping)
        return cutoff_solution(gram, gradient, self.rcond or 0.0)

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Keep the average among the parameters that live on; new ones start from the identity, as all did."""
        kept, self._gram = self._gram, None
        if old_to_new is not None and kept is not None:
            self._gram = torch.eye(size, dtype=kept.dtype, device=kept.device)
            self._gram[old_to_new[:, None], old_to_new] = kept

    def soften(self) -> None:
        """Half the step, ten times the damping, or ten times as many eigenvalues left out."""
        self.learning_rate *= 0.5
        self.damping *= 10.0
        if self.rcond is not None:
            self.rcond = min(10.0 * self.rcond, LARGEST)

    def state(self) -> dict[str, Any]:
        """A copy of the average, and the (possibly softened) settings."""
        gram = None if self._gram is None else self._gram.clone()
        return {"gram": gram, "learning_rate": self.learning_rate, "damping": self.damping, "rcond": self.rcond}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved average."""
        self.learning_rate, self.damping = state["learning_rate"], state["damping"]
        self.rcond = state.get("rcond", self.rcond)  # older checkpoints do not say
        self._gram = None if state["gram"] is None else state["gram"].clone()
