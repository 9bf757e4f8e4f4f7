"""SPRING: natural gradient in the kernel form that starts from its last direction (subsampled projected-increment).

    ζ = −(r + μ J φ)
    φ ← μ φ + Jᵀ (JJᵀ + λI)⁻¹ ζ                 the minimum of ‖Jφ + r‖² + λ ‖φ − μ φ_before‖²
    θ ← θ + min(η, √C / ‖φ‖) φ,   or θ + αφ with the best α of {η, η/2, η/4, …}

The last direction carries what this step's rows do not see: all that lies in the null space of J, and, where λ is
felt, part of the rest. With ``bias_correction`` φ is divided by √(1 − μ²ᵏ) in the k-th step, as its sum of powers of
μ is not complete yet.

Goldshlager, Abrahamsen & Lin, J. Comput. Phys. 516 (2024) 113351, arXiv 2401.10190; for physics-informed networks, with
the bias correction and the search: Guzmán-Cordero, Dangel, Goldshlager & Zeinhofer, NeurIPS 2025, arXiv 2505.12149.
Where the search finds nothing along φ it tries once more along the direction that has no past.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf, sqrt
from typing import Any, ClassVar

from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo, opened
from pinnrun.optimizers.engd_w import factorized_kernel
from pinnrun.optimizers.gridsearch import HALVINGS, step_along
from pinnrun.optimizers.lm import DampedSystem
from pinnrun.settings import setting


@dataclass
class Spring:
    """−Jᵀ (JJᵀ + λI)⁻¹ r, corrected from the last direction instead of from nothing."""

    system: ClassVar[str] = "rows"
    needs_rows = True

    pace: Pace
    type: str = setting("spring", help="the optimizer's registered name")
    momentum: float = setting(0.7, min=0, below=1, help="μ, what is kept of the last direction")
    damping: float = setting(1e-12, above=0, help="λ, relative to the largest diagonal entry of JJᵀ")
    bias_correction: bool = setting(False, help="longer first steps: φ / √(1 − μ²ᵏ)")
    learning_rate: float = setting(1.0, above=0, help="step length η; the first one tried where there is a search")
    halvings: int = setting(HALVINGS, min=0, help="shorter step lengths to choose the best from; 0: it is fixed")
    norm_constraint: float | None = setting(None, above=0, help="C: a fixed step is no longer than √C; null: no bound")
    _phi: Tensor | None = field(default=None, init=False, repr=False)
    _count: int = field(default=0, init=False, repr=False)  # k, steps of φ

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """Correct the direction, find its length."""
        linear = objective.linearize(theta)
        loss, norm, end = opened(linear, self.damping)
        if end:
            return theta, end
        system, used = factorized_kernel(linear, self.damping)
        if system is None:
            return theta, StepInfo(loss, Outcome.SINGULAR, used, norm, 1)
        new, info = self._advance(objective, theta, system, used, loss, norm)
        if info.outcome is Outcome.SEARCH_FAILED and self._phi is not None:
            self._forget()
            spent = info.evaluations - 1
            new, info = self._advance(objective, theta, system, used, loss, norm)
            info = replace(info, evaluations=info.evaluations + spent)
        return new, info

    def _advance(
        self, objective: Objective, theta: Tensor, system: DampedSystem, used: float, loss: float, norm: float
    ) -> tuple[Tensor, StepInfo]:
        """One step from the present φ, which is renewed only where θ moves."""
        phi = self._direction(system)
        d = phi / sqrt(1.0 - self.momentum ** (2 * (self._count + 1))) if self.bias_correction else phi
        size = float(d.norm())
        if not size < inf:
            return theta, StepInfo(loss, Outcome.SINGULAR, used, norm, 1)
        first = self.learning_rate
        if not self.halvings and self.norm_constraint is not None:
            first = min(first, sqrt(self.norm_constraint) / size)
        new, info = step_along(objective, theta, d, loss, norm, first=first, halvings=self.halvings, damping=used)
        if info.accepted:
            self._phi, self._count = phi, self._count + 1
        return new, info

    def _direction(self, system: DampedSystem) -> Tensor:
        linear = system.linear
        if self._phi is None or not self.momentum:
            return system.respond(linear.r)
        carried = self.momentum * self._phi
        return carried + system.respond(linear.r + linear.mv(carried))

    def _forget(self) -> None:
        self._phi, self._count = None, 0

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Keep the direction of the parameters that live on; it is zero along new ones."""
        before = self._phi
        if old_to_new is None:
            self._forget()
        elif before is not None:
            self._phi = before.new_zeros(size)
            self._phi[old_to_new] = before

    def soften(self) -> None:
        """Half the step, ten times the damping, and no direction from before."""
        self.learning_rate *= 0.5
        self.damping *= 10.0
        if self.norm_constraint is not None:
            self.norm_constraint *= 0.25
        self._forget()

    def state(self) -> dict[str, Any]:
        """A copy of the direction, and the (possibly softened) settings."""
        return {
            "phi": None if self._phi is None else self._phi.clone(),
            "count": self._count,
            "learning_rate": self.learning_rate,
            "damping": self.damping,
            "norm_constraint": self.norm_constraint,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved direction."""
        self._phi = None if state["phi"] is None else state["phi"].clone()
        self._count = state["count"]
        self.learning_rate, self.damping = state["learning_rate"], state["damping"]
        self.norm_constraint = state["norm_constraint"]
