"""Muon: momentum whose matrices are orthogonalised; everything that is no matrix by AdamW.

    B ← μB + (1 − μ)G,   U = (1 − μ)G + μB                      (Nesterov's form, as in torch)
    O ≈ UVᵀ of U = USVᵀ, by five Newton-Schulz steps            W ← (1 − ηλ)W − η 0.2 √max(m, n) O

Jordan et al. 2024, kellerjordan.github.io/posts/muon; the factor 0.2 √max(m, n) gives the update of an m × n matrix the
size that AdamW's has, so that one learning rate serves both: Liu et al. 2025, arXiv 2502.16982. ``torch.optim.Muon``
does the steps for the matrices, in bfloat16: the update's singular values are near 1, not 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.errors import UserError
from pinnrun.optimizers.adam import MOMENTS
from pinnrun.optimizers.first_order import FirstOrder, named_weights
from pinnrun.settings import setting

TorchMuon = getattr(torch.optim, "Muon", None)
TOO_OLD = f"muon needs torch 2.9 or newer, this is {torch.__version__}; `pip install -U torch`"


@dataclass
class Muon(FirstOrder):
    """Orthogonalised momentum for the weight matrices, AdamW for biases and the rest, in the same step."""

    type: str = setting("muon", help="the optimizer's registered name")
    matrices: Literal["all", "hidden"] = setting("all", help="which weights; hidden: not the first and the last")
    momentum: float = setting(0.95, min=0, below=1, help="decay of the matrices' momentum")
    betas: tuple[float, float] = setting((0.9, 0.999), min=0, below=1, help="decay of AdamW's moments")
    epsilon: float = setting(1e-8, above=0, help="added to the root of AdamW's second moment")
    weight_decay: float = setting(0.0, min=0, help="fraction of each parameter taken off per step and learning rate")

    moments: ClassVar[Mapping[Any, tuple[str, ...]]] = {torch.optim.AdamW: MOMENTS} | (
        {TorchMuon: ("momentum_buffer",)} if TorchMuon else {}
    )

    def problems(self) -> Iterator[str]:
        """Whether torch has it."""
        if TorchMuon is None:
            yield f"type: {TOO_OLD}"

    def cut(self, objective: Objective, flat: Tensor) -> dict[str, Tensor]:
        """Weight by weight."""
        return named_weights(objective, flat, "muon")

    def make_optimizers(self, parameters: dict[str, Tensor]) -> list[torch.optim.Optimizer]:
        """Muon for the matrices, AdamW for the others; either may have nothing to do."""
        if TorchMuon is None:
            raise UserError(f"optimizer: {TOO_OLD}")
        matrices = [name for name, parameter in parameters.items() if parameter.dim() == 2]
        chosen = matrices if self.matrices == "all" else matrices[1:-1]
        decay = self.weight_decay
        made: list[torch.optim.Optimizer] = []
        if chosen:
            of_muon = [parameters[name] for name in chosen]
            made.append(TorchMuon(of_muon, momentum=self.momentum, weight_decay=decay, adjust_lr_fn="match_rms_adamw"))
        if rest := [parameter for name, parameter in parameters.items() if name not in chosen]:
            made.append(torch.optim.AdamW(rest, betas=self.betas, eps=self.epsilon, weight_decay=decay))
        return made
