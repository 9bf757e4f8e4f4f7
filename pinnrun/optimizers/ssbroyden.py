"""Self-scaled Broyden: a dense quasi-Newton method, H ≈ (∇²L)⁻¹ as a P × P matrix.

    p = −Hg,  θ ← θ + αp,  α by a line search,  s = αp,  y = Δg
    h = yᵀHy / yᵀs,  b = sᵀH⁻¹s / yᵀs = −α²gᵀp / yᵀs,  a = bh − 1
    ρ = min(1, h(1 − √(a/(1 + a)))),  ϑ = max((ρ − 1)/a, min(1/ρ, (1 − b)/b)),  σ = 1 + ϑa
    τ = min(1, 1/b) min(σ^(−1/(P−1)), 1/ϑ) where ϑ > 0,  min(min(1, 1/b) σ^(−1/(P−1)), σ) elsewhere
    φ = (1 − ϑ)/(1 + ϑa),  v = s/yᵀs − Hy/yᵀHy
    H ← (H − Hy(Hy)ᵀ/yᵀHy + φ yᵀHy vvᵀ)/τ + ssᵀ/yᵀs

ϑ moves through Broyden's family, BFGS at 0 and DFP at 1; τ < 1 makes H larger where the latest step shows that it was
too small. This choice of both is SSBroyden2 of Urbán, Stefanou & Pons, J. Comput. Phys. 523 (2025) 113656, arXiv
2405.04230, after Al-Baali, Comput. Optim. Appl. 9 (1998) 191. ϑ = 0 is self-scaled BFGS, with τ = 1 too plain BFGS.

The first length tried is 1, or less where the latest decrease would make the next one shorter (Nocedal & Wright 2006,
eq. 3.60): it serves nineteen times in twenty, so that a step costs one gradient and O(P²).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.optimizers.linesearch import Line, Sample
from pinnrun.settings import setting

SHORTEST = 1e-3  # of the first lengths tried
IDLE = 20  # steps one after the other without a new lowest loss, after which only rounding is left
MIRROR = 100  # updates of H after which its lower half is made the image of the upper one


@dataclass
class SelfScaledBroyden:
    """Dense quasi-Newton; one step is one direction with its line search, and one update of H."""

    pace: Pace
    type: str = setting("ssbroyden", help="the optimizer's registered name")
    update: Literal["ssbroyden", "ssbfgs", "bfgs"] = setting("ssbroyden", help="how H is corrected and scaled")
    evaluations: int = setting(25, min=2, help="gradients allowed to one line search")
    learning_rate: float = setting(1.0, above=0, help="what the length of every first trial is multiplied by")
    _inverse: Tensor | None = field(default=None, init=False, repr=False)  # H; None: a multiple of the identity
    _updates: int = field(default=0, init=False, repr=False)  # of H
    _multiple: float | None = field(default=None, init=False, repr=False)  # which: the latest yᵀs/yᵀy
    _decrease: float = field(default=0.0, init=False, repr=False)  # of the loss in the latest step
    _here: Sample | None = field(default=None, init=False, repr=False)  # where the latest step ended
    _lowest: float = field(default=inf, init=False, repr=False)  # loss of this objective
    _idle: int = field(default=0, init=False, repr=False)  # steps since then

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One direction, one line search; where that fails, one more along −g, with a fresh H."""
        here, spent = self._sample(objective, theta)
        norm = float(here.gradient.norm())

        def stay(outcome: Outcome, event: str = "") -> tuple[Tensor, StepInfo]:
            return theta, StepInfo(here.loss, outcome, self.learning_rate, norm, spent, event=event)

        if not (abs(here.loss) < inf and norm < inf):
            return stay(Outcome.NOT_FINITE)
        if norm == 0.0:
            return stay(Outcome.CONVERGED)
        line, event = self._line(objective, here, norm), ""
        new = line.search(self.evaluations)
        if new is None and self._inverse is not None:
            event = f"ssbroyden begins a new H: {line.failure.value}"
            spent += line.evaluations
            self._inverse = None
            line = self._line(objective, here, norm)
            new = line.search(self.evaluations)
        spent += line.evaluations
        if new is None:
            return stay(line.failure, event)
        self._idle = 0 if new.loss < self._lowest else self._idle + 1
        if self._idle >= IDLE:
            self._inverse, self._idle = None, 0
            return stay(Outcome.PRECISION, event)
        self._correct(line.length * line.p, new.gradient - here.gradient, -(line.length**2) * line.slope)
        self._lowest, self._decrease, self._here = min(self._lowest, new.loss), here.loss - new.loss, new
        return new.theta, StepInfo(
            new.loss, Outcome.ACCEPTED, self.learning_rate, norm, spent, length=line.length, event=event
        )

    def _sample(self, objective: Objective, theta: Tensor) -> tuple[Sample, int]:
        """The objective at θ, known from the latest step if neither has changed, and the evaluations it cost."""
        old = self._here
        same = old is not None and (theta is old.theta or torch.equal(theta, old.theta))
        if old is not None and same and old.objective is objective:
            return old, 0
        loss, gradient = objective.gradient(theta)
        self._here = Sample(theta, float(loss), gradient, objective)
        if old is not None and same and old.loss == self._here.loss:  # a pause, the points are the same: not counted
            return self._here, 0
        self._lowest, self._idle = self._here.loss, 0
        return self._here, 1

    def _line(self, objective: Objective, here: Sample, norm: float) -> Line:
        if self._inverse is not None:
            p = -(self._inverse @ here.gradient)
            slope = float(p @ here.gradient)
            first = min(1.0, 2.02 * self._decrease / -slope) if self._decrease > 0 > slope else 1.0
            return Line(objective, here, p, slope, self.learning_rate * max(first, SHORTEST))
        multiple = self._multiple or min(1.0, abs(here.loss) / norm) / norm
        return Line(objective, here, -multiple * here.gradient, -multiple * norm**2, self.learning_rate)

    def _correct(self, s: Tensor, y: Tensor, bent: float) -> None:
        """H from the pair s, y and sᵀH⁻¹s; pairs without positive curvature are passed over."""
        ys, ss, yy, _ = (torch.stack((s, y)) @ torch.stack((y, s), 1)).flatten().tolist()
        if not ys > torch.finfo(s.dtype).eps * sqrt(ss * yy):
            return
        self._multiple = multiple = ys / yy
        if self._inverse is None:  # the first H: that multiple of the identity
            self._inverse = torch.eye(len(s), dtype=s.dtype, device=s.device).mul_(multiple)
            bent = ss / multiple
        Hy = self._inverse @ y
        yHy = float(y @ Hy)
        if not 0 < yHy < inf:  # rounding has cost H its definiteness
            self._inverse = None
            return
        tau, phi = self._scaling(bent / ys, yHy / ys, len(s))
        v = s / ys - Hy / yHy
        parts = torch.stack((Hy / sqrt(tau * yHy), v * sqrt(abs(phi) * yHy / tau), s / sqrt(ys)))
        signs = torch.tensor([[-1.0], [1.0 if phi >= 0 else -1.0], [1.0]], dtype=s.dtype, device=s.device)
        self._inverse.addmm_(parts.T, signs * parts, beta=1.0 / tau)
        self._updates += 1
        if self._updates % MIRROR == 0:  # some libraries round the two halves of a product differently
            self._inverse = self._inverse.triu() + self._inverse.triu(1).T

    def _scaling(self, b: float, h: float, size: int) -> tuple[float, float]:
        if self.update == "ssbroyden":
            return scaling(b, h, size)
        return (min(1.0, 1.0 / b) if self.update == "ssbfgs" else 1.0), 1.0

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Keep H of the parameters that live on; the others start at the mean of its diagonal, at no correlation."""
        self._here, self._decrease = None, 0.0
        if old_to_new is None or self._inverse is None:
            self._inverse = self._multiple = None
            return
        old, new = self._inverse, old_to_new.to(self._inverse.device)
        self._inverse = torch.eye(size, dtype=old.dtype, device=old.device) * old.diagonal().mean()
        self._inverse[new[:, None], new] = old

    def soften(self) -> None:
        """Half the first trial."""
        self.learning_rate *= 0.5

    def state(self) -> dict[str, Any]:
        """A copy of H, and of what the latest step saw where it ended."""
        here = self._here
        return {
            "inverse": None if self._inverse is None else self._inverse.clone(),
            "multiple": self._multiple,
            "updates": self._updates,
            "decrease": self._decrease,
            "theta": None if here is None else here.theta.clone(),
            "loss": None if here is None else here.loss,
            "lowest": self._lowest,
            "idle": self._idle,
            "learning_rate": self.learning_rate,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved H."""
        self._inverse = None if state["inverse"] is None else state["inverse"].clone()
        self._multiple, self._decrease, self._updates = state["multiple"], state["decrease"], state["updates"]
        self._lowest, self._idle, self.learning_rate = state["lowest"], state["idle"], state["learning_rate"]
        theta = state["theta"]
        self._here = None if theta is None else Sample(theta.clone(), state["loss"], theta.new_zeros(0), None)


def scaling(b: float, h: float, size: int) -> tuple[float, float]:
    """τ and φ of SSBroyden2."""
    a = max(b * h - 1.0, 0.0)  # ≥ 0 but for rounding, by Cauchy and Schwarz
    rho = min(1.0, h / ((1.0 + a) * (1.0 + sqrt(a / (1.0 + a)))))
    lowest = (rho - 1.0) / a if a > 0 else -inf
    broyden = max(lowest, min(1.0 / rho, (1.0 - b) / b))
    sigma = 1.0 + broyden * a
    root = sigma ** (-1.0 / (size - 1)) if size > 1 else 1.0
    tau = min(1.0, 1.0 / b) * (min(root, 1.0 / broyden) if broyden > 0 else root)
    return (tau if broyden > 0 else min(tau, sigma)), (1.0 - broyden) / sigma
