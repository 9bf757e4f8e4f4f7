"""Which entries of θ belong to a new neuron: its own parameters, and the weights by which others read it.

A family names the layers of neurons that the axes of its parts count. What a neuron computes depends on its rows in
every part along whose first axis its layer lies; who hears it is decided by its column in every part along whose second
axis its layer lies. A family that names no layers has all axes that grow taken for one, so that the neurons of one
number go together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnrun.architectures.network import Network

ALL = "all"  # the layer of axes that have no name


@dataclass(frozen=True)
class Newcomers:
    """The n new neurons of one layer, or a new block as a whole, which then counts as one.

    Attributes:
        own: where in θ each one's own parameters lie, ``(n, p)``: its rows, as far as they read old neurons.
        out: where the weights lie by which old neurons read each of them, ``(n, m)``.
        rows: the parts that ``own`` is made of, and the first new row of each.
        columns: the parts that ``out`` is made of, and the first new column of each; empty for a whole block.
    """

    own: Tensor
    out: Tensor
    rows: tuple[tuple[str, int], ...]
    columns: tuple[tuple[str, int], ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.own)


def grown_axes(old: Network, new: Network) -> dict[str, tuple[str | None, ...]]:
    """By old part: the layer of each axis that is longer in the new network, None for the others."""
    sizes, names = dict(new.layout.shapes), new.neurons
    return {
        part: tuple(
            (layer or ALL) if after > before else None
            for before, after, layer in zip(shape, sizes[part], names[part], strict=True)
        )
        for part, shape in old.layout.shapes
    }


def grown_layers(old: Network, new: Network) -> list[str]:
    """The layers of neurons that have grown, in their order in θ."""
    return list(dict.fromkeys(layer for axes in grown_axes(old, new).values() for layer in axes if layer is not None))


def newcomers(old: Network, new: Network) -> dict[str, Newcomers]:
    """By layer: the neurons, or the block, that ``new`` has and ``old`` has not."""
    if new.depth > old.depth:
        return {new.gate(new.depth): _of_a_block(old, new)}
    places, before = _places(new), dict(old.layout.shapes)
    axes = grown_axes(old, new)
    found = {}
    for layer in grown_layers(old, new):
        rows = tuple((part, before[part][0]) for part, names in axes.items() if names[0] == layer)
        columns = tuple((part, before[part][1]) for part, names in axes.items() if names[1:] == (layer,))
        own = [places[part][(slice(first, None), *map(slice, before[part][1:]))] for part, first in rows]
        out = [places[part][: before[part][0], first:].T for part, first in columns]
        found[layer] = Newcomers(_beside(own), _beside(out), rows, columns)
    return found


def _of_a_block(old: Network, new: Network) -> Newcomers:
    """The neurons behind the new gate, one by one where it is a matrix with a column for each; else the whole block."""
    places, gate = _places(new), new.gate(new.depth)
    added = [part for part in places if part not in old.layout.slices]
    layer = new.neurons[gate][-1]
    if layer is None or places[gate].dim() < 2:
        whole = [places[part].reshape(1, -1) for part in added if part != gate]
        return Newcomers(torch.cat(whole, 1), places[gate].reshape(1, -1), (), ())
    rows = tuple((part, 0) for part in added if new.neurons[part][0] == layer)
    return Newcomers(_beside([places[part] for part, _ in rows]), places[gate].T, rows, ((gate, 0),))


def silence(old: Network, new: Network, theta: Tensor) -> None:
    """Let new neurons of a wider network read old ones alone: their weights for each other become zero."""
    parts = new.layout.split(theta)
    for part, names in grown_axes(old, new).items():
        if len(names) == 2 and None not in names:
            parts[part][old.width :, old.width :] = 0.0


def _places(network: Network) -> dict[str, Tensor]:
    return network.layout.split(torch.arange(network.size))


def _beside(parts: list[Tensor]) -> Tensor:
    """Index blocks with one row a neuron, side by side."""
    return torch.cat([part.reshape(len(part), -1) for part in parts], 1)
