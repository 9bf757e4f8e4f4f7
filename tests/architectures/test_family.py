"""What every family must hold: jets, description, growth of its layout, and a problem solved."""

import json
from dataclasses import replace

import pytest
import torch
from cases import close, draw, parameters
from jets import assert_second_order_is_the_plain_network_s

from pinnrun.architectures import Embedding, Mlp, PirateNet, ResNet
from pinnrun.architectures.family import Family
from pinnrun.build import checked_config
from pinnrun.calculus import Derivatives, Jet
from pinnrun.composition.confdir import compose
from pinnrun.registry import ARCHITECTURES, network_of
from pinnrun.training.solution import Assessor
from pinnrun.training.trainer import Trainer

WAVES = Embedding(frequencies=3, sigma=1.5, seed=2)
PERIODIC = Embedding((None, 2.0))
BOTH = Embedding((1.5,), frequencies=2, sigma=0.7, seed=2**61 + 1)
NETWORKS = [
    Mlp(3, 2, 4, 3, "tanh", residual=(3,), adaptive_slope=True),
    Mlp(2, 1, 4, 2, "gelu", WAVES),
    Mlp(2, 1, 4, 2, "sin", PERIODIC, residual=(2,)),
    ResNet(3, 2, 4, 2, "tanh"),
    ResNet(2, 1, 3, 3, "softplus", BOTH, scheme="heun", step=1.0 / 3.0),
    ResNet(2, 1, 3, 2, "sin", scheme="rk4", step=0.4),
    PirateNet(3, 2, 4, 2, "tanh"),
    PirateNet(2, 1, 3, 3, "sin", BOTH),
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_jets_are_the_plain_network_s(network):
    assert_second_order_is_the_plain_network_s(network)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_a_jet_of_values_alone(network):
    theta, z = parameters(network), draw(1, 5, network.inputs)
    assert close(network(theta, Jet.coordinates(z, Derivatives())).value, network.value(theta, z))


@pytest.mark.parametrize("network", [*NETWORKS, Mlp(2, 1, 3, 1)], ids=repr)
def test_description_round_trip(network):
    """Through plain values, as a file holds them."""
    description = network.describe()
    assert all(isinstance(value, int | float | str) for value in description.values())
    assert network_of(json.loads(json.dumps(description))) == network


def test_every_family_is_registered_under_its_own_name():
    assert {network.type for network in NETWORKS} == set(ARCHITECTURES)
    for name, settings in ARCHITECTURES.items():
        assert settings.network.type == name
        assert issubclass(settings.network, Family)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_weights_start_within_their_bound_and_gates_shut(network):
    draws = torch.stack([network.initial(generator(seed)) for seed in range(200)])
    assert torch.equal(draws[5], network.initial(generator(5)))
    shapes = dict(network.layout.shapes)
    for name, part in network.layout.slices.items():
        layer, _, word = name.rpartition(".")
        values = draws[:, part]
        if word in network.starts:
            assert torch.equal(values, torch.full_like(values, network.starts[word]))
            continue
        bound = shapes[f"{layer}.weight" if word == "bias" else name][1] ** -0.5
        assert 0.95 * bound < float(values.abs().max()) <= bound
        assert float(values.std(0).min()) > 0, "every single weight is drawn"


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_sizes_change_one_at_a_time(network):
    wider, deeper = network.of_width(9), network.deeper()
    assert (wider.width, wider.depth) == (9, network.depth)
    assert (deeper.width, deeper.depth) == (network.width, network.depth + 1)
    for grown in (wider, deeper):
        assert list(network.layout.slices) == [name for name in grown.layout.slices if name in network.layout.slices]
        assert replace(grown.plain(), width=network.width, depth=network.depth) == network.plain()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_run_starts_one_neuron_wider_than_space(name):
    network = ARCHITECTURES[name](name).start(3, 5, 2)
    assert (network.inputs, network.outputs, network.width, network.depth) == (5, 2, 4, 1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_is_random_and_not_trained_comes_from_the_generator(name):
    settings = ARCHITECTURES[name](name, embedding="fourier", frequencies=5, sigma=2.0, periods=(None, 2.0))
    first, again, other = (settings.start(2, 2, 1, generator(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first.embedding == replace(other.embedding, seed=first.embedding.seed)
    assert first.embedding.seed != other.embedding.seed
    random = generator(1)
    ARCHITECTURES[name](name, embedding="none").start(2, 2, 1, random)
    assert torch.equal(random.get_state(), generator(1).get_state()), "nothing is drawn that is not needed"


def test_unknown_activation():
    with pytest.raises(ValueError, match="unknown activation 'relu'"):
        ResNet(2, 1, 3, 1, "relu")


SOLVES = {
    "mlp with slopes": ("architecture=mlp", "architecture.adaptive_slope=true", "architecture.width=16"),
    "mlp on waves": ("architecture=mlp", "architecture.embedding=fourier", "architecture.width=6"),
    "resnet": ("architecture=resnet", "architecture.width=8"),
    "resnet by heun": ("architecture=resnet", "architecture.width=8", "architecture.scheme=heun"),
    "resnet by rk4": ("architecture=resnet", "architecture.width=8", "architecture.scheme=rk4"),
    "pirate": ("architecture=pirate", "architecture.width=4"),
}


@pytest.mark.parametrize("words", SOLVES.values(), ids=SOLVES)
def test_poisson_is_solved(words):
    """−Δu = f in two dimensions, by at most 150 steps of Levenberg-Marquardt, to a relative error of 1e-3."""
    given = ("problem=poisson_sine2d", "problem.boundary=soft", "problem.points=300")
    config = checked_config(compose("train", [*given, *words]))
    trainer = Trainer(config, torch.device("cpu"), torch.float64)
    assessor = Assessor(config.problem, trainer.test_points)
    for _ in range(15):
        for _ in range(10):
            trainer.advance()
        error = assessor.error(trainer.solution)
        assert error is not None
        if error <= 1e-3:
            return
    raise AssertionError(f"relative error {error:.2g} after {trainer.step} steps")
