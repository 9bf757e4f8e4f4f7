"""Points: where a term is sampled, with whatever else is known there."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pinnrun.calculus.derivatives import Derivatives
from pinnrun.calculus.jet import Jet


class Points:
    """A batch of N rows, each at M *places*: one for an ordinary equation, two for a condition across an interface.

    Args:
        x: coordinates, ``(N, d)`` (one place) or ``(M, N, d)``.
        data: what else the term needs to know there (normals, region labels, data to fit), each
            ``(N, ...)`` or ``(M, N, ...)`` as ``x`` is; kept as ``(M, N, ...)``.
    """

    def __init__(self, x: Tensor, **data: Tensor) -> None:
        one_place = x.dim() == 2
        self.x = x[None] if one_place else x
        self.data = {name: value[None] if one_place else value for name, value in data.items()}
        self._cache: dict[tuple[str, Derivatives], Jet] = {}

    def __len__(self) -> int:
        return self.x.shape[1]

    def __getitem__(self, name: str) -> Tensor:
        return self.data[name]

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Points:
        """The same points on another device and in another precision."""
        return Points(self.x.to(device, dtype), **{k: v.to(device, dtype) for k, v in self.data.items()})

    def coordinates(self, derivatives: Derivatives) -> Jet:
        """The jet of the coordinates themselves, components d."""
        return self.cached("coordinates", derivatives, lambda: Jet.coordinates(self.x, derivatives))

    def cached(self, name: str, derivatives: Derivatives, make: Callable[[], Jet]) -> Jet:
        """A jet that depends on the points alone, computed once: a lift, a mask, an input feature."""
        key = (name, derivatives)
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def tensors(self) -> tuple[Tensor, dict[str, Tensor]]:
        """The coordinates and the data, each ``(M, N, ...)``."""
        return self.x, self.data
