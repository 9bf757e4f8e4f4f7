"""Requests for derivatives of every kind in three coordinates, and what any jet is held to."""

from functools import lru_cache

import torch
from cases import close, draw, parameters
from torch.func import hessian, jacfwd, jacrev, vmap

from pinnrun.calculus import Derivatives, Jet

OPERATOR = ((0, 0, 1.5), (0, 2, -0.4), (1, 2, 2.0), (2, 2, 1.0))
EVERYTHING = Derivatives(
    gradient=True,
    pairs=((0, 0), (0, 1), (2, 1), (2, 2)),
    laplacian=True,
    higher=((0, 1, 1), (1, 1, 1, 2), (0, 0, 2, 2)),
    operator=OPERATOR,
)
REQUESTS = {
    "value": Derivatives(),
    "gradient": Derivatives(gradient=True),
    "pairs": Derivatives(pairs=((0, 1), (1, 1))),
    "laplacian": Derivatives(laplacian=True),
    "laplacian in two": Derivatives(laplacian=(1, 2)),
    "laplacian in the outer two": Derivatives(pairs=((1, 1),), laplacian=(0, 2)),
    "operator": Derivatives(operator=OPERATOR),
    "operator beside others": Derivatives(pairs=((2, 0),), laplacian=(1,), operator=OPERATOR[1:3]),
    "third": Derivatives(higher=((0, 0, 0),)),
    "mixed thirds": Derivatives(pairs=((1, 1),), higher=((0, 1, 1), (0, 1, 2))),
    "fourth": Derivatives(higher=((1, 1, 1, 1),), laplacian=True),
    "everything": EVERYTHING,
}


@lru_cache(maxsize=8)
def nested(plain, x: torch.Tensor, order: int) -> list[torch.Tensor]:
    """Value and all derivatives up to that order, each `(..., k, d, …, d)`, by autograd within autograd."""
    flat, functions = x.reshape(-1, x.shape[-1]), [plain]
    for n in range(order):
        functions.append((jacrev if n < 2 else jacfwd)(functions[-1]))
    values = [vmap(function)(flat) for function in functions]
    return [value.reshape(*x.shape[:-1], *value.shape[1:]) for value in values]


def assert_is_jet_of(jet: Jet, plain, x: torch.Tensor, tolerance: float = 1e-12) -> None:
    """Hold every channel to nested autograd of `plain: (d,) -> (k,)` at points `(..., d)`."""
    wanted = jet.derivatives
    value, *above = nested(plain, x, wanted.order)
    assert close(jet.value, value, tolerance)
    if wanted.first:
        assert close(jet.gradient, above[0].movedim(-1, 0), tolerance)
    for index in (*wanted.pairs, *wanted.higher):
        expected = above[len(index) - 1][(..., *index)]
        assert close(jet.derivative(*index), expected, tolerance)
        assert close(jet.derivative(*reversed(index)), expected, tolerance)
    for i, j in wanted.pairs:
        assert torch.equal(jet.dd(i, j), jet.derivative(j, i))
    if wanted.laplacian:
        chosen = list(range(x.shape[-1])) if wanted.laplacian is True else list(wanted.laplacian)
        assert close(jet.laplacian, above[1].diagonal(dim1=-2, dim2=-1)[..., chosen].sum(-1), tolerance)
    if wanted.operator:
        assert close(jet.operator, sum(a * above[1][..., i, j] for i, j, a in wanted.operator), tolerance)


def assert_second_order_is_the_plain_network_s(network) -> None:
    """Value, slopes, two second derivatives and the Laplacian, against hessians of ``network.value``."""
    theta, z = parameters(network), draw(2, 5, network.inputs)
    pairs = ((0, 0), (1, 0))
    jet = network(theta, Jet.coordinates(z, Derivatives(pairs=pairs, laplacian=True)))
    flat = z.reshape(10, -1)

    def plain(point: torch.Tensor) -> torch.Tensor:
        return network.value(theta, point)

    curvature = vmap(hessian(plain))(flat).reshape(2, 5, network.outputs, network.inputs, network.inputs)
    slope = vmap(jacrev(plain))(flat).reshape(2, 5, network.outputs, network.inputs)
    assert close(jet.value, network.value(theta, z))
    assert close(jet.gradient, slope.movedim(-1, 0))
    assert close(jet.laplacian, curvature.diagonal(dim1=-2, dim2=-1).sum(-1))
    for i, j in pairs:
        assert close(jet.dd(i, j), curvature[..., i, j])
