"""Levenberg-Marquardt with Nielsen's damping rule, in the Gram or the kernel form.

    d = −(JᵀJ + λI)⁻¹ Jᵀr = −Jᵀ(JJᵀ + λI)⁻¹ r
    ρ = (L(θ) − L(θ + d)) / ½ dᵀ(λd − g)
    ρ > 0:  θ ← θ + d,  λ ← λ max(1/3, 1 − (2ρ − 1)³),  ν ← 2
    else:   λ ← νλ,  ν ← 2ν

Levenberg 1944, Marquardt 1963; damping: Nielsen, IMM-REP-1999-05, DTU (also Madsen, Nielsen & Tingleff 2004,
algorithm 3.16). For a residual objective the undamped direction is the energy natural gradient (Müller & Zeinhofer,
ICML 2023). The P × P form costs NP² + P³/3, the N × N form N²P + N³/3: the smaller one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.settings import setting

SMALLEST, LARGEST = 1e-15, 1e12  # bounds of the relative damping


@dataclass
class LevenbergMarquardt:
    """Damped Gauss-Newton; one step is one accepted trial, or ``trials`` rejected ones."""

    pace: Pace
    type: str = setting("lm", help="the optimizer's registered name")
    damping: float = setting(1e-3, above=0, help="first λ, relative to the largest diagonal entry of JᵀJ")
    trials: int = setting(12, min=1, help="damping values tried before a step is given up")
    form: Literal["auto", "gram", "kernel"] = setting("auto", help="the system solved: P × P, N × N, or the smaller")
    _lambda: float | None = field(default=None, init=False, repr=False)
    _nu: float = field(default=2.0, init=False, repr=False)

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """Linearize once, then try damped steps until one lowers the loss."""
        linear = objective.linearize(theta)
        loss, gradient = float(linear.value), linear.gradient
        norm = float(gradient.norm())
        if not (loss < float("inf") and norm < float("inf")):
            return theta, StepInfo(loss, Outcome.NOT_FINITE, self._lambda or 0.0, norm, 1)
        if norm == 0.0:
            return theta, StepInfo(loss, Outcome.CONVERGED, self._lambda or 0.0, norm, 1)
        system = DampedSystem(linear, gradient, self.form)
        if self._lambda is None:
            self._lambda = self.damping * system.scale
        for trial in range(1, self.trials + 1):
            used = self._lambda
            d = system.solve(used)
            predicted = 0.5 * float(d.dot(used * d - gradient)) if d is not None else 0.0
            new_loss = float(objective.value(theta + d)) if d is not None and predicted > 0 else float("inf")
            ratio = (loss - new_loss) / predicted if predicted > 0 else float("-inf")
            self._adapt(ratio, system.scale)
            if ratio > 0 and d is not None:
                return theta + d, StepInfo(new_loss, Outcome.ACCEPTED, used, norm, 1 + trial, ratio)
        return theta, StepInfo(loss, Outcome.REJECTED, self._lambda, norm, 1 + self.trials)

    def _adapt(self, ratio: float, scale: float) -> None:
        assert self._lambda is not None
        if ratio > 0:
            self._lambda *= max(1.0 / 3.0, 1.0 - (2.0 * min(ratio, 2.0) - 1.0) ** 3)
            self._nu = 2.0
        else:
            self._lambda *= self._nu
            self._nu *= 2.0
        self._lambda = min(max(self._lambda, SMALLEST * scale), LARGEST * scale)

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Start the damping anew: the old λ belongs to the old network's metric."""
        self._lambda, self._nu = None, 2.0

    def soften(self) -> None:
        """Ten times the damping."""
        self.damping *= 10.0
        self._lambda = None if self._lambda is None else 10.0 * self._lambda

    def state(self) -> dict[str, Any]:
        """λ, ν and the (possibly softened) first damping."""
        return {"lambda": self._lambda, "nu": self._nu, "damping": self.damping}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved damping."""
        self._lambda, self._nu, self.damping = state["lambda"], state["nu"], state["damping"]


class DampedSystem:
    """(JᵀJ + λI) d = −g for many λ: the matrix is formed once, each λ costs one Cholesky factorisation."""

    def __init__(self, linear: Linearization, gradient: Tensor, form: str) -> None:
        rows, size = linear.r.shape[0], gradient.shape[0]
        smaller = rows < size and linear.is_least_squares  # the kernel form needs rows with Jᵀr = ∇L
        self.use_kernel = form == "kernel" or (form == "auto" and smaller)
        self.linear, self.gradient = linear, gradient
        self.matrix = linear.kernel() if self.use_kernel else linear.gram()
        self.diagonal = self.matrix.diagonal().clone()
        metric = linear.J().square().sum(0) if self.use_kernel else self.diagonal  # the diagonal of JᵀJ
        self.scale = float(metric.max())

    def solve(self, damping: float) -> Tensor | None:
        """The step for this λ, or None where the damped matrix is not numerically positive definite."""
        damped = self.matrix.clone()
        damped.diagonal().copy_(self.diagonal + damping)
        factor, info = torch.linalg.cholesky_ex(damped)
        if int(info):
            return None
        right = self.linear.r if self.use_kernel else self.gradient
        solution = torch.cholesky_solve(right[:, None], factor)[:, 0]
        return -self.linear.rmv(solution) if self.use_kernel else -solution
