"""Growth: what zero_out keeps, what it wakes, and what reinit forgets."""

from dataclasses import replace

import pytest
import torch
from cases import cube, draw, parameters

from pinnrun.architectures import (
    GROWTH_RULES,
    Embedding,
    Mlp,
    PirateNet,
    ResNet,
    deepen,
    size_after,
    widen,
)
from pinnrun.calculus import Derivatives, Field, Objective, Term

POINTS = draw(400, 2, seed=9)
WAVES = Embedding((None, 2.0), frequencies=3, sigma=2.0, seed=7)
SIZES = [
    Mlp(2, 1, 3, 1),
    Mlp(2, 2, 4, 3, "sin"),
    Mlp(2, 1, 4, 2, "gelu", residual=(2,)),
    Mlp(2, 1, 3, 2, "tanh", WAVES, adaptive_slope=True),
    ResNet(2, 1, 3, 1, "tanh"),
    ResNet(2, 2, 3, 2, "sin", WAVES, scheme="heun", step=0.5),
    ResNet(2, 1, 4, 2, "tanh", scheme="rk4", step=0.5),
    PirateNet(2, 1, 3, 1),
    PirateNet(2, 2, 4, 2, "sin", WAVES),
]
FIRST = ("hidden1.weight", "lifting.weight", "embedding.weight")  # their columns are inputs, not neurons
STEPS = {
    "widen": lambda network, theta, g: widen(network, theta, 2 * network.width, "zero_out", g),
    "deepen": lambda network, theta, g: deepen(network, theta, "zero_out", g),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize(
    "chain",
    [("widen",), ("deepen",), ("widen", "deepen", "widen", "deepen"), ("deepen", "widen", "deepen", "widen")],
    ids="-".join,
)
def test_zero_out_keeps_the_function(network, chain):
    """Through a whole chain, with parameters that have moved between the growths, gates included."""
    first, theta, random = network, parameters(network), generator()
    for number, step in enumerate(chain):
        before = network.value(theta, POINTS)
        growth = STEPS[step](network, theta, random)
        after = growth.architecture.value(growth.theta, POINTS)
        assert float((after - before).abs().max()) <= 1e-12
        network = growth.architecture
        theta = growth.theta + 0.1 * draw(network.size, seed=number)  # some training
    doublings, layers = chain.count("widen"), chain.count("deepen")
    assert (network.width, network.depth) == (first.width * 2**doublings, first.depth + layers)


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("step", STEPS)
def test_every_old_parameter_has_its_place(network, step):
    """Row and column of each weight are the same in the layer of the same name, counted by hand."""
    theta = torch.arange(1.0, network.size + 1.0, dtype=torch.float64)
    growth = STEPS[step](network, theta, generator())
    assert growth.old_to_new is not None
    assert torch.equal(growth.theta[growth.old_to_new], theta)
    assert growth.theta.shape == (growth.architecture.size,)
    new_start = {name: part.start for name, part in growth.architecture.layout.slices.items()}
    new_shape = dict(growth.architecture.layout.shapes)
    expected = []
    for name, shape in network.layout.shapes:
        if len(shape) == 2:
            columns = new_shape[name][1]
            expected += [new_start[name] + i * columns + j for i in range(shape[0]) for j in range(shape[1])]
        else:
            expected += [new_start[name] + i for i in range(shape[0])]
    assert growth.old_to_new.tolist() == expected


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_widening_shuts_the_way_out_of_new_neurons_and_leaves_the_way_in_open(network):
    W = network.width
    growth = STEPS["widen"](network, parameters(network), generator())
    old = network.layout.split(parameters(network))
    for name, part in growth.architecture.layout.split(growth.theta).items():
        if not name.endswith(".gate"):
            new = part[len(old[name]) :]
            assert torch.count_nonzero(new) == new.numel()
        if part.dim() == 2 and name not in FIRST:
            assert torch.count_nonzero(part[:W, W:]) == 0


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("step", STEPS)
def test_new_parameters_feel_a_gradient(network, step):
    """No new neuron is dead: some weight that leaves it, or the gate of a new layer, wants to move."""
    growth = STEPS[step](network, parameters(network), generator())
    grown = growth.architecture
    term = Term(
        "data",
        cube(2, 3, data=lambda x: torch.sin(5 * x[:, 0]) * x[:, 1]),
        lambda points, u: u.laplacian[..., 0] + u.value.sum(-1) - points["data"],
        Derivatives(laplacian=True),
        50,
    )
    field = Field(grown, lambda points, wanted: points.coordinates(wanted), lambda points, raw: raw)
    _, gradient = Objective(field, [(term, term.sample(generator(), 50))]).gradient(growth.theta)
    parts = grown.layout.split(gradient)
    if step == "widen":
        last = grown.layout.shapes[-2][0]
        leaving = parts[last][:, network.width :].abs().sum(0)
    else:
        leaving = parts[grown.gate(grown.depth)].abs().sum(0)
    assert float(leaving.min()) > 1e-8


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("step", STEPS)
def test_reinit_is_a_plain_network_started_afresh(network, step):
    theta = parameters(network)
    if step == "widen":
        growth, size = widen(network, theta, 7, "reinit", generator(4)), (7, network.depth)
    else:
        growth, size = deepen(network, theta, "reinit", generator(4)), (network.width, network.depth + 1)
    expected = replace(network.plain(), width=size[0], depth=size[1])
    assert growth.architecture == expected
    assert growth.old_to_new is None
    assert torch.equal(growth.theta, expected.initial(generator(4)))


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_a_new_layer_is_the_identity_until_its_gate_opens(network):
    growth = STEPS["deepen"](network, parameters(network), generator())
    grown = growth.architecture
    gate = grown.layout.slices[grown.gate(grown.depth)]
    assert grown.gate(grown.depth) not in network.layout.slices
    assert torch.count_nonzero(growth.theta[gate]) == 0
    opened = growth.theta.clone()
    opened[gate] = 0.3
    assert float((grown.value(opened, POINTS) - grown.value(growth.theta, POINTS)).abs().max()) > 1e-3


@pytest.mark.parametrize("rule", GROWTH_RULES)
@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_size_is_known_before_growing(network, rule):
    theta = parameters(network)
    wider = widen(network, theta, 9, rule, generator()).architecture
    assert size_after(network, 9, network.depth, rule) == wider.size
    deeper = deepen(network, theta, rule, generator()).architecture
    assert size_after(network, network.width, network.depth + 1, rule) == deeper.size


@pytest.mark.parametrize("rule", GROWTH_RULES)
def test_growth_is_reproducible_and_keeps_its_hands_off_the_old(rule):
    network = SIZES[2]
    theta = parameters(network)
    before = theta.clone()
    first, again = (widen(network, theta, 9, rule, generator(7)) for _ in range(2))
    assert torch.equal(first.theta, again.theta)
    assert torch.equal(theta, before)


@pytest.mark.parametrize("rule", GROWTH_RULES)
def test_precision_is_kept(rule):
    network = SIZES[0]
    assert deepen(network, parameters(network).float(), rule, generator()).theta.dtype is torch.float32


@pytest.mark.parametrize("width", [3, 2])
def test_widening_must_widen(width):
    network = SIZES[0]
    with pytest.raises(ValueError, match="adds none"):
        widen(network, parameters(network), width, "zero_out", generator())
