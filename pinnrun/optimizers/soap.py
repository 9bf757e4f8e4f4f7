"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., ICLR 2025, arXiv 2409.11321).

    L ← βL + (1 − β) GGᵀ        R ← βR + (1 − β) GᵀG        for each weight matrix, with eigenvectors Q_L, Q_R
    G' = Q_Lᵀ G Q_R             V ← β₂V + (1 − β₂) G'²      M ← β₁M + (1 − β₁) G
    W ← W − η Q_L [Q_Lᵀ M̂ Q_R / (√V̂ + ε)] Q_Rᵀ

Biases are given Adam. Q_L and Q_R follow L and R by one power iteration with QR every few steps. Wang et al., NeurIPS
2025, arXiv 2502.00604, found it the best of the first-order methods for physics-informed networks. The steps are those
of the package pytorch_optimizer, `pip install "pinnrun[soap]"`.

Its first gradient sets Q_L and Q_R and moves nothing. On fixed points the next gradient would be the same again: here
it is used twice instead, so that every step moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.errors import UserError
from pinnrun.optimizers.first_order import FirstOrder, Memory, clone, named_weights
from pinnrun.settings import setting

PACKAGE = "pytorch_optimizer"
MISSING = f'soap needs the package {PACKAGE}, which is not installed; `pip install "pinnrun[soap]"`'


@dataclass
class Soap(FirstOrder):
    """Adam in a slowly turning basis of each weight matrix."""

    type: str = setting("soap", help="the optimizer's registered name")
    betas: tuple[float, float] = setting((0.95, 0.95), min=0, below=1, help="decay of the first and second moment")
    epsilon: float = setting(1e-8, above=0, help="added to the root of the second moment")
    weight_decay: float = setting(0.0, min=0, help="fraction of each parameter taken off per step and learning rate")
    decay: float = setting(0.95, min=0, below=1, help="decay of the preconditioners L and R")
    frequency: int = setting(10, min=1, help="steps between two turns of the basis")

    def problems(self) -> Iterator[str]:
        """Whether the package is there."""
        if find_spec(PACKAGE) is None:
            yield f"type: {MISSING}"

    def cut(self, objective: Objective, flat: Tensor) -> dict[str, Tensor]:
        """Weight by weight."""
        return named_weights(objective, flat, "soap")

    def make_optimizers(self, parameters: dict[str, Tensor]) -> list[torch.optim.Optimizer]:
        """One SOAP."""
        try:
            from pytorch_optimizer import SOAP  # takes two seconds
        except ImportError as error:
            raise UserError(f"optimizer: {MISSING}") from error
        settings: dict[str, Any] = {"eps": self.epsilon, "weight_decay": self.weight_decay}
        basis: dict[str, Any] = {"shampoo_beta": self.decay, "precondition_frequency": self.frequency}
        return [SOAP(list(parameters.values()), betas=self.betas, **settings, **basis)]

    def update(self, optimizer: torch.optim.Optimizer) -> None:
        """Move the parameters; with the first gradient, set the basis before."""
        if not optimizer.state:
            optimizer.step()
        optimizer.step()

    # -- memory: bases, and moments in them, that have no meaning at another size ---------------------------------

    def memory(self) -> Memory:
        """A copy of what is remembered of each weight, and the number of steps."""
        [optimizer] = self._optimizers
        kept = [clone(optimizer.state[parameter]) for parameter in self._parameters]
        return {"step": optimizer.param_groups[0]["step"], "weights": kept}

    def restore(self, memory: Memory) -> None:
        """Take it up again."""
        [optimizer] = self._optimizers
        optimizer.param_groups[0]["step"] = memory["step"]
        for parameter, kept in zip(self._parameters, memory["weights"], strict=True):
            optimizer.state[parameter] = clone(kept)

    def grown(self, memory: Memory, old_to_new: Tensor, size: int) -> Memory | None:
        """Nothing: the bases are rebuilt within the 1/(1 − β) = 20 steps that they remember."""
        return None
