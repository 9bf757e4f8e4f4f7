"""Embeddings: exactly periodic, waves as they are defined, drawn from a seed alone."""

from math import pi

import numpy as np
import pytest
import torch
from cases import close, draw, parameters

from pinnrun.architectures import Embedding, Mlp, PirateNet, ResNet
from pinnrun.architectures.embedding import draw_waves
from pinnrun.build import checked_config
from pinnrun.calculus import Derivatives, Jet
from pinnrun.composition.confdir import compose
from pinnrun.strict import ConfigError

ALL = Derivatives(pairs=((0, 0), (0, 1), (1, 1)), laplacian=True)


def test_nothing_by_default():
    jet = Jet.coordinates(draw(4, 2), ALL)
    assert Embedding()(jet) is jet
    assert Embedding().features(3) == 3


def test_periodic_features_by_hand():
    z = draw(5, 3)
    expected = [z[:, 0], torch.cos(pi * z[:, 1]), torch.sin(pi * z[:, 1]), z[:, 2]]
    embedding = Embedding((None, 2.0))
    assert embedding.features(3) == 4
    assert close(embedding.value(z), torch.stack(expected, dim=-1), 1e-15)


def test_waves_by_hand():
    z = draw(5, 2)
    embedding = Embedding(frequencies=3, sigma=2.0, seed=4)
    b = torch.as_tensor(draw_waves(4, 3, 2, 2.0))
    phases = torch.stack([sum(b[j, k] * z[:, k] for k in range(2)) for j in range(3)], dim=-1)
    assert embedding.features(2) == 6
    assert close(embedding.value(z), torch.cat([phases.cos(), phases.sin()], dim=-1), 1e-15)


def test_waves_of_periodic_features_see_nothing_else():
    z = draw(5, 2)
    both = Embedding((2.0, 1.0), frequencies=3, seed=4)
    periodic = Embedding((2.0, 1.0)).value(z)
    assert close(both.value(z), Embedding(frequencies=3, seed=4).value(periodic), 1e-15)


@pytest.mark.parametrize("embedding", [Embedding((None, 2.0)), Embedding(frequencies=3, seed=1), Embedding((1.5,), 2)])
def test_jets(embedding):
    z = draw(6, 2)
    jet = embedding(Jet.coordinates(z, ALL))
    slope, curvature = (
        torch.func.vmap(transform(embedding.value))(z)
        for transform in (torch.func.jacrev, lambda f: torch.func.jacfwd(torch.func.jacrev(f)))
    )
    assert close(jet.value, embedding.value(z))
    assert close(jet.gradient, slope.movedim(-1, 0))
    for i, j in ALL.pairs:
        assert close(jet.dd(i, j), curvature[..., i, j])
    assert close(jet.laplacian, curvature.diagonal(dim1=-2, dim2=-1).sum(-1))


@pytest.mark.parametrize("kind", [Mlp, ResNet, PirateNet])
@pytest.mark.parametrize("frequencies", [0, 3])
def test_networks_are_periodic_with_all_their_derivatives(kind, frequencies):
    network = kind(2, 1, 4, 2, "tanh", Embedding((None, 1.6), frequencies, seed=3))
    theta, z = parameters(network), draw(20, 2)
    here = network(theta, Jet.coordinates(z, ALL)).channels
    for periods in (1, -3):
        moved = z + torch.tensor([0.0, 1.6 * periods], dtype=z.dtype)
        assert close(network(theta, Jet.coordinates(moved, ALL)).channels, here, 1e-12)
    beside = network(theta, Jet.coordinates(z + torch.tensor([1.6, 0.0], dtype=z.dtype), ALL)).channels
    assert not close(beside, here, 1e-2)


def test_waves_are_normal_numbers_from_the_seed():
    b = draw_waves(1, 400, 3, 2.5)
    assert b.std() == pytest.approx(2.5, rel=0.1)
    assert abs(b.mean()) < 4 * 2.5 / np.sqrt(b.size)
    assert not np.array_equal(b, draw_waves(2, 400, 3, 2.5))
    draw_waves.cache_clear()
    assert np.array_equal(b, draw_waves(1, 400, 3, 2.5))


def test_precision_follows_the_inputs():
    embedding = Embedding((2.0,), frequencies=3)
    assert embedding.value(draw(4, 2).float()).dtype is torch.float32
    assert embedding(Jet.coordinates(draw(4, 2).float(), ALL)).channels.dtype is torch.float32


def config(*words: str):
    return checked_config(compose("train", ["problem=poisson", "architecture=mlp", *words]))


def test_settings_of_a_config():
    settings = config("architecture.periods=[null,2]", "architecture.embedding=fourier").architecture
    assert settings.start(2, 2, 1).embedding == Embedding((None, 2.0), frequencies=16, sigma=1.0, seed=0)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("architecture.periods=[null,null]", r"architecture\.periods: none of them is a number"),
        (
            "architecture.periods=[1,1,2]",
            r"architecture\.periods: 3 periods, but the network has 2 inputs \(x, y first",
        ),
        ("architecture.periods=[0]", r"architecture\.periods\[0\]: must be above 0, got 0"),
        ("architecture.frequencies=0", r"architecture\.frequencies: must be at least 1, got 0"),
        ("architecture.sigma=0", r"architecture\.sigma: must be above 0, got 0"),
        ("architecture.embedding=fourrier", "did you mean 'fourier'"),
    ],
)
def test_mistakes(word, message):
    with pytest.raises(ConfigError, match=message):
        config(word)
