"""Neurons chosen for what the objective says of them: many are drawn, few are taken.

``residual``: of twenty candidates for each new neuron those are taken that would lower the linearized objective most,
    after the network's own parameters have done what they can, and one after the other (pursuit.py). Their outgoing
    weights, or the gate of the new layer, start at zero: the function is kept.
``greedy``: the same without a look at the network's own parameters, which saves JᵀJ.

A candidate reads the old neurons of the layer below. Its incoming weights are a hyperplane through the value of that
layer at one of the training points, in a random direction, so steep that the pre-activation's standard deviation over
the points is between a half and eight: the candidates see the domain, or what the layers below make of it, at several
scales. It is one column in the linearized objective: the change of the rows along the direction, among the
weights by which others read it, in which the objective falls fastest. In the last layer of a network with one output
that is ∂r/∂(its weight), the operator of the equation applied to the neuron.

All candidates of one size of network are judged by one linearization of it, of which J is never formed. A wider network
has all layers' candidates at once, in portions, since every portion costs as the square of its width.
"""

from __future__ import annotations

from math import ceil, log

import torch
from torch import Tensor

from pinnrun.architectures.growth.base import Growth, Probe, signals
from pinnrun.architectures.growth.neurons import Newcomers, newcomers, silence
from pinnrun.architectures.growth.plain import zero_out
from pinnrun.architectures.growth.pursuit import Candidates, Tangent, pursue
from pinnrun.architectures.network import Network
from pinnrun.calculus import Linearization

CANDIDATES = 20  # for each neuron that is wanted
PORTION = 64  # candidates of a layer that are judged at once, or as many as it has neurons
SCALES = (0.5, 8.0)  # standard deviations of a candidate's pre-activation over the points, drawn log-uniformly


def residual(old: Network, theta: Tensor, new: Network, generator: torch.Generator, probe: Probe | None) -> Growth:
    """Orthogonal matching pursuit of the residual, the present tangent space projected out."""
    return _chosen(old, theta, new, generator, _known(probe), project=True)


def greedy(old: Network, theta: Tensor, new: Network, generator: torch.Generator, probe: Probe | None) -> Growth:
    """The same among the candidates alone."""
    return _chosen(old, theta, new, generator, _known(probe), project=False)


def _known(probe: Probe | None) -> Probe:
    if probe is None:
        raise ValueError("this rule chooses new neurons by the objective: give it one")
    return probe


def _chosen(
    old: Network, theta: Tensor, new: Network, generator: torch.Generator, probe: Probe, *, project: bool
) -> Growth:
    start = zero_out(old, theta, new, generator)
    wanted = newcomers(old, new)
    here = probe(old, theta)
    tangent = Tangent(here, use=project)
    deeper = new.depth > old.depth
    shown = signals(new, probe(new, start.theta)) if deeper else signals(old, here)
    portion = max(PORTION, old.width)
    crowd = new if deeper else old.of_width(old.width + min(portion, CANDIDATES * (new.width - old.width)))
    crowds = newcomers(old, crowd)
    pools = {layer: _Pool(group) for layer, group in crowds.items()}
    most = max(CANDIDATES * wanted[layer].count / group.count for layer, group in crowds.items())
    for _ in range(ceil(most)):
        drawn = zero_out(old, theta, crowd, generator).theta
        if not deeper:
            silence(old, crowd, drawn)
        for group in crowds.values():
            _aim(crowd, drawn, group, shown, generator)
        linear = probe(crowd, drawn)
        slopes = linear.gradient + linear.rmv(tangent.rows)
        for pool in pools.values():
            pool.add(crowd, drawn, linear, slopes)
    taken = pursue([pool.candidates(wanted[layer].count) for layer, pool in pools.items()], tangent)
    grown = start.theta
    if not deeper:
        silence(old, new, grown)
    for (layer, pool), indices in zip(pools.items(), taken, strict=True):
        own = wanted[layer].own.to(grown.device)
        grown[own] = torch.cat(pool.own)[indices]
    return Growth(new, grown, start.old_to_new)


class _Pool:
    """The candidates of one layer as they come in."""

    def __init__(self, group: Newcomers) -> None:
        self.group = group
        self.own: list[Tensor] = []
        self._columns: list[Tensor] = []
        self._slopes: list[Tensor] = []

    def add(self, network: Network, theta: Tensor, linear: Linearization, slopes: Tensor) -> None:
        """Those that this network has."""
        own, out = self.group.own.to(theta.device), self.group.out.to(theta.device)
        down = slopes[out]
        norms = down.norm(dim=1)
        direction = torch.zeros_like(slopes)
        direction[out] = down / norms.clamp(min=torch.finfo(norms.dtype).tiny)[:, None]
        self.own.append(theta[own])
        self._slopes.append(norms)
        self._columns.append(self._changes(network, linear, direction))

    def _changes(self, network: Network, linear: Linearization, direction: Tensor) -> Tensor:
        """How the rows change along each candidate's direction, ``(N, n)``."""
        if not self.group.columns:
            return linear.mv(direction)[:, None]
        places = network.layout.slices
        shapes = dict(network.layout.shapes)
        return torch.stack(
            [
                linear.mv_by_column(direction, places[part], shapes[part][1])[:, first:]
                for part, first in self.group.columns
            ]
        ).sum(0)

    def candidates(self, quota: int) -> Candidates:
        """All of them."""
        return Candidates(torch.cat(self._columns, 1), torch.cat(self._slopes), quota)


def _aim(
    network: Network, theta: Tensor, group: Newcomers, shown: dict[str, Tensor], generator: torch.Generator
) -> None:
    """Give the candidates hyperplanes through what the layer below shows at the points, where that is known."""
    parts = network.layout.split(theta)
    for name, first in group.rows:
        seen = shown.get(name)
        if seen is None or parts[name].dim() < 2:
            continue
        weight = parts[name][first:, : seen.shape[1]]
        direction = torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(theta)
        spread = (seen @ direction.T).std(0)
        low, high = (log(scale) for scale in SCALES)
        scale = torch.exp(low + (high - low) * torch.rand(len(weight), generator=generator, dtype=torch.float64))
        through = seen[torch.randint(len(seen), (len(weight),), generator=generator).to(seen.device)]
        varies = spread > 1e-6 * through.norm(dim=1)  # a layer that shows the same everywhere has no hyperplanes
        plane = torch.where(varies[:, None], direction * (scale.to(theta) / spread)[:, None], weight)
        weight.copy_(plane)
        bias = name.removesuffix("weight") + "bias"
        if bias in parts and name.endswith(".weight"):
            offset = -(plane * through).sum(1)
            parts[bias][first:] = torch.where(varies, offset, parts[bias][first:])
