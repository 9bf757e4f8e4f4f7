"""A trained field, and how good it is: its error and its observables beside an independent reference."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnrun.architectures import Network
from pinnrun.calculus import Derivatives, Field, Jet, Points
from pinnrun.problems import Problem


class TrainedField:
    """u_θ of a problem: called with points anywhere it gives the field's jet, channels ``(S, M, N, k)``."""

    def __init__(self, problem: Problem, network: Network, theta: Tensor) -> None:
        self.field = Field(network, problem.inputs, problem.trial)
        self.theta = theta

    @torch.no_grad()
    def __call__(self, points: Points, derivatives: Derivatives) -> Jet:
        """The jet at the points, moved to the device and precision of θ."""
        return self.field.jet(self.theta, points.to(self.theta.device, self.theta.dtype), derivatives)


class Assessor:
    """Measures trained fields against the problem's reference; the reference itself is computed once, when first asked.

    Args:
        problem: what is solved.
        points: where the error is measured, never trained on.
    """

    def __init__(self, problem: Problem, points: Points) -> None:
        self.problem, self.points = problem, points

    @cached_property
    def _exact(self) -> np.ndarray | None:
        reference = self.problem.reference()
        return None if reference is None else reference.field(self.points.x[0].numpy())

    def error(self, solution: TrainedField) -> float | None:
        """‖u − u_ref‖₂ / ‖u_ref‖₂ over the points and all components together, or None without a reference."""
        if self._exact is None:
            return None
        value = solution(self.points, Derivatives()).value[0].cpu().double().numpy()
        value = value[:, 0] if self._exact.ndim == 1 else value[:, : self._exact.shape[1]]
        value = self.problem.align(value, self._exact)
        scale = float(np.linalg.norm(self._exact))
        return float(np.linalg.norm(value - self._exact)) / (scale or 1.0)

    def observables(self, solution: TrainedField) -> dict[str, dict[str, Any]]:
        """Every observable as ``result.json`` holds it."""
        return {name: item.as_dict() for name, item in self.problem.observables(solution).items()}
