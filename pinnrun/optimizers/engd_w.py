"""Energy natural gradient descent in the kernel form, by Woodbury's identity: an N × N system instead of P × P.

    d = −Jᵀ (JJᵀ + λI)⁻¹ r = −(JᵀJ + λI)⁻¹ ∇L
    θ ← θ + αd,   α the best of {η, η/2, η/4, …}

Guzmán-Cordero, Dangel, Goldshlager & Zeinhofer, NeurIPS 2025, arXiv 2505.12149 (ENGD-W). JJᵀ costs N²P and its Cholesky
factor N³/3: for networks with more parameters than residual rows. λ is small, there to make the factor exist, and
relative to the largest diagonal entry of JJᵀ; where there is no factor it is raised, for that step alone. With far
fewer parameters than rows JJᵀ is as good as singular, and λ decides: ``engd`` or ``lm`` are for those.

With fresh points at every step the error settles where what a step learns from its batch equals what it undoes of the
others'; a length η that decays (see ``schedule``) averages over batches, as in every stochastic approximation (Robbins
& Monro, Ann. Math. Statist. 22, 1951).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo, opened
from pinnrun.optimizers.gridsearch import HALVINGS, step_along
from pinnrun.optimizers.lm import DampedSystem
from pinnrun.optimizers.schedule import Schedule, rate_factor
from pinnrun.settings import setting

RAISES, FACTOR = 4, 100.0  # how often the damping of one step is raised, and by how much


@dataclass
class WoodburyNaturalGradient:
    """−Jᵀ (JJᵀ + λI)⁻¹ r with a fixed damping, and the best step length of a grid."""

    system: ClassVar[str] = "rows"
    needs_rows = True

    pace: Pace
    type: str = setting("engd_w", help="the optimizer's registered name")
    damping: float = setting(1e-10, above=0, help="λ, relative to the largest diagonal entry of JJᵀ")
    learning_rate: float = setting(1.0, above=0, help="step length; the first one tried where there is a search")
    halvings: int = setting(HALVINGS, min=0, help="shorter step lengths to choose the best from; 0: it is fixed")
    schedule: Schedule = setting("constant", help="how the step length changes within a stage")
    decay_steps: int | None = setting(None, min=1, help="steps that the schedule takes; null: the pace's horizon")
    decay_to: float = setting(0.01, above=0, max=1, help="fraction of the step length that a decay arrives at")
    _clock: int = field(default=0, init=False, repr=False)  # steps since the stage began

    @property
    def rate(self) -> float:
        """The step length η of the next step."""
        return self.rate_at(self._clock + 1)

    def rate_at(self, step: int) -> float:
        """The step length η of the stage's step 1, 2, …"""
        steps = self.decay_steps or self.pace.horizon
        return self.learning_rate * rate_factor(self.schedule, step - 1, steps, self.decay_to)

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One direction; then the best length on the grid, or the fixed one."""
        linear = objective.linearize(theta)
        loss, norm, end = opened(linear, self.damping)
        if end:
            return theta, end
        system, used = factorized_kernel(linear, self.damping)
        if system is None:
            return theta, StepInfo(loss, Outcome.SINGULAR, used, norm, 1)
        d = system.respond(linear.r)
        if not bool(torch.isfinite(d).all()):
            return theta, StepInfo(loss, Outcome.SINGULAR, used, norm, 1)
        rate, self._clock = self.rate, self._clock + 1
        return step_along(objective, theta, d, loss, norm, first=rate, halvings=self.halvings, damping=used)

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Nothing to carry, every step begins afresh; the schedule does, too."""
        self._clock = 0

    def soften(self) -> None:
        """Half the step, ten times the damping."""
        self.learning_rate *= 0.5
        self.damping *= 10.0

    def state(self) -> dict[str, Any]:
        """The (possibly softened) settings, and the steps of the stage."""
        return {"learning_rate": self.learning_rate, "damping": self.damping, "clock": self._clock}

    def load(self, state: dict[str, Any]) -> None:
        """Take up softened settings."""
        self.learning_rate, self.damping = state["learning_rate"], state["damping"]
        self._clock = state["clock"]


def factorized_kernel(linear: Linearization, damping: float) -> tuple[DampedSystem | None, float]:
    """JJᵀ + λI with its Cholesky factor (None where even raised damping gives none), and the λ that was used.

    ``damping`` and λ are relative to the largest diagonal entry of JJᵀ.
    """
    system = DampedSystem(linear, linear.gradient, "kernel")
    scale = float(system.diagonal.max())
    for _ in range(RAISES):
        if system.factorize(damping * scale):
            return system, damping
        damping *= FACTOR
    return (system if system.factorize(damping * scale) else None), damping
