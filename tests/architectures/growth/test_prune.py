"""Pruning by interpolative decomposition: what is superfluous goes without a trace, the rest by least squares."""

import numpy as np
import pytest
import torch
from architectures.growth.networks import POINTS, SIZES, generator, objective, probe
from cases import parameters

from pinnrun.architectures import Mlp, narrow
from pinnrun.architectures.coefficients import WithCoefficients, grow
from pinnrun.architectures.growth.net2net import net2net
from pinnrun.architectures.growth.plain import zero_out
from pinnrun.architectures.growth.prune import interpolation, pivots


def change(growth, network, theta) -> float:
    return float((growth.architecture.value(growth.theta, POINTS) - network.value(theta, POINTS)).abs().max())


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("more", [1, 3])
def test_neurons_that_are_there_twice_leave_no_trace(network, more):
    theta = parameters(network)
    wide = net2net(network, theta, network.of_width(network.width + more), generator(), noise=0.0)
    growth = narrow(wide.architecture, wide.theta, network.width, generator(), probe)
    assert growth.architecture == network and growth.old_to_new is None
    assert change(growth, network, theta) <= 1e-10


@pytest.mark.parametrize("network", [Mlp(2, 1, 3, 1), Mlp(2, 2, 4, 3, "sin")], ids=repr)
def test_neurons_that_nobody_hears_leave_no_trace(network):
    theta = parameters(network)
    wide = zero_out(network, theta, network.of_width(network.width + 3), generator())
    growth = narrow(wide.architecture, wide.theta, network.width, generator(), probe)
    assert change(growth, network, theta) <= 1e-12


def test_the_output_is_the_best_that_the_kept_neurons_can_make_of_it():
    """One layer: against numpy's least squares of the old output on the kept neurons, at the objective's points."""
    network = Mlp(2, 1, 6, 1)
    theta = 3.0 * parameters(network)
    growth = narrow(network, theta, 4, generator(), probe)
    points = objective(network).blocks[0][1].x.reshape(-1, 2)
    parts = growth.architecture.layout.split(growth.theta)
    hidden = torch.tanh(points @ parts["hidden1.weight"].T + parts["hidden1.bias"])
    basis = np.column_stack([hidden.numpy(), np.ones(len(points))])
    wanted = network.value(theta, points).numpy()
    best = basis @ np.linalg.lstsq(basis, wanted, rcond=None)[0]
    ours = growth.architecture.value(growth.theta, points).numpy()
    np.testing.assert_allclose(ours, best, atol=1e-9 * np.abs(wanted).max())
    rows = network.layout.split(theta)["hidden1.weight"]
    assert all(any(torch.equal(kept, row) for row in rows) for kept in parts["hidden1.weight"])


def test_loud_neurons_are_chosen_before_quiet_ones_and_twins_last():
    """By hand: the second is the loudest, the third its twin, the first is hardly heard."""
    h = np.random.default_rng(0).standard_normal((50, 3))
    h[:, 2] = 2.0 * h[:, 1] + 7.0
    weights = np.array([[0.1, 3.0, 1.0]])
    assert pivots([(h, weights)], 1).tolist() == [1]
    assert pivots([(h, weights)], 2).tolist() == [0, 1]
    assert pivots([(h, 0.0 * weights), (h, weights)], 2).tolist() == [0, 1]  # as all of its readers hear it


def test_a_constant_is_made_up_for_where_there_is_a_bias_alone():
    h = np.random.default_rng(1).standard_normal((40, 2))
    h[:, 1] = 0.5 * h[:, 0] + 2.0
    t, c = interpolation(h, np.array([0]), constant=True)
    np.testing.assert_allclose(t, [[1.0, 0.5]], atol=1e-12)
    np.testing.assert_allclose(c, [0.0, 2.0], atol=1e-12)
    t, c = interpolation(h, np.array([0]), constant=False)
    np.testing.assert_allclose(t[0, 1], h[:, 0] @ h[:, 1] / (h[:, 0] @ h[:, 0]))
    assert not c.any()


def test_without_sight_of_the_layers_it_starts_afresh():
    network = Mlp(2, 1, 5, 2)
    growth = narrow(network, parameters(network), 3, generator(4))
    assert torch.equal(growth.theta, Mlp(2, 1, 3, 2).initial(generator(4)))


def test_unknown_coefficients_stay_what_they_are():
    network = WithCoefficients(Mlp(2, 1, 5, 1), (("k", 0.3),))
    theta = torch.cat([parameters(network.network), torch.tensor([0.7])])
    growth = grow(narrow, network, theta, 3, generator(), probe=lambda inner, at: objective(inner).linearize(at))
    assert growth.architecture.width == 3 and float(growth.theta[-1]) == pytest.approx(0.7)


@pytest.mark.parametrize("width", [0, 3, 4])
def test_there_must_be_fewer_neurons_and_some(width):
    network = Mlp(2, 1, 3, 1)
    with pytest.raises(ValueError, match=f"from 3 to {width} neurons takes none away"):
        narrow(network, parameters(network), width, generator())
