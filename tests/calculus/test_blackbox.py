"""Jets of functions that torch can only differentiate, against nested autograd and against jet arithmetic."""

from dataclasses import replace

import pytest
import torch
from cases import CATALOGUE, Waves, close, draw, naive, parameters
from jets import EVERYTHING, REQUESTS, assert_is_jet_of

from pinnrun.architectures import Mlp
from pinnrun.calculus import DenseLinearization, Jet, blackbox_jet

X = draw(2, 3, 3, seed=5)
WEIGHTS = draw(3, 2, seed=4)


def function(z: torch.Tensor) -> torch.Tensor:
    return torch.logsumexp(torch.stack([z @ WEIGHTS, (z * z) @ WEIGHTS]), 0)


def of_bent_inputs(x: torch.Tensor) -> torch.Tensor:
    return function(x.sin() * x[1])


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("chain", [False, True])
def test_blackbox(request_name, chain):
    """The jet of a function that torch can only differentiate, after nonlinear inputs too."""
    inputs = Jet.coordinates(X, REQUESTS[request_name])
    jet = blackbox_jet(function, inputs.sin() * inputs[1] if chain else inputs)
    assert jet.derivatives == REQUESTS[request_name]
    assert_is_jet_of(jet, of_bent_inputs if chain else function, X, 1e-12 if jet.derivatives.order < 4 else 1e-11)


def test_channels_are_those_of_jet_arithmetic():
    network = Mlp(3, 2, 4, 2)
    theta, inputs = parameters(network), Jet.coordinates(X, EVERYTHING).sin()
    jet = blackbox_jet(lambda z: network.value(theta, z), inputs)
    assert close(jet.channels, network(theta, inputs).channels)


@pytest.mark.parametrize("name", ["kdv", "kuramoto_sivashinsky", "biharmonic", "anisotropic"])
def test_equations_of_high_order_on_a_network_without_jets(name):
    case = CATALOGUE[name]()
    network = Waves(case.network.inputs, 4)
    case = replace(case, field=replace(case.field, network=network), theta=parameters(network))
    linear, (r, jacobian) = case.objective.linearize(case.theta), naive(case)
    assert isinstance(linear, DenseLinearization)
    assert close(linear.r, r)
    assert close(linear.J(), jacobian)
    assert close(case.objective.gradient(case.theta)[1], jacobian.T @ r)
