"""Activations and their two derivatives, against torch's own and its autograd."""

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
    f, df, ddf = (part.detach() for part in ACTIVATIONS[name](y, 2))
    exact = TORCH[name](y)
    (slope,) = torch.autograd.grad(exact.sum(), y, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), y)
    assert close(f, exact.detach(), 1e-14)
    assert close(df, slope.detach(), 1e-14)
    assert close(ddf, curvature, 1e-13)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_out_nothing_overflows(name):
    y = torch.tensor([-1e4, -700.0, 700.0, 1e4], dtype=torch.float64)
    for part in ACTIVATIONS[name](y, 4):
        assert torch.isfinite(part).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_on_jets(name):
    x = draw(6, 2)
    jet = activate(name, Jet.coordinates(x, Derivatives(laplacian=True))[0])
    _, df, ddf = ACTIVATIONS[name](x[:, :1], 2)
    assert close(jet.d(0), df)
    assert torch.equal(jet.d(1), torch.zeros_like(df))
    assert close(jet.laplacian, ddf)
