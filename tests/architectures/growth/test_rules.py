"""Growth: what is kept, what wakes, what is forgotten, and how large the network is then."""

from dataclasses import dataclass, replace

import pytest
import torch
from architectures.growth.networks import POINTS, SIZES, generator, objective, probe
from cases import draw, parameters

from pinnrun.architectures import GROWTH_RULES, Mlp, deepen, restart, size_after, widen
from pinnrun.architectures.coefficients import WithCoefficients, grow
from pinnrun.architectures.growth import candidates

pytestmark = pytest.mark.usefixtures("few")

KEEP = ("zero_out", "residual", "greedy")
FIRST = ("hidden1.weight", "lifting.weight", "embedding.weight")  # their columns are inputs, not neurons


@pytest.fixture
def few(monkeypatch):
    """Three candidates for each neuron: whatever is taken, the function is kept."""
    monkeypatch.setattr(candidates, "CANDIDATES", 3)


def step(kind, network, theta, rule, random):
    if kind == "widen":
        return widen(network, theta, 2 * network.width, rule, random, probe)
    return deepen(network, theta, rule, random, probe)


@pytest.mark.parametrize("rule", KEEP)
@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize(
    "chain",
    [("widen",), ("deepen",), ("widen", "deepen", "widen", "deepen"), ("deepen", "widen", "deepen", "widen")],
    ids="-".join,
)
def test_the_function_is_kept(network, chain, rule):
    """Through a whole chain, with parameters that have moved between the growths, gates included."""
    first, theta, random = network, parameters(network), generator()
    for number, kind in enumerate(chain):
        before = network.value(theta, POINTS)
        growth = step(kind, network, theta, rule, random)
        after = growth.architecture.value(growth.theta, POINTS)
        assert float((after - before).abs().max()) <= 1e-12
        network = growth.architecture
        theta = growth.theta + 0.1 * draw(network.size, seed=number)  # some training
    doublings, layers = chain.count("widen"), chain.count("deepen")
    assert (network.width, network.depth) == (first.width * 2**doublings, first.depth + layers)


@pytest.mark.parametrize("rule", KEEP)
@pytest.mark.parametrize("kind", ["widen", "deepen"])
def test_the_function_is_kept_beside_unknown_coefficients(kind, rule):
    inner = SIZES[1]
    network = WithCoefficients(inner, (("speed", 0.7), ("viscosity", 0.02)))
    theta = parameters(network)
    if kind == "widen":
        growth = grow(widen, network, theta, 7, rule, generator(), probe=probe)
    else:
        growth = grow(deepen, network, theta, rule, generator(), probe=probe)
    assert float((growth.architecture.value(growth.theta, POINTS) - network.value(theta, POINTS)).abs().max()) <= 1e-12
    assert growth.old_to_new is not None and torch.equal(growth.theta[growth.old_to_new], theta)


@pytest.mark.parametrize("rule", KEEP)
@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("kind", ["widen", "deepen"])
def test_every_old_parameter_has_its_place(network, kind, rule):
    """Row and column of each weight are the same in the layer of the same name, counted by hand."""
    theta = torch.arange(1.0, network.size + 1.0, dtype=torch.float64) / network.size
    growth = step(kind, network, theta, rule, generator())
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


@pytest.mark.parametrize("rule", KEEP)
@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_widening_shuts_the_way_out_of_new_neurons_and_leaves_the_way_in_open(network, rule):
    W = network.width
    growth = step("widen", network, parameters(network), rule, generator())
    old = network.layout.split(parameters(network))
    for name, part in growth.architecture.layout.split(growth.theta).items():
        if not name.endswith(".gate"):
            new = part[len(old[name]) :]
            new = new[:, : old[name].shape[1]] if new.dim() == 2 else new
            assert torch.count_nonzero(new) == new.numel()
        if part.dim() == 2 and name not in FIRST:
            assert torch.count_nonzero(part[:W, W:]) == 0


@pytest.mark.parametrize("rule", KEEP)
@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("kind", ["widen", "deepen"])
def test_new_parameters_feel_a_gradient(network, kind, rule):
    """No new neuron is dead: some weight that leaves it, or the gate of a new layer, wants to move."""
    growth = step(kind, network, parameters(network), rule, generator())
    grown = growth.architecture
    parts = grown.layout.split(objective(grown).gradient(growth.theta)[1])
    if kind == "widen":
        last = grown.layout.shapes[-2][0]
        leaving = parts[last][:, network.width :].abs().sum(0)
    else:
        leaving = parts[grown.gate(grown.depth)].abs().sum(0)
    assert float(leaving.min()) > 1e-8


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("kind", ["widen", "deepen"])
def test_reinit_is_a_plain_network_started_afresh(network, kind):
    theta = parameters(network)
    if kind == "widen":
        growth, size = widen(network, theta, 7, "reinit", generator(4)), (7, network.depth)
    else:
        growth, size = deepen(network, theta, "reinit", generator(4)), (network.width, network.depth + 1)
    expected = replace(network.plain(), width=size[0], depth=size[1])
    assert growth.architecture == expected
    assert growth.old_to_new is None
    assert torch.equal(growth.theta, expected.initial(generator(4)))


@pytest.mark.parametrize("rule", KEEP)
@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_a_new_layer_is_the_identity_until_its_gate_opens(network, rule):
    growth = step("deepen", network, parameters(network), rule, generator())
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
    wider = widen(network, theta, 9, rule, generator(), probe).architecture
    assert size_after(network, 9, network.depth, rule, "reinit") == wider.size
    deeper = deepen(network, theta, rule, generator(), probe).architecture
    assert size_after(network, network.width, network.depth + 1, "reinit", rule) == deeper.size
    both = deepen(wider, parameters(wider), rule, generator(), probe).architecture
    assert size_after(network, 9, network.depth + 1, rule, rule) == both.size


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_size_is_known_before_starting_afresh_with_a_smaller_network(network):
    for width, depth in ((2, network.depth), (network.width, 1), (2, 1), (7, 1)):
        fresh = restart(network, parameters(network), width, depth, generator()).architecture
        assert size_after(network, width, depth, "reinit", "reinit") == fresh.size


def test_widening_and_deepening_may_start_by_different_rules():
    network = SIZES[2]
    assert size_after(network, 8, 3, "reinit", "zero_out") == Mlp(2, 1, 8, 3, residual=(3,)).size
    assert size_after(network, 8, 3, "zero_out", "reinit") == Mlp(2, 1, 8, 3).size
    assert size_after(network, 8, 3, "zero_out", "net2net") == Mlp(2, 1, 8, 3, residual=(2,)).size


@pytest.mark.parametrize("rule", GROWTH_RULES)
@pytest.mark.parametrize("kind", ["widen", "deepen"])
def test_growth_is_reproducible_and_keeps_its_hands_off_the_old(rule, kind):
    network = SIZES[2]
    theta = parameters(network)
    before = theta.clone()
    first, again = (step(kind, network, theta, rule, generator(7)) for _ in range(2))
    assert torch.equal(first.theta, again.theta)
    assert torch.equal(theta, before)
    other = step(kind, network, theta, rule, generator(8))
    assert not torch.equal(first.theta, other.theta) or (rule, kind) == ("net2net", "deepen")


@pytest.mark.parametrize("rule", GROWTH_RULES)
@pytest.mark.parametrize("kind", ["widen", "deepen"])
def test_precision_is_kept(rule, kind):
    network = SIZES[0]

    def single(network, theta):
        at = objective(network)
        at.blocks = [(term, points.to("cpu", torch.float32), scale) for term, points, scale in at.blocks]
        return at.linearize(theta)

    theta = parameters(network).float()
    grown = (
        widen(network, theta, 5, rule, generator(), single)
        if kind == "widen"
        else deepen(network, theta, rule, generator(), single)
    )
    assert grown.theta.dtype is torch.float32 and bool(grown.theta.isfinite().all())


@pytest.mark.parametrize("width", [3, 2])
def test_widening_must_widen(width):
    network = SIZES[0]
    with pytest.raises(ValueError, match="adds none"):
        widen(network, parameters(network), width, "zero_out", generator())


@pytest.mark.parametrize("rule", ["residual", "greedy"])
def test_a_choice_by_the_objective_needs_one(rule):
    network = SIZES[0]
    with pytest.raises(ValueError, match="by the objective"):
        widen(network, parameters(network), 5, rule, generator())


@dataclass(frozen=True)
class Unnamed(Mlp):
    """A family, as a user may write one, that does not say whose neurons its axes count."""

    def shapes(self):
        return [(name, tuple(self.width if isinstance(n, str) else n for n in axes)) for name, axes in super().shapes()]


@pytest.mark.parametrize("kind", ["widen", "deepen"])
@pytest.mark.parametrize("rule", KEEP)
def test_a_family_that_names_no_neurons_grows_all_the_same(rule, kind):
    network = Unnamed(2, 1, 3, 2)
    theta = parameters(network)
    growth = step(kind, network, theta, rule, generator())
    assert float((growth.architecture.value(growth.theta, POINTS) - network.value(theta, POINTS)).abs().max()) <= 1e-12
    parts = growth.architecture.layout.split(objective(growth.architecture).gradient(growth.theta)[1])
    leaving = parts["output.weight"][:, 3:] if kind == "widen" else parts["hidden3.gate"]
    assert float(leaving.abs().min()) > 1e-8
