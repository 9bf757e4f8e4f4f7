"""DSGNAR, doubly sketched Gauss-Newton with adaptive ratio: the largest step whose model still holds as far as wanted.

    J̃ = C J Ω,  r̃ = C r;     U S Vᵀ = J̃ (one SVD),  g = S Uᵀ r̃
    p(λ) = −Ω V g / (S² + λ),    λ_i ≥ 0 with |p(λ_i)| = Δ_i,    Δ_1 … Δ_24 from Δ/3 to 3Δ in equal ratios
    ρ_i = (L(θ) − L(θ + p_i)) / ½ Σ g² (S² + 2λ_i) / (S² + λ_i)²
    ρ(log Δ): the running minimum of the ρ_i, joined monotonically (PCHIP)
    Δ ← the largest radius with ρ(log Δ) ≥ ρ*;  θ ← θ + p there if the loss falls, else Δ ← Δ/3

All of a step's work but one SVD goes into trial steps, and these choose damping and length together. The wanted ratio
ρ* is small at first, 0.075: long steps while the damping still falls. Once log λ has turned upwards (a line through its
last 30 values climbs, not before 80 windows of radii) ρ* is 0.5.

The sketches: Ω (P, s) flips signs, permutes, takes the cosine transform and keeps s columns, so ΩᵀΩ = I; C (m, N) adds
every row with random signs to 4 of m rows. They are drawn anew for every window of radii and left out where a network
is small; what remains is the exact trust region with a wanted ratio. An energy has no rows that give its gradient: its
g is Vᵀ Ωᵀ ∇L.

Webb, Jerad & Cartis, arXiv 2607.02194 (2026), settings as in their code. Not taken over: weights of the terms that
change with the steps (here they belong to the problem), and ten first steps in single precision.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective, batch
from pinnrun.optimizers.base import Outcome, Pace, StepInfo, opened
from pinnrun.optimizers.sketches import ColumnSketch, RowSketch
from pinnrun.optimizers.trust_region import TrustRegion, largest_radius
from pinnrun.settings import setting

WINDOW = 3.0  # trial radii reach from Δ/3 to 3Δ
SHORTEST, LONGEST = 1e-10, 1e3  # bounds of the radius
TREND, GRACE = 30, 80  # values of λ that a trend is read from, and steps before the first one
SLOPE, CORRELATION = 1e-4, 0.1  # of log10 λ with the step: above both, it has turned upwards


@dataclass
class Dsgnar:
    """Trust-region Gauss-Newton that takes the largest step of a wanted ratio."""

    system: ClassVar[str] = "parameters"
    pace: Pace
    type: str = setting("dsgnar", help="the optimizer's registered name")
    radius: float = setting(1.0, above=0, help="first trust-region radius Δ")
    ratio: float = setting(0.075, above=0, below=1, help="wanted ratio ρ* at first")
    late_ratio: float = setting(0.5, above=0, below=1, help="wanted ratio once the damping has turned upwards")
    probes: int = setting(24, min=4, help="trial steps")
    trials: int = setting(12, min=1, help="windows of radii, each a third of the last, before a step is given up")
    unsketched: int = setting(1500, min=0, help="parameters up to which nothing is sketched")
    columns: float = setting(0.4, above=0, max=1, help="part of the P columns that a sketch keeps; 1: all")
    rows: float = setting(2.0, min=1, help="rows that a sketch keeps, as a multiple of its columns; N at most")
    seed: int = setting(0, min=0, max=2**63 - 1, help="fixes the sketches")
    _radius: float | None = field(default=None, init=False, repr=False)
    _late: bool = field(default=False, init=False, repr=False)
    _steps: int = field(default=0, init=False, repr=False)
    _dampings: deque[float] = field(default_factory=lambda: deque(maxlen=TREND), init=False, repr=False)
    _generator: torch.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._generator = torch.Generator().manual_seed(self.seed)

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One SVD, all trial steps, and the step between them that is wanted."""
        linear = objective.linearize(theta)
        damping = self._dampings[-1] if self._dampings else 0.0
        loss, norm, end = opened(linear, damping)
        if end:
            return theta, end
        evaluations, ratio, region = 1, nan, None
        for _ in range(self.trials):
            try:
                region = region if region and region.omega is None else self._region(linear)
            except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
                return theta, StepInfo(loss, Outcome.SINGULAR, damping, norm, evaluations)
            shortest, chosen = self._choose(objective, theta, loss, region)
            steps, predicted, dampings = region.steps(theta.new_tensor([chosen]))
            new = theta + steps[0]
            value = float(objective.value(new))
            evaluations += self.probes + 1
            ratio = (loss - value) / float(predicted[0])
            accepted = 0 < ratio < inf
            self._radius = chosen if accepted else shortest
            damping = self._watch(float(dampings[0]) if accepted else None)
            if accepted:
                return new, StepInfo(value, Outcome.ACCEPTED, damping, norm, evaluations, ratio)
            if shortest <= SHORTEST and region.omega is None:  # the same window, of the same model, once more
                break
        return theta, StepInfo(loss, Outcome.REJECTED, damping, norm, evaluations, ratio)

    def _choose(self, objective: Objective, theta: Tensor, loss: float, region: TrustRegion) -> tuple[float, float]:
        """The shortest trial radius, and the largest one with the wanted ratio."""
        radius = min(max(self.radius if self._radius is None else self._radius, SHORTEST), LONGEST)
        shortest, longest = max(radius / WINDOW, SHORTEST), min(WINDOW * radius, LONGEST)
        radii = np.geomspace(shortest, longest, self.probes)
        steps, predicted, _ = region.steps(theta.new_tensor(radii))
        losses = batch.values(objective, theta + steps)
        wanted = self.late_ratio if self._late else self.ratio
        return shortest, largest_radius(radii, ((loss - losses) / predicted).cpu().double().numpy(), wanted)

    def _region(self, linear: Linearization) -> TrustRegion:
        """The model in the sketched space, or in the whole one."""
        jacobian, gradient = linear.J(), linear.gradient
        r = linear.r if linear.is_least_squares else None
        size, kept = len(gradient), max(round(self.columns * len(gradient)), 1)
        if size <= self.unsketched:
            return TrustRegion(jacobian, r, gradient)
        omega = ColumnSketch.draw(size, kept, gradient, self._generator) if kept < size else None
        count = round(self.rows * kept)
        if count < len(jacobian):
            rows = RowSketch.draw(len(jacobian), count, gradient, self._generator)
            jacobian, r = rows.apply(jacobian), r if r is None else rows.apply(r)
        if omega is not None:
            jacobian, gradient = omega.project(jacobian), omega.project(gradient)
        return TrustRegion(jacobian, r, gradient, omega)

    def _watch(self, damping: float | None) -> float:
        """Note the damping of the step taken, the one before if none was; ask for more once it has turned."""
        self._steps += 1
        if damping is not None or self._dampings:
            self._dampings.append(self._dampings[-1] if damping is None else damping)
        self._late = self._late or (self._steps > GRACE and turned_upwards(self._dampings))
        return self._dampings[-1] if self._dampings else 0.0

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Start anew: radius, ratio and trend belong to the old network."""
        self._radius, self._late, self._steps = None, False, 0
        self._dampings.clear()

    def soften(self) -> None:
        """A third of the radius, and the careful ratio."""
        self.radius /= WINDOW
        self._radius = None if self._radius is None else self._radius / WINDOW
        self.ratio = max(self.ratio, self.late_ratio)

    def state(self) -> dict[str, Any]:
        """Radius, ratios, trend and generator."""
        return {
            "radius": self.radius,
            "ratio": self.ratio,
            "current": self._radius,
            "late": self._late,
            "steps": self._steps,
            "dampings": list(self._dampings),
            "generator": self._generator.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved memory."""
        self.radius, self.ratio = state["radius"], state["ratio"]
        self._radius, self._late, self._steps = state["current"], state["late"], state["steps"]
        self._dampings = deque(state["dampings"], maxlen=TREND)
        self._generator.set_state(state["generator"].cpu())


def turned_upwards(dampings: Sequence[float]) -> bool:
    """Whether a line through log10 λ over the last steps climbs, and the steps follow it."""
    if len(dampings) < TREND:
        return False
    steps, values = np.arange(TREND), np.log10(np.maximum(list(dampings)[-TREND:], np.finfo(float).tiny))
    if np.ptp(values) == 0:
        return False
    return bool(np.polyfit(steps, values, 1)[0] > SLOPE and np.corrcoef(steps, values)[0, 1] > CORRELATION)
