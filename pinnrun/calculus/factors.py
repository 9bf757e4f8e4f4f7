"""The factors of one linear layer's part of J: its inputs, and the slopes of the rows with respect to its outputs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class LayerFactors:
    """One linear layer as one term sees it: Z ``(S, N, in)``, G ``(S, N, out)``; M places count as channels."""

    weight: slice
    bias: slice | None
    z: Tensor
    g: Tensor
    g_bias: Tensor  # (N, out): G on the value channel, summed over the places
    places: int = 1  # M: so many channels, the first ones, hold values; the others derivatives
