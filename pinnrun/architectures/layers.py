"""The building blocks of every family: linear layers and scalar factors on jets, recorded on the tape."""

from __future__ import annotations

from torch import Tensor

from pinnrun.architectures.layout import Layout
from pinnrun.calculus import Jet, Tape

Shapes = list[tuple[str, tuple[int | str, ...]]]
"""Names of parts and their axes: a number each, or the name of a layer of neurons, of which there are W."""


def dense_shapes(name: str, inputs: int | str, outputs: int | str) -> Shapes:
    """The parts of a layer W z + b, by their names in the layout."""
    return [(f"{name}.weight", (outputs, inputs)), (f"{name}.bias", (outputs,))]


class Layers:
    """The parts of θ as operations on jets, channels ``(S, M, N, width)``; what is applied goes onto the tape.

    Args:
        layout: of the network.
        theta: the parameters ``(P,)``.
        tape: where uses are recorded, or None.
    """

    def __init__(self, layout: Layout, theta: Tensor, tape: Tape | None) -> None:
        self.parts, self.slices, self.tape = layout.split(theta), layout.slices, tape

    def dense(self, name: str, z: Jet) -> Jet:
        """W z + b of the layer of this name."""
        bias = f"{name}.bias"
        return self._linear(f"{name}.weight", bias, z) + self.parts[bias]

    def matrix(self, part: str, z: Jet) -> Jet:
        """W z for a part that is a matrix without bias."""
        return self._linear(part, None, z)

    def scale(self, part: str, z: Jet) -> Jet:
        """The product a z for a part that is one number."""
        y = self.parts[part] * z.channels
        if self.tape is not None:
            self.tape.record_scale(self.slices[part], z.channels, y)
        return Jet(y, z.dimension, z.derivatives)

    def _linear(self, weight: str, bias: str | None, z: Jet) -> Jet:
        y = z.channels @ self.parts[weight].T
        if self.tape is not None:  # Y without its bias, which changes no derivative
            self.tape.record(self.slices[weight], self.slices[bias] if bias else None, z.channels, y)
        return Jet(y, z.dimension, z.derivatives)


def dense_value(parts: dict[str, Tensor], name: str, z: Tensor) -> Tensor:
    """W z + b on plain tensors ``(..., in)``."""
    return z @ parts[f"{name}.weight"].T + parts[f"{name}.bias"]
