"""Unknown coefficients of an equation as parameters beside those of the network, for inverse problems.

    θ = (θ_network, c),      output(z) = (network(z), c_1, …, c_n)

The numbers c appear as further components of the output, constant in space: all their derivatives are zero. On the tape
they are one linear layer Y = Z cᵀ whose input Z is 1 on the value channel and 0 on the derivatives, so that J and
everything made of it follows as for any layer (Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686,
section 4, train them with the network in the same way).

A growth concerns the network alone: the coefficients keep their values by every rule, since what is known of them so
far is the best place to go on from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinnrun.architectures.growth import Growth, Probe
from pinnrun.architectures.layout import Layout
from pinnrun.architectures.network import Network
from pinnrun.calculus import Jet, Linearization, Tape

Coefficients = tuple[tuple[str, float], ...]
"""Names, and the values at which training starts."""

KEY = "coefficients"  # of a description


@dataclass(frozen=True)
class WithCoefficients:
    """A network with n unknown coefficients behind its outputs.

    Attributes:
        network: the field's network.
        coefficients: name and first value of each.
    """

    network: Network
    coefficients: Coefficients

    @property
    def type(self) -> str:
        """The network's."""
        return self.network.type

    @property
    def inputs(self) -> int:
        """The network's."""
        return self.network.inputs

    @property
    def outputs(self) -> int:
        """Components of the field, and the coefficients behind them."""
        return self.network.outputs + len(self.coefficients)

    @property
    def has_jets(self) -> bool:
        """Whether the network has jet rules."""
        return self.network.has_jets

    @cached_property
    def layout(self) -> Layout:
        """The network's own layout with the coefficients behind it."""
        return Layout([*self.network.layout.shapes, (KEY, (len(self.coefficients),))])

    @property
    def size(self) -> int:
        """Number of parameters, coefficients included."""
        return self.network.size + len(self.coefficients)

    @property
    def width(self) -> int:
        """The network's."""
        return self.network.width

    @property
    def depth(self) -> int:
        """The network's."""
        return self.network.depth

    @property
    def neurons(self) -> dict[str, tuple[str | None, ...]]:
        """The network's; the coefficients count none."""
        return {**self.network.neurons, KEY: (None,)}

    @property
    def place(self) -> slice:
        """Where the coefficients lie in θ."""
        return slice(self.network.size, self.size)

    def initial(self, generator: torch.Generator) -> Tensor:
        """The network's random start, and the coefficients' first values."""
        first = torch.tensor([value for _, value in self.coefficients], dtype=torch.float64)
        return torch.cat([self.network.initial(generator), first])

    def __call__(self, theta: Tensor, inputs: Jet, tape: Tape | None = None) -> Jet:
        """The output's jet, channels ``(S, M, N, k + n)``."""
        field = self.network(theta[: self.network.size], inputs, tape)
        z = torch.zeros_like(field.channels[..., :1])
        z[0] = 1.0
        y = z * theta[self.place]
        if tape is not None:
            tape.record(self.place, None, z, y)
        return Jet(torch.cat([field.channels, y], dim=-1), field.dimension, field.derivatives)

    def value(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """The output at plain inputs ``(..., inputs)``."""
        field = self.network.value(theta[: self.network.size], inputs)
        return torch.cat([field, theta[self.place].expand(*field.shape[:-1], -1)], dim=-1)

    # -- growth, and the record ----------------------------------------------------------------------------------

    def of_width(self, width: int) -> WithCoefficients:
        """The same with ``width`` neurons per layer."""
        return replace(self, network=self.network.of_width(width))

    def of_depth(self, depth: int) -> WithCoefficients:
        """The same with ``depth`` layers."""
        return replace(self, network=self.network.of_depth(depth))

    def deeper(self) -> WithCoefficients:
        """The same with one hidden layer more."""
        return replace(self, network=self.network.deeper())

    def gate(self, layer: int) -> str:
        """The network's."""
        return self.network.gate(layer)

    def plain(self) -> WithCoefficients:
        """The same without residual blocks."""
        return replace(self, network=self.network.plain())

    def describe(self) -> dict[str, Any]:
        """The network's description, and the coefficients as text."""
        return {**self.network.describe(), KEY: ",".join(f"{name}={value!r}" for name, value in self.coefficients)}


def with_coefficients(network: Any, coefficients: Coefficients) -> Any:
    """The network with these unknown coefficients behind its outputs; itself where there are none."""
    return WithCoefficients(network, coefficients) if coefficients else network


def from_description(description: Mapping[str, Any], make: Callable[[dict[str, Any]], Any]) -> Any:
    """The inverse of ``describe``, for networks with coefficients and without; ``make`` makes the network alone."""
    plain = {key: value for key, value in description.items() if key != KEY}
    pairs = [pair.split("=") for pair in str(description.get(KEY, "")).split(",") if pair]
    return with_coefficients(make(plain), tuple((name, float(value)) for name, value in pairs))


def grow(rule: Callable[..., Growth], network: Any, theta: Tensor, *arguments: Any, probe: Probe) -> Growth:
    """``rule(network, theta, *arguments, probe)``, of which the coefficients see nothing."""
    if not isinstance(network, WithCoefficients):
        return rule(network, theta, *arguments, probe)
    outer: Any = network
    known = theta[network.place]

    def inside(inner: Any, part: Tensor) -> Linearization:
        """The objective of another network inside; the coefficients' columns of J stand behind its own."""
        return probe(replace(outer, network=inner), torch.cat([part, known]))

    inner = rule(network.network, theta[: network.network.size], *arguments, inside)
    grown: Any = replace(network, network=inner.architecture)
    places = inner.old_to_new
    if places is not None:
        places = torch.cat([places, torch.arange(inner.architecture.size, grown.size)])
    return Growth(grown, torch.cat([inner.theta, known]), places)
