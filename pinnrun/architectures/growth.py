"""How a network grows, W → αW or D → D + 1: a transform of (architecture, θ) that knows nothing of the problem.

Two rules for how new neurons start:

``zero_out`` (function preserving): a new neuron gets random incoming weights and outgoing weights zero, so the
    old neurons do not see it yet but its gradient is alive; a new layer is a residual block whose gate is zero.
    In θ this is the same for every family: each part grows at the ends of its axes, old rows are zero in new columns.
    Compare Net2Net (Chen, Goodfellow & Shlens, arXiv 1511.05641), whose copied neurons leave a tanh network with
    nearly dependent tangents, and the zero gates of PirateNets (arXiv 2402.00326).
``reinit``: the larger network starts afresh; the function is lost, the small network's basin is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnrun.architectures.network import Network


@dataclass(frozen=True)
class Growth:
    """A grown network.

    Attributes:
        architecture: the larger one.
        theta: its parameters ``(P',)``.
        old_to_new: for each old parameter its place in the new θ ``(P,)``; None when nothing was carried over.
    """

    architecture: Network
    theta: Tensor
    old_to_new: Tensor | None


GrowthRule = Callable[[Network, Tensor, Network, torch.Generator], Growth]


def reinit(old: Network, theta: Tensor, new: Network, generator: torch.Generator) -> Growth:
    """Start afresh at the new size, without what earlier growths have added."""
    plain = new.plain()
    return Growth(plain, plain.initial(generator).to(theta), None)


def zero_out(old: Network, theta: Tensor, new: Network, generator: torch.Generator) -> Growth:
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
    for layer in range(old.depth + 1, new.depth + 1):
        parts[new.gate(layer)].zero_()
    return Growth(new, grown, old_to_new)


GROWTH_RULES: dict[str, GrowthRule] = {"zero_out": zero_out, "reinit": reinit}


def widen(network: Network, theta: Tensor, width: int, rule: str, generator: torch.Generator) -> Growth:
    """The network with ``width`` neurons per hidden layer, new ones started by ``rule``."""
    if width <= network.width:
        raise ValueError(f"widening from {network.width} to {width} neurons adds none")
    return GROWTH_RULES[rule](network, theta, network.wider(width), generator)


def deepen(network: Network, theta: Tensor, rule: str, generator: torch.Generator) -> Growth:
    """The network with one hidden layer more, started by ``rule``."""
    return GROWTH_RULES[rule](network, theta, network.deeper(), generator)


def restart(network: Network, theta: Tensor, generator: torch.Generator) -> Growth:
    """The same network started afresh."""
    return Growth(network, network.initial(generator).to(theta), None)


def size_after(network: Network, width: int, depth: int, rule: str) -> int:
    """Number of parameters that a network grown to this size by ``rule`` has, gates of its new blocks included."""
    grown = network.wider(width)
    while grown.depth < depth:
        grown = grown.deeper()
    return grown.plain().size if rule == "reinit" else grown.size
