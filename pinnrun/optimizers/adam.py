"""Adam and AdamW, the updates of ``torch.optim``, on a flat θ.

    m ← β₁m + (1 − β₁)g        v ← β₂v + (1 − β₂)g²
    θ ← θ − η m̂ / (√v̂ + ε),    m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ)

Adam: Kingma & Ba, ICLR 2015, arXiv 1412.6980. AdamW takes θ ← (1 − ηλ)θ first, so that the decay of the weights is not
divided by √v̂: Loshchilov & Hutter, ICLR 2019, arXiv 1711.05101.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinnrun.optimizers.first_order import FirstOrder
from pinnrun.settings import setting

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class Adam(FirstOrder):
    """First-order steps with running moments of the gradient."""

    type: str = setting("adam", help="the optimizer's registered name")
    betas: tuple[float, float] = setting((0.9, 0.999), min=0, below=1, help="decay of the first and second moment")
    epsilon: float = setting(1e-8, above=0, help="added to the root of the second moment")

    moments: ClassVar[Mapping[Any, tuple[str, ...]]] = {torch.optim.Adam: MOMENTS}

    def make_optimizers(self, parameters: dict[str, Tensor]) -> list[torch.optim.Optimizer]:
        """One Adam."""
        return [torch.optim.Adam(parameters.values(), betas=self.betas, eps=self.epsilon)]


@dataclass
class AdamW(Adam):
    """Adam with decoupled decay of the weights."""

    type: str = setting("adamw", help="the optimizer's registered name")
    weight_decay: float = setting(0.01, min=0, help="fraction of each parameter taken off per step and learning rate")

    moments: ClassVar[Mapping[Any, tuple[str, ...]]] = {torch.optim.AdamW: MOMENTS}

    def make_optimizers(self, parameters: dict[str, Tensor]) -> list[torch.optim.Optimizer]:
        """One AdamW."""
        decay = self.weight_decay
        return [torch.optim.AdamW(parameters.values(), betas=self.betas, eps=self.epsilon, weight_decay=decay)]
