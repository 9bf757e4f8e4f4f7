"""Net2Net (Chen, Goodfellow & Shlens, ICLR 2016, arXiv 1511.05641): teach a larger network what a smaller one knows.

Wider (section 2.1, algorithm 1): a new neuron is a copy of an old one drawn at random, g(j); what it gives is shared
out among the copies,

    W'[i, :] = W[g(i), :]        V'[:, j] = V[:, g(j)] / #{k : g(k) = g(j)}

in every part of θ, with one g for each layer of neurons, so that it holds for every family. A little noise on the
copies' incoming weights then tells them apart; without it the function is kept exactly.

Deeper (section 2.2): a new layer starts as the identity. Where layers are residual that is a gate at zero, exactly. An
ordinary layer h → σ(W h + b) of a smooth σ comes as near to it as one likes,

    W = ε 1,  b = 0,     V' = V / (ε σ'(0)),     c' = c − V' σ(0) 1,      an error of order ε h² σ''(0) + ε² h³ σ'''(0)

which for tanh is ε²/3. It adds no gate, so the network stays a plain one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from pinnrun.architectures.activations import ACTIVATIONS
from pinnrun.architectures.growth.base import Growth, Probe
from pinnrun.architectures.growth.neurons import grown_axes, grown_layers
from pinnrun.architectures.growth.plain import places, zero_out
from pinnrun.architectures.mlp import Mlp
from pinnrun.architectures.network import Network

NOISE = 1e-2  # of a copy's incoming weights, in units of their root mean square
NEAR = 0.1  # ε


def longer(network: Network) -> Network:
    """The network with one layer more: an ordinary one where the family has such, a residual one elsewhere."""
    if (inner := getattr(network, "network", None)) is not None:  # with unknown coefficients behind its outputs
        return replace(cast(Any, network), network=longer(inner))
    return replace(network, depth=network.depth + 1) if isinstance(network, Mlp) else network.deeper()


def net2net(
    old: Network,
    theta: Tensor,
    new: Network,
    generator: torch.Generator,
    probe: Probe | None = None,
    noise: float = NOISE,
) -> Growth:
    """Copies of old neurons; or a layer that is the identity, nearly so where it has no gate."""
    if new.depth > old.depth:
        if isinstance(old, Mlp) and isinstance(new, Mlp) and new.residual == old.residual:
            return nearly_identity(old, theta, new, generator)
        return zero_out(old, theta, new, generator)
    grown = theta.new_empty(new.size)
    parts, axes = new.layout.split(grown), grown_axes(old, new)
    copied = {layer: copies(old.width, new.width, generator) for layer in grown_layers(old, new)}
    for name, value in old.layout.split(theta).items():
        scale = noise * value.square().mean().sqrt()
        for axis, layer in enumerate(axes[name]):
            if layer is not None:
                g = copied[layer].to(value.device)
                value = value.index_select(axis, g)
                if axis == 1:
                    value = value / g.bincount()[g]
        parts[name].copy_(value)
        if axes[name][0] is not None:
            new_rows = parts[name][old.width :]
            new_rows += scale * torch.randn(new_rows.shape, generator=generator, dtype=torch.float64).to(theta)
    return Growth(new, grown, places(old, new))


def copies(width: int, wider: int, generator: torch.Generator) -> Tensor:
    """g: the old neuron that each neuron of the wider layer is, ``(wider,)``."""
    return torch.cat([torch.arange(width), torch.randint(width, (wider - width,), generator=generator)])


def nearly_identity(old: Mlp, theta: Tensor, new: Mlp, generator: torch.Generator, near: float = NEAR) -> Growth:
    """An ordinary layer before the output that hands on what it gets, but for an error of order ε."""
    grown = new.initial(generator).to(theta)
    old_to_new = places(old, new)
    grown[old_to_new.to(grown.device)] = theta
    parts = new.layout.split(grown)
    value, slope = (float(part) for part in ACTIVATIONS[new.activation](torch.zeros((), dtype=torch.float64), 1))
    parts[f"hidden{new.depth}.weight"].copy_(near * torch.eye(new.width, dtype=theta.dtype))
    parts[f"hidden{new.depth}.bias"].zero_()
    parts["output.weight"] /= near * slope
    parts["output.bias"] -= value * parts["output.weight"].sum(1)
    return Growth(new, grown, old_to_new)
