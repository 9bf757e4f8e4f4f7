"""PirateNet, the physics-informed residual adaptive network (Wang, Li, Chen & Perdikaris, arXiv 2402.00326).

    x_1 = Φ(z),     U = σ(W_U Φ + b_U),     V = σ(W_V Φ + b_V)
    f = σ(W_1 x + b_1),           z_1 = f ⊙ U + (1 − f) ⊙ V
    g = σ(W_2 z_1 + b_2),         z_2 = g ⊙ U + (1 − g) ⊙ V
    h = σ(W_3 z_2 + b_3),         x_{l+1} = α_l h + (1 − α_l) x_l           for each of D blocks
    output = W x_{D+1} + c

Every α_l starts at zero: the network begins as a linear one of its embedding Φ and takes on its depth as α grows.

Here Φ = W_Φ γ(z) + b_Φ, where γ are the inputs or, by choice, their Fourier or periodic features; the paper has Φ = γ
and as many features as neurons, which is W_Φ = 1 here. With W_Φ the width can grow while the features stay. Two things
of the paper are left out: the first output layer by least squares, and random weight factorisation; weights start as in
the other families.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from pinnrun.architectures.activations import ACTIVATIONS, activate
from pinnrun.architectures.family import Family, FamilySettings
from pinnrun.architectures.layers import Layers, Shapes, dense_shapes, dense_value
from pinnrun.calculus import Jet, Tape
from pinnrun.settings import setting


@dataclass(frozen=True)
class PirateNet(Family):
    """A PirateNet of one size: D blocks of three layers, all of width W."""

    type: ClassVar[str] = "pirate"
    starts: ClassVar = {"alpha": 0.0}

    def shapes(self) -> Shapes:
        shapes = dense_shapes("embedding", self.features, "x")
        for name in ("gate_u", "gate_v"):
            shapes += dense_shapes(name, "x", "z")
        for block in range(1, self.depth + 1):
            for layer, (reads, own) in enumerate((("x", "z"), ("z", "z"), ("z", "x")), 1):
                shapes += dense_shapes(f"block{block}.layer{layer}", reads, own)
            shapes.append((self.gate(block), (1,)))
        return shapes + dense_shapes("output", "x", self.outputs)

    def gate(self, layer: int) -> str:
        return f"block{layer}.alpha"

    def __call__(self, theta: Tensor, inputs: Jet, tape: Tape | None = None) -> Jet:
        """The output's jet, channels ``(S, M, N, outputs)``; every layer and every α goes onto the tape."""
        layers = Layers(self.layout, theta, tape)

        def active(name: str, z: Jet) -> Jet:
            return activate(self.activation, layers.dense(name, z))

        x = layers.dense("embedding", self.embedding(inputs))
        u, v = active("gate_u", x), active("gate_v", x)
        difference = u - v
        for block in range(1, self.depth + 1):
            z = x
            for layer in (1, 2):  # f ⊙ U + (1 − f) ⊙ V, with one product of jets instead of two
                z = v + active(f"block{block}.layer{layer}", z) * difference
            x = x + layers.scale(self.gate(block), active(f"block{block}.layer3", z) - x)
        return layers.dense("output", x)

    def value(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """The output at plain inputs ``(..., inputs)``, without jets."""
        parts = self.layout.split(theta)

        def active(name: str, z: Tensor) -> Tensor:
            return ACTIVATIONS[self.activation](dense_value(parts, name, z))[0]

        x = dense_value(parts, "embedding", self.embedding.value(inputs))
        u, v = active("gate_u", x), active("gate_v", x)
        for block in range(1, self.depth + 1):
            f = active(f"block{block}.layer1", x)
            g = active(f"block{block}.layer2", f * u + (1.0 - f) * v)
            h = active(f"block{block}.layer3", g * u + (1.0 - g) * v)
            alpha = parts[self.gate(block)]
            x = alpha * h + (1.0 - alpha) * x
        return dense_value(parts, "output", x)


@dataclass(frozen=True)
class PirateSettings(FamilySettings):
    """PirateNet and the size at which a run starts; the paper embeds its inputs by Fourier features."""

    embedding: Literal["none", "fourier"] = setting("fourier", help="fourier: cos(Bz), sin(Bz) of the inputs, B random")

    network: ClassVar = PirateNet
