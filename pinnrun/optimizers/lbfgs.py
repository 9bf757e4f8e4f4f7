"""L-BFGS with a strong-Wolfe line search (Liu & Nocedal 1989), as in ``torch.optim.LBFGS``, on a flat θ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.settings import setting


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

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One direction, one line search."""
        parameter, optimizer = self._prepare(theta)
        seen: list[tuple[float, float]] = []  # loss and gradient norm of every evaluation, the first at θ itself

        def closure() -> Tensor:
            value, gradient = objective.gradient(parameter)
            parameter.grad = gradient
            seen.append((float(value), float(gradient.norm())))
            return value

        optimizer.step(closure)
        start, norm = seen[0]
        new = parameter.detach().clone()
        loss = float(objective.value(new))
        outcome = self._outcome(start, norm, loss, moved=not torch.equal(new, theta))
        if outcome is not Outcome.ACCEPTED:  # a failed search means a stale history: begin the next one afresh
            self._parameter = self._torch = None
            return theta, StepInfo(start, outcome, self.learning_rate, norm, len(seen) + 1)
        return new, StepInfo(loss, outcome, self.learning_rate, norm, len(seen) + 1)

    @staticmethod
    def _outcome(start: float, norm: float, loss: float, *, moved: bool) -> Outcome:
        if not (start < float("inf") and norm < float("inf")):
            return Outcome.NOT_FINITE
        if norm == 0.0:
            return Outcome.CONVERGED
        return Outcome.ACCEPTED if moved and loss < start else Outcome.REJECTED

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Drop the history: its curvature pairs belong to the old space."""
        self._parameter = self._torch = None

    def soften(self) -> None:
        """Half the first trial step, and a fresh history."""
        self.learning_rate *= 0.5
        self._parameter = self._torch = None

    def state(self) -> dict[str, Any]:
        """A copy of the curvature pairs and of the line search's memory."""
        memory = self._torch.state[self._parameter] if self._torch and self._parameter is not None else {}
        copied = {name: _clone(value) for name, value in memory.items()}
        return {"memory": copied or None, "learning_rate": self.learning_rate}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved history."""
        self.learning_rate = state["learning_rate"]
        self._parameter = self._torch = None
        if state["memory"] is not None:
            memory = {name: _clone(value) for name, value in state["memory"].items()}
            parameter, optimizer = self._prepare(torch.zeros_like(memory["d"]))
            optimizer.state[parameter] = memory


def _clone(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return [_clone(item) for item in value] if isinstance(value, list) else value
