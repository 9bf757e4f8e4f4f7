"""The multilayer perceptron on jets: width W, depth D, and residual blocks for layers that growth inserted.

    h_1 = σ(W_1 z + b_1),   h_l = σ(W_l h_{l-1} + b_l),   output = V h_D + c

A layer that a function-preserving growth added is residual, h_l = h_{l-1} + B_l σ(W_l h_{l-1} + b_l), so that
B_l = 0 leaves the function as it was (the zero gate of PirateNets: Wang et al., arXiv 2402.00326).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt
from typing import Literal

import torch
from torch import Tensor

from pinnrun.architectures.activations import ACTIVATIONS, activate
from pinnrun.architectures.layout import Layout
from pinnrun.calculus import Jet, Tape
from pinnrun.settings import setting


@dataclass(frozen=True)
class MlpSettings:
    """The family and the size at which a run starts."""

    type: str = setting(help="the architecture's registered name")
    width: int | None = setting(None, min=1, help="neurons per hidden layer W; null: n_in + 1, the smallest viable")
    depth: int = setting(1, min=1, help="hidden layers D")
    activation: Literal["tanh", "sin", "softplus", "gelu"] = setting("tanh", help="the activation function")

    def start(self, coordinates: int, inputs: int, outputs: int) -> Mlp:
        """The first network: W = n_in + 1 counts coordinates (Hanin & Sellke 2018), not the features built on them."""
        return Mlp(inputs, outputs, self.width or coordinates + 1, self.depth, self.activation)


@dataclass(frozen=True)
class Mlp:
    """A fully connected network of one size.

    Attributes:
        inputs: number of network inputs (coordinates and features).
        outputs: number of components.
        width: neurons per hidden layer W.
        depth: hidden layers D.
        activation: a key of ``ACTIVATIONS``.
        residual: the hidden layers (2 … D) that are residual blocks.
    """

    inputs: int
    outputs: int
    width: int
    depth: int
    activation: str = "tanh"
    residual: tuple[int, ...] = ()

    has_jets = True

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {self.activation!r}")

    @cached_property
    def layout(self) -> Layout:
        """Names and shapes of the parameters in θ."""
        shapes: list[tuple[str, tuple[int, ...]]] = []
        for layer in range(1, self.depth + 1):
            fan_in = self.inputs if layer == 1 else self.width
            shapes += [(f"hidden{layer}.weight", (self.width, fan_in)), (f"hidden{layer}.bias", (self.width,))]
            if layer in self.residual:
                shapes.append((f"hidden{layer}.gate", (self.width, self.width)))
        shapes += [("output.weight", (self.outputs, self.width)), ("output.bias", (self.outputs,))]
        return Layout(shapes)

    @property
    def size(self) -> int:
        """Number of parameters P."""
        return self.layout.size

    def describe(self) -> dict[str, int | str]:
        """Plain values from which ``Mlp(**…)`` makes the same architecture again (``residual`` as text)."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "width": self.width,
            "depth": self.depth,
            "activation": self.activation,
            "residual": ",".join(map(str, self.residual)),
        }

    @classmethod
    def from_description(cls, description: dict) -> Mlp:
        """The inverse of ``describe``."""
        residual = tuple(int(layer) for layer in str(description["residual"]).split(",") if layer)
        return cls(**{**description, "residual": residual})

    def initial(self, generator: torch.Generator) -> Tensor:
        """A random θ (float64, CPU): weights and biases uniform in ±1/√fan_in, gates zero.

        Biases are drawn too, so that the neurons' hyperplanes do not all pass through the origin.
        """
        theta = torch.zeros(self.size, dtype=torch.float64)
        parts = self.layout.split(theta)
        for name, part in parts.items():
            if name.endswith(".gate"):
                continue
            fan_in = parts[name.rsplit(".", 1)[0] + ".weight"].shape[1]
            part.copy_((2.0 * torch.rand(part.shape, generator=generator, dtype=torch.float64) - 1.0) / sqrt(fan_in))
        return theta

    def wider(self, width: int) -> Mlp:
        """The same network with ``width`` neurons per layer."""
        return replace(self, width=width)

    def deeper(self, *, residual: bool) -> Mlp:
        """The same network with one hidden layer more, before the output."""
        return replace(self, depth=self.depth + 1, residual=self.residual + ((self.depth + 1,) if residual else ()))

    def plain(self) -> Mlp:
        """The same size without residual blocks."""
        return replace(self, residual=())

    def __call__(self, theta: Tensor, inputs: Jet, tape: Tape | None = None) -> Jet:
        """The output's jet, channels ``(S, M, N, outputs)``; every linear layer goes onto the tape."""
        parts = self.layout.split(theta)
        hidden = inputs
        for layer in range(1, self.depth + 1):
            active = activate(self.activation, self._linear(f"hidden{layer}", parts, hidden, tape))
            if layer in self.residual:
                active = hidden + self._linear(f"hidden{layer}", parts, active, tape, weight="gate")
            hidden = active
        return self._linear("output", parts, hidden, tape)

    def _linear(self, layer: str, parts: dict[str, Tensor], z: Jet, tape: Tape | None, weight: str = "weight") -> Jet:
        y = z.channels @ parts[f"{layer}.{weight}"].T
        bias = f"{layer}.bias" if weight == "weight" else None
        if tape is not None:  # Y without its bias, which changes no derivative
            slices = self.layout.slices
            tape.record(slices[f"{layer}.{weight}"], slices[bias] if bias else None, z.channels, y)
        jet = Jet(y, z.dimension, z.derivatives)
        return jet + parts[bias] if bias else jet

    def value(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """The output at plain inputs ``(..., inputs)``: an implementation without jets, for tests and the fallback."""
        parts = self.layout.split(theta)
        hidden = inputs
        for layer in range(1, self.depth + 1):
            y = hidden @ parts[f"hidden{layer}.weight"].T + parts[f"hidden{layer}.bias"]
            active = ACTIVATIONS[self.activation](y)[0]
            hidden = hidden + active @ parts[f"hidden{layer}.gate"].T if layer in self.residual else active
        return hidden @ parts["output.weight"].T + parts["output.bias"]
