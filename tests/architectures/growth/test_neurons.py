"""Which entries of θ are a new neuron's."""

import pytest
import torch
from architectures.growth.networks import POINTS, SIZES, generator
from cases import parameters

from pinnrun.architectures import Mlp, PirateNet, ResNet, widen
from pinnrun.architectures.growth.neurons import grown_layers, newcomers, silence


def test_layers_by_family():
    for network, layers in (
        (Mlp(2, 1, 3, 3, residual=(3,)), ["hidden1", "hidden2", "hidden3"]),
        (ResNet(2, 1, 3, 2), ["stream", "layer1", "layer2"]),
        (PirateNet(2, 1, 3, 2), ["x", "z"]),
    ):
        assert grown_layers(network, network.of_width(5)) == layers
        assert grown_layers(network, network.deeper()) == []


def test_a_neuron_of_a_perceptron_by_hand():
    """W = 2 → 3, D = 2: hidden1.weight (3, 2), bias 3, hidden2.weight (3, 3), bias 3, output.weight (1, 3), bias."""
    found = newcomers(Mlp(2, 1, 2, 2), Mlp(2, 1, 3, 2))
    assert found["hidden1"].own.tolist() == [[4, 5, 8]]
    assert found["hidden1"].out.tolist() == [[9 + 2, 9 + 5]]
    assert found["hidden2"].own.tolist() == [[9 + 6, 9 + 7, 18 + 2]]
    assert found["hidden2"].out.tolist() == [[21 + 2]]


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_all_that_is_new_is_somebodys_own_or_read_or_between_new_neurons(network):
    """Every entry of the larger θ that was not there before is counted once."""
    new = network.of_width(network.width + 2)
    growth = widen(network, parameters(network), network.width + 2, "zero_out", generator())
    count = torch.zeros(new.size, dtype=torch.long)
    count[growth.old_to_new] += 1
    for group in newcomers(network, new).values():
        count[group.own.flatten()] += 1
        count[group.out.flatten()] += 1
    between = torch.ones(new.size)
    silence(network, new, between)
    count[between == 0.0] += 1
    assert count.tolist() == [1] * new.size


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_a_neuron_nobody_reads_can_be_exchanged(network):
    """Its own parameters change nothing as long as its outgoing weights are zero, and something when one is not."""
    new = network.of_width(network.width + 1)
    growth = widen(network, parameters(network), new.width, "zero_out", generator())
    before = new.value(growth.theta, POINTS)
    for layer, group in newcomers(network, new).items():
        theta = growth.theta.clone()
        theta[group.own[0]] += 0.5
        assert float((new.value(theta, POINTS) - before).abs().max()) <= 1e-12
        theta[group.out[0]] = 0.3
        read = new.value(theta, POINTS)
        theta[group.own[0]] -= 0.5
        moved = float((new.value(theta, POINTS) - read).abs().max())
        assert moved > 1e-6, layer


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_a_new_layer_is_neurons_behind_a_matrix_or_one_block_behind_a_number(network):
    new = network.deeper()
    ((name, group),) = newcomers(network, new).items()
    assert name == new.gate(new.depth)
    added = new.size - network.size
    if isinstance(network, PirateNet):
        assert group.count == 1 and group.own.numel() + 1 == added and group.out.shape == (1, 1)
    else:
        W = network.width
        slope = isinstance(network, Mlp) and network.adaptive_slope
        assert group.own.shape == (W, W + 1) and group.out.shape == (W, W)
        assert group.own.numel() + group.out.numel() + slope == added
    assert set(group.out.flatten().tolist()) == set(range(*new.layout.slices[name].indices(new.size)))
