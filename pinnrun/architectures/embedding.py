"""Embeddings of a network's inputs z: features without trainable parameters, which the first layer sees in their place.

    periodic   z_i ↦ cos(2π z_i / P_i), sin(2π z_i / P_i)      every network of them has the period P_i, exactly
    fourier    z ↦ cos(B z), sin(B z),  B_jk ~ N(0, σ²)        wave numbers of about σ are as easy to learn as low ones

one after the other where both are asked for. Periodic features: Dong & Ni, J. Comput. Phys. 435 (2021) 110242, arXiv
2007.07442. Random Fourier features: Tancik et al., NeurIPS 2020, arXiv 2006.10739 (whose 2πB is B here); for
physics-informed networks Wang, Wang & Perdikaris, CMAME 384 (2021) 113938, arXiv 2012.10047.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import pi
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Jet


@dataclass(frozen=True)
class Embedding:
    """What is done to the inputs before the first layer; by default nothing.

    Attributes:
        periods: for the first inputs, each one's period P_i, or None where it is not periodic.
        frequencies: rows of B, each of which gives a cosine and a sine; 0: no Fourier features.
        sigma: standard deviation σ of B's entries.
        seed: from which B is drawn.
    """

    periods: tuple[float | None, ...] = ()
    frequencies: int = 0
    sigma: float = 1.0
    seed: int = 0

    def features(self, inputs: int) -> int:
        """How many features so many inputs have."""
        return 2 * self.frequencies or inputs + sum(period is not None for period in self.periods)

    def __call__(self, inputs: Jet) -> Jet:
        """The features' jet."""
        if any(self.periods):
            parts = []
            for i, period in self._periods_of(inputs.value.shape[-1]):
                angle = inputs[i] if period is None else (2.0 * pi / period) * inputs[i]
                parts += [angle] if period is None else [angle.cos(), angle.sin()]
            inputs = Jet.cat(parts)
        if self.frequencies:
            phase = Jet(inputs.channels @ self._waves(inputs.value).T, inputs.dimension, inputs.derivatives)
            inputs = Jet.cat([phase.cos(), phase.sin()])
        return inputs

    def value(self, inputs: Tensor) -> Tensor:
        """The features of plain inputs ``(..., inputs)``."""
        if any(self.periods):
            parts = []
            for i, period in self._periods_of(inputs.shape[-1]):
                angle = inputs[..., i] if period is None else 2.0 * pi / period * inputs[..., i]
                parts += [angle] if period is None else [torch.cos(angle), torch.sin(angle)]
            inputs = torch.stack(parts, dim=-1)
        if self.frequencies:
            phase = inputs @ self._waves(inputs).T
            inputs = torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)
        return inputs

    def _periods_of(self, inputs: int) -> list[tuple[int, float | None]]:
        """Each input's number and period."""
        return list(enumerate([*self.periods, *[None] * (inputs - len(self.periods))]))

    def _waves(self, z: Tensor) -> Tensor:
        """B, ``(frequencies, columns of z)``, where z is and in its precision."""
        waves = draw_waves(self.seed, self.frequencies, z.shape[-1], self.sigma)
        return torch.as_tensor(waves, dtype=z.dtype, device=z.device)

    def describe(self) -> dict[str, Any]:
        """Plain values from which ``from_description`` makes the embedding again (``periods`` as text)."""
        periods = ",".join("-" if period is None else repr(period) for period in self.periods)
        return {"periods": periods, "frequencies": self.frequencies, "sigma": self.sigma, "embedding_seed": self.seed}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Embedding:
        """The inverse of ``describe``; other keys are passed over."""
        words = [word for word in description["periods"].split(",") if word]
        return cls(
            tuple(None if word == "-" else float(word) for word in words),
            description["frequencies"],
            description["sigma"],
            description["embedding_seed"],
        )


@lru_cache(maxsize=64)
def draw_waves(seed: int, frequencies: int, columns: int, sigma: float) -> np.ndarray:
    """B, ``(frequencies, columns)`` normal numbers of standard deviation σ; the same for the same arguments."""
    return sigma * np.random.default_rng(seed).standard_normal((frequencies, columns))
