"""Elementary functions and four derivatives each, against nested autograd of torch's own."""

import pytest
import torch
from cases import close

from pinnrun.calculus import elementary
from pinnrun.calculus.elementary import differentiable, power

CASES = {  # ours, torch's, where
    "exp": (elementary.exp, torch.exp, (-3.0, 3.0)),
    "log": (elementary.log, torch.log, (0.2, 5.0)),
    "reciprocal": (elementary.reciprocal, torch.reciprocal, (0.5, 3.0)),
    "sin": (elementary.sin, torch.sin, (-7.0, 7.0)),
    "cos": (elementary.cos, torch.cos, (-7.0, 7.0)),
    "tanh": (elementary.tanh, torch.tanh, (-6.0, 6.0)),
    "sqrt": (elementary.sqrt, torch.sqrt, (0.5, 9.0)),
    "power 2": (power(2), lambda y: y**2, (-3.0, 3.0)),
    "power 3": (power(3), lambda y: y**3, (-3.0, 3.0)),
    "power -2": (power(-2), lambda y: y**-2, (0.5, 3.0)),
    "power 0.7": (power(0.7), lambda y: y**0.7, (0.5, 3.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    ours, torchs, ends = CASES[name]
    y = torch.linspace(*ends, 101, dtype=torch.float64, requires_grad=True)
    exact = torchs(y)
    for found in ours(y, 4):
        assert close(found.detach(), exact.detach(), 1e-13)
        exact = torch.autograd.grad(exact.sum(), y, create_graph=True)[0] if exact.requires_grad else 0 * y


@pytest.mark.parametrize("name", CASES)
def test_as_many_as_are_asked_for(name):
    ours, _, (_, end) = CASES[name]
    y = torch.full((3,), end, dtype=torch.float64)
    everything = ours(y, 4)
    assert len(ours(y)) == 1
    for order in range(5):
        found = ours(y, order)
        assert len(found) == order + 1
        assert all(torch.equal(a, b) for a, b in zip(found, everything, strict=False))


def test_no_derivative_is_computed_in_vain():
    @differentiable
    def touchy(y):
        yield y
        yield torch.ones_like(y)
        raise AssertionError("nobody asked")

    assert len(touchy(torch.ones(2), 1)) == 2
    with pytest.raises(AssertionError, match="nobody asked"):
        touchy(torch.ones(2), 2)
