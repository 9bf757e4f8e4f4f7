"""Activations and their four derivatives, against torch's own and its autograd."""

import pytest
import torch
from cases import close, draw

from pinnrun.architectures.activations import ACTIVATIONS, activate
from pinnrun.calculus import Derivatives, Jet

TORCH = {
    "tanh": torch.tanh,
    "sin": torch.sin,
    "softplus": torch.nn.functional.softplus,
    "gelu": torch.nn.functional.gelu,
}


def test_every_activation_is_held_to_torch():
    assert set(TORCH) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives(name):
    y = torch.linspace(-8.0, 8.0, 401, dtype=torch.float64, requires_grad=True)
    exact = TORCH[name](y)
    for order, found in enumerate(ACTIVATIONS[name](y, 4)):
        assert close(found.detach(), exact.detach(), 1e-14 if order < 2 else 1e-13)
        (exact,) = torch.autograd.grad(exact.sum(), y, create_graph=True)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_jet_takes_as_many_derivatives_as_it_carries_orders(name, monkeypatch):
    asked = []
    activation = ACTIVATIONS[name]
    monkeypatch.setitem(ACTIVATIONS, name, lambda y, order=0: asked.append(order) or activation(y, order))
    requests = [{}, {"gradient": True}, {"laplacian": True}, {"higher": ((0, 0, 1),)}, {"higher": ((1, 1, 1, 1),)}]
    for request in requests:
        activate(name, Jet.coordinates(draw(6, 2), Derivatives(**request)))
    assert asked == [0, 1, 2, 3, 4]
    assert [len(activation(draw(2), order)) for order in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_out_nothing_overflows(name):
    y = torch.tensor([-1e4, -700.0, 700.0, 1e4], dtype=torch.float64)
    for part in ACTIVATIONS[name](y, 4):
        assert torch.isfinite(part).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_on_jets(name):
    x = draw(6, 2)
    wanted = Derivatives(laplacian=True, higher=((0, 0, 0, 0), (0, 0, 1)))
    jet = activate(name, Jet.coordinates(x, wanted)[0])
    _, df, ddf, third, fourth = ACTIVATIONS[name](x[:, :1], 4)
    assert close(jet.d(0), df)
    assert torch.equal(jet.d(1), torch.zeros_like(df))
    assert close(jet.laplacian, ddf)
    assert close(jet.derivative(0, 0, 0), third)
    assert close(jet.derivative(0, 0, 0, 0), fourth)
    assert torch.equal(jet.derivative(0, 0, 1), torch.zeros_like(df))
