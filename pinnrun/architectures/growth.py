"""How a network grows, W → αW or D → D + 1: a transform of (architecture, θ) that knows nothing of the problem.

Two rules for how new neurons start:

``zero_out`` (function preserving): a new neuron gets random incoming weights and outgoing weights zero, so the
    old neurons do not see it yet but its gradient is alive; a new layer is a residual block whose gate is zero.
    Compare Net2Net (Chen, Goodfellow & Shlens, arXiv 1511.05641), whose copied neurons leave a tanh network with
    nearly dependent tangents, and the zero gates of PirateNets (arXiv 2402.00326).
``reinit``: the larger network starts afresh; the function is lost, the small network's basin is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnrun.architectures.mlp import Mlp


@dataclass(frozen=True)
class Growth:
    """A grown network.

    Attributes:
        architecture: the larger one.
        theta: its parameters ``(P',)``.
        old_to_new: for each old parameter its place in the new θ ``(P,)``; None when nothing was carried over.
    """

    architecture: Mlp
    theta: Tensor
    old_to_new: Tensor | None


GrowthRule = Callable[[Mlp, Tensor, Mlp, torch.Generator], Growth]


def reinit(old: Mlp, theta: Tensor, new: Mlp, generator: torch.Generator) -> Growth:
    """Start afresh at the new size, without residual blocks."""
    plain = new.plain()
    return Growth(plain, plain.initial(generator).to(theta), None)


def zero_out(old: Mlp, theta: Tensor, new: Mlp, generator: torch.Generator) -> Growth:
    """Keep the function exactly: embed every old weight, let old neurons ignore new ones, keep new gates shut."""
    grown = new.initial(generator).to(theta)
    places = torch.arange(new.size)
    old_parts, parts, indices = old.layout.split(theta), new.layout.split(grown), new.layout.split(places)
    old_to_new = torch.empty(old.size, dtype=torch.long)
    for name, value in old_parts.items():
        corner = tuple(slice(0, n) for n in value.shape)
        parts[name][corner[:1]] = 0.0  # rows of old neurons: deaf to the new ones …
        parts[name][corner] = value  # … and as they were to the old
        old_to_new[old.layout.slices[name]] = indices[name][corner].reshape(-1)
    return Growth(new, grown, old_to_new)


GROWTH_RULES: dict[str, GrowthRule] = {"zero_out": zero_out, "reinit": reinit}


def widen(network: Mlp, theta: Tensor, width: int, rule: str, generator: torch.Generator) -> Growth:
    """The network with ``width`` neurons per hidden layer, new ones started by ``rule``."""
    if width <= network.width:
        raise ValueError(f"widening from {network.width} to {width} neurons adds none")
    return GROWTH_RULES[rule](network, theta, network.wider(width), generator)


def deepen(network: Mlp, theta: Tensor, rule: str, generator: torch.Generator) -> Growth:
    """The network with one hidden layer more, started by ``rule``."""
    return GROWTH_RULES[rule](network, theta, network.deeper(residual=True), generator)


def size_after(network: Mlp, width: int, depth: int, rule: str) -> int:
    """Number of parameters that a network grown to this size by ``rule`` has, gates of its new blocks included."""
    grown = network.wider(width)
    while grown.depth < depth:
        grown = grown.deeper(residual=True)
    return grown.plain().size if rule == "reinit" else grown.size
