"""Matrix-free Gauss-Newton: the damped system solved by truncated conjugate gradients, J never formed.

    (JᵀJ + λI) d ≈ −g        by products Jᵀ(Jp) alone, each at about the price of a gradient
    stop at iteration i when φ(d_i) < 0 and (φ(d_i) − φ(d_{i−k})) / φ(d_i) ≤ kε,   k = max(10, i/10)
    φ(d) = ½ dᵀ(JᵀJ + λI)d + gᵀd
    ρ = (L(θ + d) − L(θ)) / (gᵀd + ½ ‖Jd‖²);   λ ← 3/2 λ where ρ < 1/4,   λ ← 2/3 λ where ρ > 3/4

The products: Schraudolph, Neural Comput. 14 (2002) 1723. Stopping rule, damping rule, warm start from the last
solution and backtracking through the iterates: Martens, "Deep learning via Hessian-free optimization", ICML 2010;
here an earlier iterate is taken only where the last one does not lower the loss. For physics-informed networks: Jnini,
Vella & Zeinhofer, arXiv 2402.10680. The system is ill conditioned; what makes the iterations few is the preconditioner:
Nyström (Frangella, Tropp & Udell, arXiv 2110.02820; Rathore et al., ICML 2024, arXiv 2402.01868), or the Kronecker
factors of K-FAC (Dangel, Müller & Zeinhofer, NeurIPS 2024, arXiv 2405.15603) at the present λ. Measured on Poisson
problems, Nyström serves best at a thousand parameters and K-FAC at nine thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo, opened
from pinnrun.optimizers.kronecker import group_pairs, layer_places, metric_inverse, require_factors, term_groups
from pinnrun.optimizers.nystrom import Nystrom, sketch
from pinnrun.settings import setting

SMALLEST, LARGEST = 1e-15, 1e12  # bounds of the damping, relative to the curvature along the first gradient
KEPT = 1.3  # an iterate is kept every time the iterations have grown by this factor
FAILED = 4.0  # the damping grows by this factor where no iterate lowers the loss

Preconditioner = Callable[[float], Callable[[Tensor], Tensor]]
"""From the damping λ to the map v ↦ M⁻¹v for an M near JᵀJ + λI."""


@dataclass
class GaussNewtonCg:
    """Truncated Gauss-Newton; memory and time of a step grow with N + P, not with their product."""

    pace: Pace
    type: str = setting("cg", help="the optimizer's registered name")
    damping: float = setting(1e-3, above=0, help="first λ, relative to the curvature of JᵀJ along the gradient")
    iterations: int = setting(250, min=1, help="conjugate-gradient iterations at most")
    tolerance: float = setting(5e-3, min=0, help="ε: least relative progress per iteration that is worth going on for")
    warm_start: float = setting(0.95, min=0, max=1, help="iterations start at this much of the last step; 0: at zero")
    preconditioner: Literal["none", "nystrom", "kfac"] = setting("nystrom", help="what makes the iterations fewer")
    rank: int = setting(50, min=1, help="rank of the Nyström approximation")
    refresh: int = setting(10, min=1, help="steps for which the Nyström approximation is kept")
    seed: int = setting(0, min=0, max=2**63 - 1, help="fixes the preconditioner's random directions")
    trials: int = setting(8, min=1, help="damping values tried before a step is given up")
    _lambda: float | None = field(default=None, init=False, repr=False)
    _scale: float = field(default=0.0, init=False, repr=False)
    _previous: Tensor | None = field(default=None, init=False, repr=False)
    _nystrom: Nystrom | None = field(default=None, init=False, repr=False)
    _age: int = field(default=0, init=False, repr=False)
    _generator: torch.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._generator = torch.Generator().manual_seed(self.seed)

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """Linearize once; solve with growing damping until an iterate lowers the loss."""
        linear = objective.linearize(theta)
        loss, norm, end = opened(linear, self._lambda or 0.0)
        if end:
            return theta, end
        if self._lambda is None:
            self._scale = float((linear.mv(linear.gradient) / norm).square().sum())
            self._lambda = self.damping * self._scale
        precondition = self._make_preconditioner(objective, linear, theta)
        evaluations = 1
        for _ in range(self.trials):
            used = self._lambda
            solution = conjugate_gradients(
                linear,
                linear.gradient,
                used,
                start=None if self._previous is None else self.warm_start * self._previous,
                precondition=precondition(used),
                iterations=self.iterations,
                tolerance=self.tolerance,
            )
            new, ratio, tried = self._try(objective, theta, loss, solution)
            evaluations += tried
            self._adapt(ratio, accepted=new is not None)
            if new is not None:
                self._previous = solution.iterates[-1]
                return new[0], StepInfo(new[1], Outcome.ACCEPTED, used, norm, evaluations, ratio)
            self._previous = None
        return theta, StepInfo(loss, Outcome.REJECTED, self._lambda, norm, evaluations)

    def _make_preconditioner(self, objective: Objective, linear: Linearization, theta: Tensor) -> Preconditioner:
        """What is applied to a vector at a given damping."""
        if self.preconditioner == "kfac":
            linear = require_factors(linear, "optimizer.preconditioner: kfac")
            pairs = [group_pairs(linear, group) for group in term_groups(objective, linear)]
            return lambda damping: metric_inverse(pairs, layer_places(linear), damping, "trace")
        if self.preconditioner == "none":
            return lambda damping: lambda v: v
        if self._nystrom is None or self._age >= self.refresh:
            self._nystrom = sketch(lambda v: linear.rmv(linear.mv(v)), theta, self.rank, self._generator)
            self._age = 0
        self._age += 1
        nystrom = self._nystrom
        return lambda damping: lambda v: nystrom.apply_inverse(v, damping)

    @staticmethod
    def _try(
        objective: Objective, theta: Tensor, loss: float, solution: Solution
    ) -> tuple[tuple[Tensor, float] | None, float, int]:
        """The first iterate from the last one back that lowers the loss, the last one's ratio, the evaluations."""
        ratio = -inf
        for tried, d in enumerate(reversed(solution.iterates), start=1):
            new = theta + d
            value = float(objective.value(new))
            if tried == 1 and solution.decrease > 0 and abs(value) < inf:
                ratio = (loss - value) / solution.decrease
            if value < loss:
                return (new, value), ratio, tried
        return None, ratio, len(solution.iterates)

    def _adapt(self, ratio: float, *, accepted: bool) -> None:
        assert self._lambda is not None
        if ratio < 0.25:
            self._lambda *= 1.5 if accepted else FAILED
        elif ratio > 0.75:
            self._lambda /= 1.5
        self._lambda = min(max(self._lambda, SMALLEST * self._scale), LARGEST * self._scale)

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Start anew: damping, last step and preconditioner belong to the old network's metric."""
        self._lambda, self._previous, self._nystrom = None, None, None

    def soften(self) -> None:
        """Ten times the damping."""
        self.damping *= 10.0
        self._lambda = None if self._lambda is None else 10.0 * self._lambda

    def state(self) -> dict[str, Any]:
        """A copy of the damping, the last step, the preconditioner and the generator."""
        nystrom = self._nystrom
        return {
            "damping": self.damping,
            "lambda": self._lambda,
            "scale": self._scale,
            "previous": None if self._previous is None else self._previous.clone(),
            "nystrom": None if nystrom is None else [nystrom.vectors.clone(), nystrom.eigenvalues.clone()],
            "age": self._age,
            "generator": self._generator.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved memory."""
        self.damping, self._lambda, self._scale = state["damping"], state["lambda"], state["scale"]
        self._previous = None if state["previous"] is None else state["previous"].clone()
        self._nystrom = None if state["nystrom"] is None else Nystrom(*(part.clone() for part in state["nystrom"]))
        self._age = state["age"]
        self._generator.set_state(state["generator"].cpu())


@dataclass(frozen=True)
class Solution:
    """What the iterations came to.

    Attributes:
        iterates: those kept on the way, the last one last.
        decrease: −(gᵀd + ½‖Jd‖²) of the last one, which the undamped model promises.
    """

    iterates: list[Tensor]
    decrease: float


def conjugate_gradients(
    linear: Linearization,
    gradient: Tensor,
    damping: float,
    *,
    start: Tensor | None,
    precondition: Callable[[Tensor], Tensor],
    iterations: int,
    tolerance: float,
) -> Solution:
    """Minimise φ(d) = ½‖Jd‖² + ½λ‖d‖² + gᵀd by preconditioned conjugate gradients.

    A start that is no better than zero is not used. The iterations end early where rounding has used them up.
    """
    d, residual = torch.zeros_like(gradient), -gradient
    if start is not None:
        left = -gradient - linear.rmv(linear.mv(start)) - damping * start
        if float(start.dot(left - gradient)) > 0:  # −2φ(start)
            d, residual = start, left
    z = precondition(residual)
    p, rz = z, residual.dot(z)
    phi = [float(-0.5 * d.dot(residual - gradient))]
    kept: list[Tensor] = []
    due = 1
    for i in range(1, iterations + 1):
        jp = linear.mv(p)
        alpha = rz / (jp.dot(jp) + damping * p.dot(p))
        ahead = d + alpha * p
        residual = residual - alpha * (linear.rmv(jp) + damping * p)
        z = precondition(residual)
        rz, before = residual.dot(z), rz
        value, left_over = torch.stack([-0.5 * ahead.dot(residual - gradient), rz]).tolist()
        if not abs(value) < inf:
            break
        d = ahead
        phi.append(value)
        k = max(10, i // 10)
        settled = i > k and value < 0 and (value - phi[i - k]) / value <= k * tolerance
        if settled or not 0 < left_over < inf:
            break
        if i == due:
            kept.append(d)
            due = ceil(KEPT * due)
        p = z + (rz / before) * p
    if not (kept and kept[-1] is d):
        kept.append(d)
    return Solution(kept, -phi[-1] + 0.5 * damping * float(d.dot(d)))
