"""Natural gradient descent: gradient descent in a function space, projected on the network's tangent space.

    θ ← θ − η G(θ)† ∇L(θ),    G_ij = T(∂_i u, ∂_j u)

For a symmetric, coercive form T on the function space, u(θ) then moves by −η Π T⁻¹DE(u) + O(η²), where Π is the
Galerkin projection, orthogonal in T, on the span of the ∂_i u (Müller & Zeinhofer, "Position: Optimization in SciML
should employ the function space geometry", ICML 2024, Theorem 1). T is chosen by ``metric``:

    own   what the objective itself measures: JᵀJ. For ½‖r‖² that is Gauss-Newton in function space (the energy natural
          gradient), for a Ritz energy the energy's own form, for a Rayleigh quotient L² of normalised functions
          (stochastic reconfiguration)
    l2    ∫ v w             (Amari's natural gradient of a Gaussian model, Neural Comput. 10 (1998) 251)
    h1    ∫ v w + ∇v · ∇w   (Sobolev gradient descent)

The last two are taken at the points of the objective's first term. G is symmetric positive semidefinite, rank
deficient and ill conditioned: the inverse is damped, G + λ max(diag G) I, or cut off below a multiple of its largest
eigenvalue. The step η is fixed, or found on the grid {1, ½, ¼, …} as Müller & Zeinhofer (ICML 2023) do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Objective, Points, Term
from pinnrun.optimizers.base import Outcome, Pace, StepInfo, opened
from pinnrun.optimizers.gridsearch import HALVINGS, step_along
from pinnrun.settings import setting

LARGEST = 0.1  # damping or cut-off, relative to the largest of G, however often it was softened


@dataclass
class NaturalGradient:
    """G† ∇L in a metric of one's choice."""

    system: ClassVar[str] = "parameters"
    pace: Pace
    type: str = setting("natural_gradient", help="the optimizer's registered name")
    metric: Literal["own", "l2", "h1"] = setting("own", help="own: the objective's; l2 or h1 of the field")
    learning_rate: float = setting(1.0, above=0, help="step length η; the first one tried where there is a search")
    halvings: int = setting(HALVINGS, min=0, help="step lengths η/2, η/4, … to choose the best from; 0: η is fixed")
    inverse: Literal["damped", "cutoff"] = setting("damped", help="how the singular G is inverted")
    regularization: float = setting(1e-8, above=0, below=1, help="damping, or cut-off, relative to the largest of G")

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One direction; then the best length on the grid, or the fixed one."""
        linear = objective.linearize(theta)
        loss, norm, end = opened(linear, self.regularization)
        if end:
            return theta, end
        gram = linear.gram() if self.metric == "own" else metric_gram(objective, theta, self.metric)
        solve = damped_solution if self.inverse == "damped" else cutoff_solution
        d = -solve(gram, linear.gradient, self.regularization)
        if not bool(torch.isfinite(d).all()):
            return theta, StepInfo(loss, Outcome.SINGULAR, self.regularization, norm, 1)
        return step_along(
            objective,
            theta,
            d,
            loss,
            norm,
            first=self.learning_rate,
            halvings=self.halvings,
            damping=self.regularization,
        )

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Nothing to carry: every step begins afresh."""

    def soften(self) -> None:
        """Half the step, ten times the regularization."""
        self.learning_rate *= 0.5
        self.regularization = min(10.0 * self.regularization, LARGEST)

    def state(self) -> dict[str, Any]:
        """The (possibly softened) settings."""
        return {"learning_rate": self.learning_rate, "regularization": self.regularization}

    def load(self, state: dict[str, Any]) -> None:
        """Take up softened settings."""
        self.learning_rate, self.regularization = state["learning_rate"], state["regularization"]


def damped_solution(gram: Tensor, gradient: Tensor, damping: float) -> Tensor:
    """(G + λ max(diag G) I)⁻¹ g, λ no less than rounding; NaN where that is not numerically positive definite."""
    damped = gram.clone()
    damped.diagonal().add_(max(damping, rounding(gram)) * gram.diagonal().max())
    factor, info = torch.linalg.cholesky_ex(damped)
    solution = torch.cholesky_solve(gradient[:, None], factor)[:, 0]
    return torch.where(info > 0, torch.nan, solution)


def rounding(gram: Tensor) -> float:
    """How far the eigenvalues of G may be off, relative to the largest."""
    return len(gram) * torch.finfo(gram.dtype).eps


def cutoff_solution(gram: Tensor, gradient: Tensor, cutoff: float) -> Tensor:
    """G† g without the eigenvalues up to ``cutoff`` times the largest; NaN where there is no eigendecomposition."""
    try:
        eigenvalues, vectors = torch.linalg.eigh(gram)
    except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
        return torch.full_like(gradient, torch.nan)
    kept = eigenvalues > max(cutoff, rounding(gram)) * eigenvalues[-1]
    weights = torch.where(kept, 1.0 / torch.where(kept, eigenvalues, 1.0), 0.0)
    return vectors @ (weights * (vectors.T @ gradient))


def metric_gram(objective: Objective, theta: Tensor, metric: str) -> Tensor:
    """G ``(P, P)`` of L² or H¹ at the points of the objective's first term (with their quadrature weights, if any)."""
    term, points, _ = objective.blocks[0]
    dimension = points.x.shape[-1]

    def rows(points: Points, u: Jet) -> Tensor:
        values = u.channels[: 1 if metric == "l2" else 1 + dimension, 0]
        weight = points.data["root_weight"][0] if "root_weight" in points.data else torch.ones_like(points.x[0, :, 0])
        return (values * weight[:, None]).movedim(0, 1)

    outputs = objective.field.jet(theta, points, Derivatives()).value.shape[-1]
    field = Term(
        metric,
        term.sample,
        rows,
        Derivatives(gradient=metric == "h1"),
        len(points),
        rows=outputs * (1 if metric == "l2" else 1 + dimension),
    )
    return Objective(objective.field, [(field, points)]).linearize(theta).gram()
