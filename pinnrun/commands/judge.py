"""The merit of a saved run's problem at any weights, on the evaluation points of that very run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pinnrun.build import checked_config, prepare_torch


class Judge:
    """Rebuilds a run's problem and evaluation points; its figures are those that the run recorded as merit.

    Args:
        composed: the run's config as it was trained.

    Raises:
        UserError: the config cannot be built here any more, or a plugin is missing.
    """

    def __init__(self, composed: Any) -> None:
        config = checked_config(composed)
        self._device, self._precision = prepare_torch(config)
        from pinnrun.training.trainer import Trainer

        self._trainer = Trainer(config, self._device, self._precision)

    def of(self, architecture: Mapping[str, Any]) -> Callable[[np.ndarray], float]:
        """The merit as a function of the weights (P,) of the network that describes itself so."""
        import torch

        from pinnrun.calculus import Field
        from pinnrun.registry import network_of

        problem = self._trainer.problem
        field = Field(network_of(architecture), problem.inputs, problem.trial)
        merit = problem.merit(field, self._trainer.evaluation_points)

        def value(weights: np.ndarray) -> float:
            return float(merit.value(torch.as_tensor(weights).to(self._device, self._precision)))

        return value
