"""Levenberg-Marquardt with Nielsen's damping rule, in the Gram or the kernel form.

    d = −(JᵀJ + λI)⁻¹ Jᵀr = −Jᵀ(JJᵀ + λI)⁻¹ r
    ρ = (L(θ) − L(θ + d)) / ½ dᵀ(λd − g)
    ρ > 0:  θ ← θ + d,  λ ← λ max(1/3, 1 − (2ρ − 1)³),  ν ← 2
    else:   λ ← νλ,  ν ← 2ν

With geodesic acceleration the step also bends along the surface that the rows r(θ) sweep out,

    d + ½a,   a = −(JᵀJ + λI)⁻¹ Jᵀ r_dd,   r_dd = d²/ds² r(θ + s d) ≈ (2/h) ((r(θ + h d) − r(θ))/h − J d)

and a trial whose bend 2‖a‖/‖d‖ exceeds ``acceleration`` counts as one that failed: where many directions are sloppy,
as in a network, the damping then stays small along valleys that straight steps leave. It costs one more evaluation
of r (Transtrum & Sethna 2012, arXiv 1201.5885; h = 0.1 is theirs).

Levenberg 1944, Marquardt 1963; damping: Nielsen, IMM-REP-1999-05, DTU (also Madsen, Nielsen & Tingleff 2004,
algorithm 3.16). For a residual objective the undamped direction is the energy natural gradient (Müller & Zeinhofer,
ICML 2023). The P × P form costs NP² + P³/3, the N × N form N²P + N³/3: the smaller one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo, opened
from pinnrun.settings import setting

SMALLEST, LARGEST = 1e-15, 1e12  # bounds of the relative damping
PROBE = 0.1  # part of the step over which the rows' second derivative along it is measured


@dataclass
class LevenbergMarquardt:
    """Damped Gauss-Newton; one step is one accepted trial, or ``trials`` rejected ones."""

    system: ClassVar[str] = "parameters"
    pace: Pace
    type: str = setting("lm", help="the optimizer's registered name")
    damping: float = setting(1e-3, above=0, help="first λ, relative to the largest diagonal entry of JᵀJ")
    trials: int = setting(12, min=1, help="damping values tried before a step is given up")
    form: Literal["auto", "gram", "kernel"] = setting(
        "auto", help="the system solved: P × P, N × N (of residuals alone), or the smaller"
    )
    acceleration: float = setting(0.75, min=0, help="largest bend 2|a|/|d| of a geodesic step; 0: straight steps")
    _lambda: float | None = field(default=None, init=False, repr=False)
    _nu: float = field(default=2.0, init=False, repr=False)
    latest_system: DampedSystem | None = field(default=None, init=False, repr=False)  # of the last step

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """Linearize once, then try damped steps until one lowers the loss."""
        self.latest_system = None  # its Jacobian makes room for the next
        linear = objective.linearize(theta)
        loss, norm, end = opened(linear, self._lambda or 0.0)
        if end:
            return theta, end
        system = self.latest_system = DampedSystem(linear, linear.gradient, self.form)
        if self._lambda is None:
            self._lambda = self.damping * system.scale
        evaluations = 1
        for _ in range(self.trials):
            used = self._lambda
            d, predicted = self._direction(system, used)
            if d is not None and self.acceleration and linear.is_least_squares:
                d = self._bend(objective, theta, system, d)
                evaluations += 1
            new_loss = float("inf")
            if d is not None:
                new_loss = float(objective.value(theta + d))
                evaluations += 1
            ratio = (loss - new_loss) / predicted if predicted > 0 else float("-inf")
            self._adapt(ratio, system.scale)
            if ratio > 0 and d is not None:
                return theta + d, StepInfo(new_loss, Outcome.ACCEPTED, used, norm, evaluations, ratio)
        return theta, StepInfo(loss, Outcome.REJECTED, self._lambda, norm, evaluations)

    def _direction(self, system: DampedSystem, damping: float) -> tuple[Tensor | None, float]:
        """The straight step and the decrease that it promises; None where there is no such step."""
        d = system.solve(damping)
        predicted = 0.5 * float(d.dot(damping * d - system.gradient)) if d is not None else 0.0
        return (d, predicted) if predicted > 0 else (None, 0.0)

    def _bend(self, objective: Objective, theta: Tensor, system: DampedSystem, d: Tensor) -> Tensor | None:
        """The step with its geodesic acceleration, or None where the rows bend too much for so long a step."""
        linear = system.linear
        slope = (objective.residual(theta + PROBE * d) - linear.r) / PROBE
        a = system.respond((2.0 / PROBE) * (slope - linear.mv(d)))
        small = 2.0 * float(a.norm()) <= self.acceleration * float(d.norm())  # NaN is not small
        return d + 0.5 * a if small else None

    def _adapt(self, ratio: float, scale: float) -> None:
        assert self._lambda is not None
        self._lambda, self._nu = nielsen(self._lambda, self._nu, ratio, scale)

    def take_up(self, damping: float, nu: float) -> None:
        """Go on with a damping that another loop has found."""
        self._lambda, self._nu = damping, nu

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Start the damping anew: the old λ belongs to the old network's metric."""
        self._lambda, self._nu, self.latest_system = None, 2.0, None

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
        self.latest_system = None


def nielsen(damping: float, nu: float, ratio: float, scale: float) -> tuple[float, float]:
    """λ and ν after a trial of that ratio ρ; λ stays within bounds relative to ``scale``."""
    if ratio > 0:
        damping, nu = damping * max(1.0 / 3.0, 1.0 - (2.0 * min(ratio, 2.0) - 1.0) ** 3), 2.0
    else:
        damping, nu = damping * nu, 2.0 * nu
    return min(max(damping, SMALLEST * scale), LARGEST * scale), nu


class DampedSystem:
    """(JᵀJ + λI) d = −g for many λ: the matrix is formed once, each λ costs one Cholesky factorisation."""

    factor: Tensor  # Cholesky, of the latest λ

    def __init__(self, linear: Linearization, gradient: Tensor, form: str) -> None:
        rows, size = linear.r.shape[0], gradient.shape[0]
        wanted = form == "kernel" or (form == "auto" and rows < size)
        self.use_kernel = wanted and linear.is_least_squares  # it needs rows with Jᵀr = ∇L
        self.linear, self.gradient = linear, gradient
        self.matrix = linear.kernel() if self.use_kernel else linear.gram()
        self.diagonal = self.matrix.diagonal().clone()

    @cached_property
    def scale(self) -> float:
        """The largest diagonal entry of JᵀJ."""
        metric = self.linear.gram_diagonal() if self.use_kernel else self.diagonal
        return float(metric.max())

    def factorize(self, damping: float) -> bool:
        """Make ready for this λ; whether the damped matrix is numerically positive definite."""
        damped = self.matrix.clone()
        damped.diagonal().copy_(self.diagonal + damping)
        self.factor, info = torch.linalg.cholesky_ex(damped)
        return not int(info)

    def solve(self, damping: float) -> Tensor | None:
        """The step for this λ, or None where the damped matrix is not numerically positive definite."""
        if not self.factorize(damping):
            return None
        if self.use_kernel:
            return self.respond(self.linear.r)
        return -torch.cholesky_solve(self.gradient[:, None], self.factor)[:, 0]

    def respond(self, rows: Tensor) -> Tensor:
        """−(JᵀJ + λI)⁻¹ Jᵀ rows, for the λ that it was made ready for last."""
        right = rows if self.use_kernel else self.linear.rmv(rows)
        solution = torch.cholesky_solve(right[:, None], self.factor)[:, 0]
        return -self.linear.rmv(solution) if self.use_kernel else -solution
