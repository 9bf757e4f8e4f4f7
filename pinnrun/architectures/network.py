"""What the project asks of a network beyond its calculus: a size that can grow, a layout, a description."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from pinnrun import calculus
from pinnrun.architectures.layout import Layout


class Network(calculus.Network, Protocol):
    """A family's network of one size: immutable, without parameters of its own (θ is passed in)."""

    type: ClassVar[str]

    @property
    def inputs(self) -> int:
        """Number of network inputs (coordinates and features)."""
        ...

    @property
    def outputs(self) -> int:
        """Number of components."""
        ...

    @property
    def width(self) -> int:
        """Neurons per layer W."""
        ...

    @property
    def depth(self) -> int:
        """Layers, or blocks, D."""
        ...

    @property
    def layout(self) -> Layout:
        """Names and shapes of the parameters in θ."""
        ...

    @property
    def neurons(self) -> dict[str, tuple[str | None, ...]]:
        """By part: the layer whose neurons each of its axes counts; axes of one name count the same neurons."""
        ...

    def describe(self) -> dict[str, Any]:
        """Plain values, ``type`` among them, from which ``pinnrun.registry.network_of`` makes the network again."""
        ...

    def initial(self, generator: torch.Generator) -> Tensor:
        """A random θ (float64, CPU)."""
        ...

    def of_width(self, width: int) -> Network:
        """The same network with ``width`` neurons per layer; every part of θ keeps its name, its ends change."""
        ...

    def of_depth(self, depth: int) -> Network:
        """The same network with ``depth`` layers, of those that a run would start it with."""
        ...

    def deeper(self) -> Network:
        """The same network with one layer more, which leaves the function as it is while its gate is zero."""
        ...

    def gate(self, layer: int) -> str:
        """The part of θ that, where it is zero, makes this layer the identity; growth adds layers with it shut."""
        ...

    def plain(self) -> Network:
        """The network of this size as a run would start it, without what growth has added."""
        ...
