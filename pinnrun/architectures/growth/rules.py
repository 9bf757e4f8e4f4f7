"""How a network grows, W → αW or D → D + 1: a transform of (architecture, θ) that knows nothing of the problem.

What it may see of the problem is the objective, linearized for a network that it names. The rules by name:

    reinit          afresh                                                    plain.py
    zero_out        unheard neurons, shut gates: the function is kept
    shrink_perturb  a mixture of both
    net2net         copies of old neurons; a layer near the identity          net2net.py
    residual        unheard neurons chosen by the residual, pursuit           candidates.py, pursuit.py
    greedy          the same, cheaper

And how it gets narrower again, once it is larger than need be: prune.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pinnrun.architectures.growth import candidates, net2net, plain
from pinnrun.architectures.growth.base import Growth, GrowthRule, Probe
from pinnrun.architectures.growth.prune import prune
from pinnrun.architectures.network import Network

GROWTH_RULES: dict[str, GrowthRule] = {
    "reinit": plain.reinit,
    "zero_out": plain.zero_out,
    "net2net": net2net.net2net,
    "shrink_perturb": plain.shrink_perturb,
    "residual": candidates.residual,
    "greedy": candidates.greedy,
}


def widen(
    network: Network, theta: Tensor, width: int, rule: str, generator: torch.Generator, probe: Probe | None = None
) -> Growth:
    """The network with ``width`` neurons per hidden layer, new ones started by ``rule``."""
    if width <= network.width:
        raise ValueError(f"widening from {network.width} to {width} neurons adds none")
    return GROWTH_RULES[rule](network, theta, wider(network, width, rule), generator, probe)


def deepen(
    network: Network, theta: Tensor, rule: str, generator: torch.Generator, probe: Probe | None = None
) -> Growth:
    """The network with one hidden layer more, started by ``rule``."""
    return GROWTH_RULES[rule](network, theta, deeper(network, rule), generator, probe)


def wider(network: Network, width: int, rule: str) -> Network:
    """What ``rule`` makes of the architecture when it widens: a start afresh drops what growth has added."""
    larger = network.of_width(width)
    return larger.plain() if rule == "reinit" else larger


def deeper(network: Network, rule: str) -> Network:
    """The same when it deepens: the added layer is residual, unless it starts afresh or as an ordinary identity."""
    if rule == "net2net":
        return net2net.longer(network)
    larger = network.deeper()
    return larger.plain() if rule == "reinit" else larger


def restart(
    network: Network,
    theta: Tensor,
    width: int | None,
    depth: int | None,
    generator: torch.Generator,
    probe: Probe | None = None,
) -> Growth:
    """The same network started afresh, or that of another size."""
    if width is not None and width != network.width:
        network = network.of_width(width)
    if depth is not None and depth != network.depth:
        network = network.of_depth(depth)
    return Growth(network, network.initial(generator).to(theta), None)


def narrow(
    network: Network, theta: Tensor, width: int, generator: torch.Generator, probe: Probe | None = None
) -> Growth:
    """The network with only ``width`` neurons per hidden layer left, those that the others can best be made of."""
    if not 0 < width < network.width:
        raise ValueError(f"narrowing from {network.width} to {width} neurons takes none away")
    return prune(network, theta, network.of_width(width), generator, probe)


def size_after(network: Network, width: int, depth: int, init: str, deepen_init: str) -> int:
    """Parameters of a network grown to this size by these rules, new gates included, or cut down to it."""
    if width < network.width:
        network = network.of_width(width)
    if depth < network.depth:
        network = network.of_depth(depth)
    if width > network.width:
        network = wider(network, width, init)
    while network.depth < depth:
        network = deeper(network, deepen_init)
    return network.size
