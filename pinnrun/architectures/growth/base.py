"""What a growth is, and what the rules for new neurons may ask of the objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnrun.architectures.network import Network
from pinnrun.calculus import Linearization


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


Probe = Callable[[Network, Tensor], Linearization]
"""The objective, linearized for any network of these inputs and outputs at any θ of it."""


def signals(network: Network, linear: Linearization) -> dict[str, Tensor]:
    """The values that each part is applied to, ``(K, in)``, of the parts whose values are known."""
    found = linear.signals()
    return {name: found[part.start] for name, part in network.layout.slices.items() if part.start in found}


GrowthRule = Callable[[Network, Tensor, Network, torch.Generator, Probe | None], Growth]
"""From (old network, θ, new network, random numbers, the objective if it is known) to the growth."""
