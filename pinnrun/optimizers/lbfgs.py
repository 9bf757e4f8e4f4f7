"""L-BFGS with a strong-Wolfe line search (Liu & Nocedal 1989; Nocedal & Wright 2006, algorithm 7.5), on a flat θ.

    d = −Hg,   H from the latest pairs s = Δθ, y = Δg;   θ ← θ + αd with
    L(θ + αd) ≤ L(θ) + 10⁻⁴ α gᵀd    and    |∇L(θ + αd)ᵀd| ≤ 0.9 |gᵀd|

The steps are those of ``torch.optim.LBFGS``, with one difference. It drops every pair with yᵀs ≤ 1e-10, whatever the
size of the loss: near 1e-8 it is left without curvature and stalls. So it is shown 2ᵏL, with k such that the decrease
that the latest step promised, −αgᵀd, is near 1. A power of two changes neither a digit nor a step, but that threshold.

Where the objective has changed since (new points, new weights), y is the difference of two gradients of the new one
(Berahas, Nocedal & Takáč, "A multi-batch L-BFGS method", NeurIPS 2016): the gradient at the place before is made again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf, log2
from typing import Any

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.settings import setting

NEAR_ONE = 2.0**10  # the promised decrease may be this many times larger or smaller than 1


@dataclass
class Lbfgs:
    """Limited-memory quasi-Newton; one step is one direction with its line search."""

    pace: Pace
    type: str = setting("lbfgs", help="the optimizer's registered name")
    history: int = setting(100, min=1, help="pairs (s, y) kept")
    evaluations: int = setting(25, min=2, help="residual evaluations allowed to one line search")
    learning_rate: float = setting(1.0, above=0, help="length of the first trial step")
    _parameter: Tensor | None = field(default=None, init=False, repr=False)
    _torch: torch.optim.LBFGS | None = field(default=None, init=False, repr=False)
    _scale: float = field(default=1.0, init=False, repr=False)  # 2ᵏ; the memory is in these units
    _loss: float | None = field(default=None, init=False, repr=False)  # where the latest step ended

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One direction, one line search; if that fails, one more along −g, with a fresh history."""
        fresh = self._torch is None
        new, info = self._attempt(objective, theta)
        if fresh or info.outcome is not Outcome.SEARCH_FAILED:
            return new, info
        new, second = self._attempt(objective, theta)
        return new, replace(second, evaluations=info.evaluations + second.evaluations)

    def _attempt(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        parameter, optimizer = self._prepare(theta)
        seen: list[Sample] = []  # every evaluation, the first at θ itself

        def closure() -> Tensor:
            value, gradient = objective.gradient(parameter)
            loss = float(value)
            if not seen and self._has_changed(loss, theta.dtype):
                self._look_back(objective, theta)
            parameter.grad = self._scale * gradient
            seen.append(Sample(parameter.clone(), loss, gradient))
            return self._scale * value

        self._rescale()
        optimizer.step(closure)
        start, norm = seen[0].loss, float(seen[0].gradient.norm())
        new = parameter.detach().clone()
        evaluations = len(seen)
        loss = next((sample.loss for sample in reversed(seen) if torch.equal(sample.theta, new)), None)
        if loss is None:
            loss, evaluations = float(objective.value(new)), evaluations + 1
        if not (start < inf and norm < inf):
            outcome = Outcome.NOT_FINITE
        elif norm == 0.0:
            outcome = Outcome.CONVERGED
        elif loss < start and not torch.equal(new, theta):
            length, self._loss = float(optimizer.state[parameter]["t"]), loss
            return new, StepInfo(loss, Outcome.ACCEPTED, self.learning_rate, norm, evaluations, length=length)
        else:
            outcome = Outcome.PRECISION if _below_rounding(seen) else Outcome.SEARCH_FAILED
        self._forget()  # a failed search means a stale history
        return theta, StepInfo(start, outcome, self.learning_rate, norm, evaluations)

    def _prepare(self, theta: Tensor) -> tuple[Tensor, torch.optim.LBFGS]:
        if self._parameter is None or self._torch is None:
            self._parameter = theta.detach().clone()
            self._torch = torch.optim.LBFGS(
                [self._parameter],
                lr=self.learning_rate,
                max_iter=1,
                max_eval=self.evaluations,
                history_size=self.history,
                tolerance_grad=0.0,
                tolerance_change=0.0,
                line_search_fn="strong_wolfe",
            )
        self._parameter.copy_(theta)
        return self._parameter, self._torch

    def _has_changed(self, loss: float, dtype: torch.dtype) -> bool:
        """Whether this is another objective than that of the step before, at the place where that one ended."""
        return self._loss is not None and abs(loss - self._loss) > torch.finfo(dtype).eps ** 0.5 * abs(self._loss)

    def _look_back(self, objective: Objective, theta: Tensor) -> None:
        """The gradient where the latest step began, of the objective as it is now."""
        memory = self._memory()
        before = theta - memory["t"] * memory["d"]
        memory["prev_flat_grad"].copy_(self._scale * objective.gradient(before)[1])

    def _memory(self) -> dict[str, Any]:
        return self._torch.state[self._parameter] if self._torch and self._parameter is not None else {}

    def _forget(self) -> None:
        self._parameter, self._torch, self._scale, self._loss = None, None, 1.0, None

    def _rescale(self) -> None:
        """Choose k anew where the latest promised decrease has left the neighbourhood of 1."""
        memory = self._memory()
        if not memory:
            return
        promised = -float(memory["t"] * memory["prev_flat_grad"].dot(memory["d"]))
        if not promised > 0 or 1.0 / NEAR_ONE < promised < NEAR_ONE:
            return
        factor = 2.0 ** -round(log2(promised))
        self._scale *= factor
        for gradient in (memory["prev_flat_grad"], *memory["old_dirs"]):
            gradient.mul_(factor)
        memory["ro"] = [ro / factor for ro in memory["ro"]]
        memory["H_diag"] = memory["H_diag"] / factor

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Drop the history: its curvature pairs belong to the old space."""
        self._forget()

    def soften(self) -> None:
        """Half the first trial step, and a fresh history."""
        self.learning_rate *= 0.5
        self._forget()

    def state(self) -> dict[str, Any]:
        """A copy of the curvature pairs and of the line search's memory, and the scale that they are in."""
        memory = {name: _clone(value) for name, value in self._memory().items()}
        kept = {"memory": memory or None, "scale": self._scale, "loss": self._loss}
        return {**kept, "learning_rate": self.learning_rate}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved history."""
        self._forget()
        self.learning_rate = state["learning_rate"]
        if state["memory"] is not None:
            memory = {name: _clone(value) for name, value in state["memory"].items()}
            parameter, optimizer = self._prepare(torch.zeros_like(memory["d"]))
            optimizer.state[parameter] = memory
            self._scale, self._loss = state["scale"], state.get("loss")  # older checkpoints do not say


@dataclass(frozen=True)
class Sample:
    """The objective at one θ."""

    theta: Tensor
    loss: float
    gradient: Tensor


def _below_rounding(seen: list[Sample]) -> bool:
    """Whether even the minimum along the line, of the parabola through the first two slopes, cannot be told from L.

    With p = Δθ between the two: L would fall by (gᵀp)² / 2 pᵀΔg.
    """
    if len(seen) < 2:
        return False
    first, second = seen[:2]
    p = second.theta - first.theta
    slope, bend = float(first.gradient.dot(p)), float((second.gradient - first.gradient).dot(p))
    return bend > 0 and slope**2 / (2.0 * bend) <= 4.0 * torch.finfo(p.dtype).eps * abs(first.loss)


def _clone(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return [_clone(item) for item in value] if isinstance(value, list) else value
