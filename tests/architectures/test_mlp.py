"""The perceptron against torch.nn with the same weights, its jets against hessians of its plain form."""

from dataclasses import replace
from itertools import combinations_with_replacement
from math import comb, sqrt

import pytest
import torch
from cases import close, draw, parameters
from jets import assert_second_order_is_the_plain_network_s, nested
from torch import nn

from pinnrun.architectures import Mlp, MlpSettings
from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.npbe.molecule import Npbe
from pinnrun.problems.poisson import Poisson

NETWORKS = [
    Mlp(2, 1, 3, 1),
    Mlp(3, 2, 4, 2, "sin"),
    Mlp(2, 1, 5, 4, "gelu"),
    Mlp(2, 1, 3, 2, "tanh", residual=(2,)),
    Mlp(3, 2, 4, 4, "softplus", residual=(2, 4)),
    Mlp(2, 1, 4, 3, "tanh", residual=(3,), adaptive_slope=True),
]
ACTIVATION = {"tanh": nn.Tanh(), "sin": torch.sin, "gelu": nn.GELU(), "softplus": nn.Softplus()}


def by_torch(network: Mlp, theta: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """The same function by `torch.nn.Linear` modules that take their weights off θ one after the other."""
    offset = 0

    def linear(n_in: int, n_out: int, bias: bool = True) -> nn.Linear:
        nonlocal offset
        module = nn.Linear(n_in, n_out, bias=bias, dtype=torch.float64)
        for parameter in module.parameters():  # weight, then bias
            parameter.data = theta[offset : offset + parameter.numel()].view(parameter.shape)
            offset += parameter.numel()
        return module

    def sigma(y: torch.Tensor) -> torch.Tensor:
        nonlocal offset
        if network.adaptive_slope:  # σ(n a y), n = 10
            y, offset = 10.0 * theta[offset] * y, offset + 1
        return ACTIVATION[network.activation](y)

    hidden = sigma(linear(network.inputs, network.width)(z))
    for layer in range(2, network.depth + 1):
        active = sigma(linear(network.width, network.width)(hidden))
        gated = layer in network.residual
        hidden = hidden + linear(network.width, network.width, bias=False)(active) if gated else active
    out = linear(network.width, network.outputs)(hidden)
    assert offset == theta.numel(), "θ holds no more and no less than these weights"
    return out.detach()


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_plain_value_is_that_of_torch_nn(network):
    theta, z = parameters(network), draw(3, 7, network.inputs)
    assert close(network.value(theta, z), by_torch(network, theta, z), 1e-14)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_jets_are_the_plain_network_s(network):
    assert_second_order_is_the_plain_network_s(network)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_every_derivative_to_order_four_is_the_plain_network_s(network):
    theta, z, d = parameters(network), draw(5, network.inputs, seed=2), network.inputs
    indices = [index for n in (3, 4) for index in combinations_with_replacement(range(d), n)]
    jet = network(theta, Jet.coordinates(z, Derivatives(higher=tuple(indices))))
    assert len(jet.channels) == comb(d + 4, 4), "as many as there are monomials of degree four at most"
    exact = nested(lambda point: network.value(theta, point), z, 4)
    for index in (index for n in range(1, 5) for index in combinations_with_replacement(range(d), n)):
        assert close(jet.derivative(*index), exact[len(index)][(..., *index)])


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_size(network):
    W, n, k = network.width, network.inputs, network.outputs
    blocks = len(network.residual)
    slopes = network.depth * network.adaptive_slope
    assert network.size == n * W + W + (network.depth - 1) * (W * W + W) + blocks * W * W + slopes + k * W + k


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_initial_weights_are_those_of_torch_nn_linear(network):
    """Uniform in ±1/√fan_in, weights and biases alike; gates shut, slopes such that n a = 1."""
    draws = torch.stack([network.initial(torch.Generator().manual_seed(seed)) for seed in range(400)])
    for name, part in network.layout.slices.items():
        values = draws[:, part]
        if name.endswith("gate"):
            assert torch.count_nonzero(values) == 0
            continue
        if name.endswith("slope"):
            assert torch.equal(10.0 * values, torch.ones_like(values))
            continue
        bound = 1 / sqrt(network.inputs if name.startswith("hidden1.") else network.width)
        assert float(values.abs().max()) <= bound
        assert float(values.abs().max()) > 0.98 * bound
        assert float(values.std()) == pytest.approx(bound / sqrt(3), rel=0.1)
        assert abs(float(values.mean())) < 4 * bound / sqrt(3 * values.numel())
        assert float(values.std(0).min()) > 0, "every single weight is drawn"


def test_initial_weights_depend_on_the_generator_alone():
    network = NETWORKS[0]
    first, again, other = (network.initial(torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.dtype is torch.float64


def test_slopes_change_nothing_at_the_start():
    plain = Mlp(2, 1, 4, 2)
    adaptive = replace(plain, adaptive_slope=True)
    theta, more = (network.initial(torch.Generator().manual_seed(3)) for network in (plain, adaptive))
    z = draw(20, 2)
    assert close(adaptive.value(more, z), plain.value(theta, z), 1e-15)


def test_sizes_change_one_at_a_time():
    network = Mlp(2, 1, 3, 2, "sin", residual=(2,))
    assert network.of_width(7) == Mlp(2, 1, 7, 2, "sin", residual=(2,))
    assert network.deeper() == Mlp(2, 1, 3, 3, "sin", residual=(2, 3))
    assert network.plain() == Mlp(2, 1, 3, 2, "sin")


def test_unknown_activation():
    with pytest.raises(ValueError, match="unknown activation 'relu'"):
        Mlp(2, 1, 3, 1, "relu")


@pytest.mark.parametrize(("coordinates", "width"), [(1, 2), (2, 3), (10, 11)])
def test_a_run_starts_one_neuron_wider_than_space(coordinates, width):
    """W = n_in + 1, D = 1: features built on the coordinates do not count (Hanin & Sellke 2018)."""
    assert MlpSettings("mlp").start(coordinates, coordinates + 2, 1) == Mlp(coordinates + 2, 1, width, 1, "tanh")


def test_a_given_size_is_taken():
    settings = MlpSettings("mlp", width=6, depth=3, activation="sin", adaptive_slope=True)
    assert settings.start(2, 2, 3) == Mlp(2, 3, 6, 3, "sin", adaptive_slope=True)


@pytest.mark.parametrize("problem", [Poisson("p", "poisson", dimension=3), Npbe("p", "npbe")], ids=["poisson", "npbe"])
def test_problems_feed_as_many_inputs_as_they_say(problem):
    points: Points = problem.terms()[0].sample(torch.Generator().manual_seed(0), 4)
    inputs = problem.inputs(points, Derivatives())
    assert inputs.value.shape == (1, 4, problem.features)
    network = MlpSettings("mlp").start(len(problem.coordinates), problem.features, problem.outputs)
    assert network.width == 4
    assert network(parameters(network), inputs).value.shape == (1, 4, 1)


def test_numerical_precision_follows_theta():
    network = NETWORKS[3]
    theta, z = parameters(network).float(), draw(5, 2).float()
    assert network(theta, Jet.coordinates(z, Derivatives(laplacian=True))).channels.dtype is torch.float32
