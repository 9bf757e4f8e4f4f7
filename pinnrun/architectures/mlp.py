"""The multilayer perceptron on jets: width W, depth D, and residual blocks for layers that growth inserted.

    h_1 = σ(W_1 z + b_1),   h_l = σ(W_l h_{l-1} + b_l),   output = V h_D + c

A layer that a function-preserving growth added is residual, h_l = h_{l-1} + B_l σ(W_l h_{l-1} + b_l), so that
B_l = 0 leaves the function as it was (the zero gate of PirateNets: Wang et al., arXiv 2402.00326).

With adaptive slopes each hidden layer is σ(n a_l (W_l h_{l-1} + b_l)) with a trainable number a_l, n = 10 and n a_l = 1
at the start: the layer-wise locally adaptive activation function of Jagtap, Kawaguchi & Karniadakis (Proc. R. Soc. A
476 (2020) 20200334, arXiv 1909.12228), without the slope recovery term that they may add to the loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from pinnrun.architectures.activations import ACTIVATIONS, activate
from pinnrun.architectures.family import Family, FamilySettings
from pinnrun.architectures.layers import Layers, Shapes, dense_shapes, dense_value
from pinnrun.calculus import Jet, Tape
from pinnrun.settings import setting

SLOPE_SCALE = 10.0  # n: a step of a moves the slope n times as far


@dataclass(frozen=True)
class Mlp(Family):
    """A fully connected network of one size.

    Attributes:
        residual: the hidden layers (2 … D) that are residual blocks.
        adaptive_slope: whether each hidden layer has a trainable slope.
    """

    residual: tuple[int, ...] = ()
    adaptive_slope: bool = False

    type: ClassVar[str] = "mlp"
    starts: ClassVar = {"gate": 0.0, "slope": 1.0 / SLOPE_SCALE}

    def shapes(self) -> Shapes:
        shapes: Shapes = []
        stream: int | str = self.features  # what the next layer reads
        for layer in range(1, self.depth + 1):
            own = f"hidden{layer}"
            shapes += dense_shapes(own, stream, own)
            if self.adaptive_slope:
                shapes.append((f"{own}.slope", (1,)))
            if layer in self.residual:
                shapes.append((self.gate(layer), (stream, own)))
            else:
                stream = own
        return shapes + dense_shapes("output", stream, self.outputs)

    def gate(self, layer: int) -> str:
        return f"hidden{layer}.gate"

    def deeper(self) -> Mlp:
        """The same network with one hidden layer more, a residual block, before the output."""
        return replace(self, depth=self.depth + 1, residual=(*self.residual, self.depth + 1))

    def plain(self) -> Mlp:
        """The same size without residual blocks."""
        return replace(self, residual=())

    @classmethod
    def from_description(cls, description: Any) -> Mlp:
        residual = tuple(int(layer) for layer in description["residual"].split(",") if layer)
        return super().from_description({**description, "residual": residual})

    def __call__(self, theta: Tensor, inputs: Jet, tape: Tape | None = None) -> Jet:
        """The output's jet, channels ``(S, M, N, outputs)``; every layer goes onto the tape."""
        layers = Layers(self.layout, theta, tape)
        hidden = self.embedding(inputs)
        for layer in range(1, self.depth + 1):
            y = layers.dense(f"hidden{layer}", hidden)
            if self.adaptive_slope:
                y = layers.scale(f"hidden{layer}.slope", SLOPE_SCALE * y)
            active = activate(self.activation, y)
            hidden = hidden + layers.matrix(self.gate(layer), active) if layer in self.residual else active
        return layers.dense("output", hidden)

    def value(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """The output at plain inputs ``(..., inputs)``: an implementation without jets, for tests and the fallback."""
        parts = self.layout.split(theta)
        hidden = self.embedding.value(inputs)
        for layer in range(1, self.depth + 1):
            y = dense_value(parts, f"hidden{layer}", hidden)
            if self.adaptive_slope:
                y = SLOPE_SCALE * parts[f"hidden{layer}.slope"] * y
            active = ACTIVATIONS[self.activation](y)[0]
            hidden = hidden + active @ parts[self.gate(layer)].T if layer in self.residual else active
        return dense_value(parts, "output", hidden)


@dataclass(frozen=True)
class MlpSettings(FamilySettings):
    """The multilayer perceptron and the size at which a run starts."""

    adaptive_slope: bool = setting(False, help="one trainable slope per hidden layer: σ(10 a (Wh + b)), 10 a = 1 first")

    network: ClassVar = Mlp

    def own(self, depth: int) -> dict[str, Any]:
        return {"adaptive_slope": self.adaptive_slope}
