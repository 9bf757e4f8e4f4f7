"""PirateNet against its equations, written out in NumPy."""

import numpy as np
import torch
from cases import close, draw, parameters

from pinnrun.architectures import Embedding, PirateNet, PirateSettings
from pinnrun.architectures.embedding import draw_waves


def by_hand(network: PirateNet, theta: torch.Tensor, features: np.ndarray) -> np.ndarray:
    """The paper's equations, weights read off θ one after the other."""
    numbers, offset = theta.numpy(), 0

    def linear(x: np.ndarray, outputs: int) -> np.ndarray:
        nonlocal offset
        inputs = x.shape[1]
        weight = numbers[offset : offset + outputs * inputs].reshape(outputs, inputs)
        bias = numbers[offset + outputs * inputs : offset + outputs * (inputs + 1)]
        offset += outputs * (inputs + 1)
        return x @ weight.T + bias

    W = network.width
    x = linear(features, W)
    U, V = np.tanh(linear(x, W)), np.tanh(linear(x, W))
    for _ in range(network.depth):
        f = np.tanh(linear(x, W))
        z1 = f * U + (1 - f) * V
        g = np.tanh(linear(z1, W))
        z2 = g * U + (1 - g) * V
        h = np.tanh(linear(z2, W))
        alpha, offset = numbers[offset], offset + 1
        x = alpha * h + (1 - alpha) * x
    out = linear(x, network.outputs)
    assert offset == network.size
    return out


def test_its_equations():
    network = PirateNet(3, 2, 4, 3)
    theta, z = parameters(network), draw(8, 3)
    assert close(network.value(theta, z), torch.as_tensor(by_hand(network, theta, z.numpy())), 1e-14)


def test_it_starts_as_a_linear_network_of_its_features():
    """All α are zero: no block does anything, and the output is a least-squares problem's worth of features."""
    network = PirateNet(2, 1, 6, 3, "tanh", Embedding(frequencies=3, seed=1))
    theta, z = network.initial(torch.Generator().manual_seed(0)), draw(50, 2)
    phases = z.numpy() @ draw_waves(1, 3, 2, 1.0).T
    features = np.hstack([np.cos(phases), np.sin(phases), np.ones((50, 1))])
    value = network.value(theta, z).numpy()
    fit = features @ np.linalg.lstsq(features, value, rcond=None)[0]
    assert np.abs(fit - value).max() < 1e-13
    theta[network.layout.slices["block2.alpha"]] = 0.5
    value = network.value(theta, z).numpy()
    fit = features @ np.linalg.lstsq(features, value, rcond=None)[0]
    assert np.abs(fit - value).max() > 1e-3


def test_the_paper_s_network_is_one_of_these():
    """With as many features as neurons and W_Φ = 1, b_Φ = 0 the first layer passes the features on."""
    network = PirateNet(2, 1, 6, 1, "tanh", Embedding(frequencies=3, seed=1))
    theta, z = parameters(network), draw(5, 2)
    parts = network.layout.split(theta)
    parts["embedding.weight"].copy_(torch.eye(6))
    parts["embedding.bias"].zero_()
    phases = z.numpy() @ draw_waves(1, 3, 2, 1.0).T
    expected = by_hand(network, theta, np.hstack([np.cos(phases), np.sin(phases)]))
    assert close(network.value(theta, z), torch.as_tensor(expected), 1e-14)


def test_size():
    W, D = 4, 3
    network = PirateNet(5, 2, W, D)
    assert network.size == (5 * W + W) + 2 * (W * W + W) + D * (3 * (W * W + W) + 1) + (2 * W + 2)


def test_its_inputs_are_waves_unless_told_otherwise():
    assert PirateSettings("pirate").start(2, 2, 1).embedding.frequencies == 16
    assert PirateSettings("pirate", embedding="none").start(2, 2, 1).embedding == Embedding()
