"""K-FAC for physics-informed networks, with a line search (KFAC) or step and momentum from the exact model (KFAC*).

    G ≈ blockdiag over layers of A ⊗ B + C ⊗ D,   Δ = −Ĝ⁻¹ ∇L         one Kronecker pair a term
    A ← βA + (1 − β)A_new, from A = I;  every factor then damped by λI

    KFAC    v ← μv + Δ;  θ ← θ + αv with the best α of {1, ½, ¼, …}
    KFAC*   θ ← θ + δ,  δ = αΔ + μδ_before, with (α, μ) the minimum of the quadratic model with G = JᵀJ itself:
            [ΔᵀGΔ + λΔᵀΔ   ΔᵀGδ + λΔᵀδ] [α]     [gᵀΔ]
            [ΔᵀGδ + λΔᵀδ   δᵀGδ + λδᵀδ] [μ] = − [gᵀδ]            (α alone in the first step)

Dangel, Müller & Zeinhofer, NeurIPS 2024, arXiv 2405.15603; factored damping, and the rule of KFAC*: Martens & Grosse,
ICML 2015, arXiv 1503.05671, sections 6.3 and 7. The paper's two pairs are those of the differential operator and of
the boundary values. With one term there is one pair; with three or more, two pairs remain: one of all terms that take
derivatives, one of those that take values alone (boundary and initial data), or, where there are not both kinds, the
first term's and one of all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo, opened
from pinnrun.optimizers.gridsearch import grid_search
from pinnrun.optimizers.kronecker import Pair, group_pairs, layer_places, metric_inverse, require_factors, term_groups
from pinnrun.settings import setting

INDISTINCT = 1e-14  # sin² of the angle, in the model's metric, below which two directions count as one


@dataclass
class Kfac:
    """Natural gradient with a Kronecker-factored metric: layers of width W cost W³, whatever the number of rows."""

    pace: Pace
    type: str = setting("kfac", help="the optimizer's registered name")
    step_rule: Literal["auto", "grid"] = setting("auto", help="auto: KFAC*, from the exact model; grid: KFAC's search")
    damping: float = setting(1e-12, above=0, help="λ, added to each factor")
    split: Literal["same", "trace"] = setting("same", help="same: λ on either factor; trace: √λ by their mean traces")
    average: float = setting(0.6, min=0, below=1, help="β, what the factors keep of their past")
    momentum: float = setting(0.0, min=0, below=1, help="μ of the grid search; auto finds its own")
    learning_rate: float = setting(1.0, above=0, help="first length of the grid; of auto, what is taken of its step")
    _pairs: list[dict[int, Pair]] | None = field(default=None, init=False, repr=False)
    _previous: Tensor | None = field(default=None, init=False, repr=False)

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """Renew the factors, take the direction, find its length."""
        linear = require_factors(objective.linearize(theta), "optimizer: kfac")
        loss, norm, end = opened(linear, self.damping)
        if end:
            return theta, end
        pairs = self._renew([group_pairs(linear, group) for group in term_groups(objective, linear)])
        direction = -metric_inverse(pairs, layer_places(linear), self.damping, self.split)(linear.gradient)
        if not bool(torch.isfinite(direction).all()):
            return theta, StepInfo(loss, Outcome.SINGULAR, self.damping, norm, 1)
        if self.step_rule == "auto":
            return self._model_step(objective, linear, theta, direction, norm)
        return self._search(objective, theta, direction, loss, norm)

    def _renew(self, fresh: list[dict[int, Pair]]) -> list[dict[int, Pair]]:
        """The factors, averaged with their past."""
        if self._pairs is None:
            self._pairs = [{key: _identity(pair) for key, pair in part.items()} for part in fresh]
        for part, new in zip(self._pairs, fresh, strict=True):
            for key, pair in new.items():
                kept = zip(pair, part[key], strict=True)
                part[key] = Pair(*(torch.lerp(now, before, self.average) for now, before in kept))
        return self._pairs

    # -- the length ------------------------------------------------------------------------------------------

    def _model_step(
        self, objective: Objective, linear: Linearization, theta: Tensor, direction: Tensor, norm: float
    ) -> tuple[Tensor, StepInfo]:
        """KFAC*: the model's minimum over the direction and the step before."""
        loss = float(linear.value)
        span = [direction] if self._previous is None else [direction, self._previous]
        coefficients, predicted = model_minimum(linear, span, self.damping, self.learning_rate)
        step = self.learning_rate * torch.stack(span, dim=1) @ coefficients
        new = theta + step
        value = float(objective.value(new))
        ratio = (loss - value) / predicted if predicted > 0 else nan
        length = self.learning_rate * float(coefficients[0])
        if not abs(value) < inf:
            return theta, StepInfo(value, Outcome.NOT_FINITE, self.damping, norm, 2, ratio, length)
        self._previous = step
        return new, StepInfo(value, Outcome.ACCEPTED, self.damping, norm, 2, ratio, length)

    def _search(
        self, objective: Objective, theta: Tensor, direction: Tensor, loss: float, norm: float
    ) -> tuple[Tensor, StepInfo]:
        """KFAC: the best length on the grid, along the direction with its momentum or, if that fails, without."""
        tried = [direction] if self._previous is None else [direction + self.momentum * self._previous, direction]
        evaluations = 1
        for d in tried:
            found = grid_search(objective, theta, d, loss, self.learning_rate)
            evaluations += found.evaluations
            if found.lower:
                self._previous = d if self.momentum else None
                outcome = Outcome.ACCEPTED
                return found.theta, StepInfo(found.loss, outcome, self.damping, norm, evaluations, length=found.length)
        self._previous = None
        return theta, StepInfo(loss, Outcome.SEARCH_FAILED, self.damping, norm, evaluations)

    # -- memory ----------------------------------------------------------------------------------------------

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Start anew from the identity: the factors have other sizes."""
        self._pairs = self._previous = None

    def soften(self) -> None:
        """Half the step, ten times the damping, and no momentum from before."""
        self.learning_rate *= 0.5
        self.damping *= 10.0
        self._previous = None

    def state(self) -> dict[str, Any]:
        """A copy of the factors and of the last step."""
        pairs = self._pairs
        return {
            "damping": self.damping,
            "learning_rate": self.learning_rate,
            "pairs": None
            if pairs is None
            else [{k: [f.clone() for f in p] for k, p in part.items()} for part in pairs],
            "previous": None if self._previous is None else self._previous.clone(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved memory."""
        self.damping, self.learning_rate = state["damping"], state["learning_rate"]
        pairs, previous = state["pairs"], state["previous"]
        self._pairs = pairs and [{k: Pair(*(f.clone() for f in p)) for k, p in part.items()} for part in pairs]
        self._previous = None if previous is None else previous.clone()


def model_minimum(
    linear: Linearization, span: Sequence[Tensor], damping: float, part: float = 1.0
) -> tuple[Tensor, float]:
    """The coefficients that minimise gᵀd + ½‖Jd‖² + ½λ‖d‖² over d in the span, and −(gᵀd + ½‖Jd‖²) at part of it."""
    directions = torch.stack(list(span), dim=1)
    images = torch.stack([linear.mv(d) for d in span], dim=1)
    curvature, slope = images.T @ images, directions.T @ linear.gradient
    size = directions.norm(dim=0)
    scaled = (curvature + damping * directions.T @ directions) / size / size[:, None]
    coefficients = slope.new_tensor(_solve(scaled.tolist(), (-slope / size).tolist())) / size
    taken = part * coefficients
    return coefficients, -float(slope.dot(taken) + 0.5 * taken.dot(curvature @ taken))


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """The solution of one or two symmetric equations; of two that say the same, by the first unknown alone.

    By hand, because LAPACK's least squares give other last digits from call to call.
    """
    a, x = matrix[0][0], right[0]
    if len(right) == 1:
        return [x / a]
    b, c, y = matrix[0][1], matrix[1][1], right[1]
    determinant = a * c - b * b
    if determinant <= INDISTINCT * a * c:
        return [x / a, 0.0]
    return [(c * x - b * y) / determinant, (a * y - b * x) / determinant]


def _identity(pair: Pair) -> Pair:
    return Pair(*(torch.eye(len(factor), dtype=factor.dtype, device=factor.device) for factor in pair))
