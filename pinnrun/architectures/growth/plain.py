"""The rules that look at nothing but the weights: start afresh, keep the function, or something between the two.

``reinit``: the larger network starts afresh; the function is lost, the small network's basin is left.
``zero_out`` (function preserving): a new neuron gets random incoming weights and outgoing weights zero, so the old
    neurons do not see it yet but its gradient is alive; a new layer is a residual block whose gate is zero (PirateNets,
    Wang et al., arXiv 2402.00326). In θ this is the same for every family: each part grows at the ends of its axes, old
    rows are zero in new columns.
``shrink_perturb``: λ θ + σ p with p drawn afresh (Ash & Adams, "On warm-starting neural network training", NeurIPS
    2020, arXiv 1910.08475, section 5), for the θ that ``zero_out`` gives. Theirs is for new data, and their p normal
    noise; here p is a fresh start of the larger network. λ + σ = 1, so that parts which start at a number stay near it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pinnrun.architectures.growth.base import Growth, Probe
from pinnrun.architectures.network import Network

SHRINK, PERTURB = 0.6, 0.4  # λ and σ


def reinit(old: Network, theta: Tensor, new: Network, generator: torch.Generator, probe: Probe | None = None) -> Growth:
    """Start afresh at the new size; ``new`` is a plain network, without what earlier growths have added."""
    return Growth(new, new.initial(generator).to(theta), None)


def zero_out(
    old: Network, theta: Tensor, new: Network, generator: torch.Generator, probe: Probe | None = None
) -> Growth:
    """Keep the function exactly: embed every old weight, let old neurons ignore new ones, keep new gates shut."""
    grown = new.initial(generator).to(theta)
    parts = new.layout.split(grown)
    for name, value in old.layout.split(theta).items():
        corner = corner_of(value)
        parts[name][corner[:1]] = 0.0  # rows of old neurons: deaf to the new ones …
        parts[name][corner] = value  # … and as they were to the old
    for layer in range(old.depth + 1, new.depth + 1):
        parts[new.gate(layer)].zero_()
    return Growth(new, grown, places(old, new))


def places(old: Network, new: Network) -> Tensor:
    """For each old parameter its place in the new θ: every part keeps its name and grows at the ends of its axes."""
    old_to_new = torch.arange(old.size)
    indices = new.layout.split(torch.arange(new.size))
    for name, part in old.layout.split(old_to_new).items():
        part.copy_(indices[name][corner_of(part)])
    return old_to_new


def corner_of(part: Tensor) -> tuple[slice, ...]:
    """Where an old part lies in the new one of its name."""
    return tuple(slice(0, n) for n in part.shape)


def shrink_perturb(
    old: Network, theta: Tensor, new: Network, generator: torch.Generator, probe: Probe | None = None
) -> Growth:
    """λ times the old network, σ times a new one; an optimizer's memory of the old place is of no use at this one."""
    kept = zero_out(old, theta, new, generator).theta
    return Growth(new, SHRINK * kept + PERTURB * new.initial(generator).to(theta), None)
