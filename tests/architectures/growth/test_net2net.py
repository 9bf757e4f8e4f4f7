"""Net2Net: copies share what they give, and a new layer hands on what it gets."""

from dataclasses import replace

import pytest
import torch
from architectures.growth.networks import POINTS, SIZES, generator
from cases import parameters

from pinnrun.architectures import Mlp, widen
from pinnrun.architectures.growth.net2net import NOISE, longer, nearly_identity, net2net


def change(growth, network, theta) -> float:
    return float((growth.architecture.value(growth.theta, POINTS) - network.value(theta, POINTS)).abs().max())


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("more", [1, 5, 11])
def test_without_noise_the_function_is_kept(network, more):
    theta = parameters(network)
    growth = net2net(network, theta, network.of_width(network.width + more), generator(), noise=0.0)
    assert change(growth, network, theta) <= 1e-12


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_with_noise_it_is_kept_up_to_the_noise(network):
    theta = parameters(network)
    sizes = [
        change(net2net(network, theta, network.of_width(2 * network.width), generator(), noise=noise), network, theta)
        for noise in (NOISE, NOISE / 100.0)
    ]
    assert 0.0 < sizes[0] < 1.0
    assert sizes[1] == pytest.approx(sizes[0] / 100.0, rel=0.2)  # the same noise, a hundredth of it
    assert change(widen(network, theta, 2 * network.width, "net2net", generator()), network, theta) == sizes[0]


def test_a_copy_has_the_rows_of_its_model_and_shares_its_column():
    """By hand: W = 2 → 5, of whose three new neurons g says whose copies they are."""
    network = Mlp(2, 1, 2, 1)
    theta = parameters(network)
    growth = net2net(network, theta, network.of_width(5), generator(1), noise=0.0)
    old, new = network.layout.split(theta), growth.architecture.layout.split(growth.theta)
    g = [0, 1] + [int((old["hidden1.weight"] == row).all(1).nonzero()) for row in new["hidden1.weight"][2:]]
    for j, model in enumerate(g):
        assert new["hidden1.bias"][j] == old["hidden1.bias"][model]
        assert float(new["output.weight"][0, j]) == pytest.approx(
            float(old["output.weight"][0, model]) / g.count(model)
        )
    assert torch.equal(new["output.bias"], old["output.bias"])


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_noise_touches_copies_alone(network):
    theta = parameters(network)
    quiet, noisy = (
        network.of_width(7).layout.split(net2net(network, theta, network.of_width(7), generator(2), noise=n).theta)
        for n in (0.0, 0.1)
    )
    for name, shape in network.layout.shapes:
        assert torch.equal(quiet[name][: shape[0]], noisy[name][: shape[0]])
        if len(noisy[name]) > shape[0]:
            assert not torch.equal(quiet[name][shape[0] :], noisy[name][shape[0] :])


@pytest.mark.parametrize("activation", ["tanh", "sin", "softplus", "gelu"])
@pytest.mark.parametrize("slope", [False, True])
def test_an_ordinary_layer_comes_as_near_to_the_identity_as_one_likes(activation, slope):
    """The error falls with ε, and with ε² where σ''(0) = 0."""
    network = Mlp(2, 2, 4, 2, activation, residual=(2,), adaptive_slope=slope)
    theta, new = 0.3 * parameters(network), longer(network)
    assert new == replace(network, depth=3)
    errors = [change(nearly_identity(network, theta, new, generator(), near), network, theta) for near in (1e-2, 1e-3)]
    order = 2 if activation in ("tanh", "sin") else 1
    assert errors[0] / errors[1] == pytest.approx(10.0**order, rel=0.2)


def test_residual_families_hand_on_exactly():
    for network in SIZES[4:]:
        theta = parameters(network)
        growth = net2net(network, theta, longer(network), generator())
        assert growth.architecture == network.deeper()
        assert change(growth, network, theta) <= 1e-12
