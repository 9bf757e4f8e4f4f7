"""The layout of a parameter vector: which part of the flat θ is which weight."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor


class Layout:
    """Names and shapes of the parameters, in the order in which they lie in θ.

    Args:
        shapes: pairs (name, shape).
    """

    def __init__(self, shapes: Sequence[tuple[str, tuple[int, ...]]]) -> None:
        self.shapes = tuple((name, tuple(shape)) for name, shape in shapes)
        self.slices: dict[str, slice] = {}
        start = 0
        for name, shape in self.shapes:
            self.slices[name] = slice(start, start + prod(shape))
            start += prod(shape)
        self.size = start

    def split(self, theta: Tensor) -> dict[str, Tensor]:
        """Views of θ by name."""
        return {name: theta[self.slices[name]].view(shape) for name, shape in self.shapes}
