"""Adam (Kingma & Ba, ICLR 2015, arXiv 1412.6980), the update of ``torch.optim.Adam``, on a flat θ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.settings import setting


@dataclass
class Adam:
    """First-order steps with running moments of the gradient."""

    pace: Pace
    type: str = setting("adam", help="the optimizer's registered name")
    learning_rate: float = setting(3e-3, above=0, help="step size")
    betas: tuple[float, float] = setting((0.9, 0.999), min=0, below=1, help="decay of the first and second moment")
    epsilon: float = setting(1e-8, above=0, help="added to the root of the second moment")
    _parameter: Tensor | None = field(default=None, init=False, repr=False)
    _torch: torch.optim.Adam | None = field(default=None, init=False, repr=False)

    def _prepare(self, theta: Tensor) -> tuple[Tensor, torch.optim.Adam]:
        if self._parameter is None or self._torch is None:
            self._parameter = theta.detach().clone()
            self._torch = torch.optim.Adam([self._parameter], lr=self.learning_rate, betas=self.betas, eps=self.epsilon)
        self._parameter.copy_(theta)
        return self._parameter, self._torch

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One gradient, one update; the loss reported is that before the update, seen with the gradient."""
        loss, gradient = objective.gradient(theta)
        norm = float(gradient.norm())
        if not (float(loss) < float("inf") and norm < float("inf")):
            return theta, StepInfo(float(loss), Outcome.NOT_FINITE, self.learning_rate, norm, 1)
        parameter, optimizer = self._prepare(theta)
        parameter.grad = gradient
        optimizer.step()
        return parameter.clone(), StepInfo(float(loss), Outcome.ACCEPTED, self.learning_rate, norm, 1)

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Keep the moments of the parameters that live on; new ones start at zero."""
        moments = self.state()["moments"]
        self._parameter = self._torch = None
        if old_to_new is None or moments is None:
            return
        grown = {"step": moments["step"]}
        for name in ("exp_avg", "exp_avg_sq"):
            grown[name] = moments[name].new_zeros(size)
            grown[name][old_to_new] = moments[name]
        self.load({"moments": grown, "learning_rate": self.learning_rate})

    def soften(self) -> None:
        """Half the learning rate."""
        self.learning_rate *= 0.5
        if self._torch is not None:
            self._torch.param_groups[0]["lr"] = self.learning_rate

    def state(self) -> dict[str, Any]:
        """A copy of the moments, and the learning rate."""
        moments = self._torch.state[self._parameter] if self._torch and self._parameter is not None else {}
        copied = {name: value.clone() for name, value in moments.items()}
        return {"moments": copied or None, "learning_rate": self.learning_rate}

    def load(self, state: dict[str, Any]) -> None:
        """Take up saved moments."""
        self.learning_rate = state["learning_rate"]
        self._parameter = self._torch = None
        if state["moments"] is not None:
            parameter, optimizer = self._prepare(torch.zeros_like(state["moments"]["exp_avg"]))
            optimizer.state[parameter] = {name: value.clone() for name, value in state["moments"].items()}
