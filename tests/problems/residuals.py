"""Residuals of a problem's terms twice: on jets as pinnrun takes them, and in plain tensors by torch.func."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from cases import close, parameters
from torch import Tensor
from torch.func import hessian, jacrev, vmap

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Jet, Objective
from pinnrun.problems.base import Problem

Plain = Callable[[Tensor], Tensor]
"""A field at one point, `(d,)` to `(k,)`."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network_of(problem: Problem) -> tuple[Mlp, Tensor]:
    """Two layers of five neurons with random parameters."""
    network = Mlp(problem.features, problem.outputs, 5, 2)
    return network, parameters(network, 3)


def check_residuals(
    problem: Problem,
    field: Callable[[Plain, Tensor], Tensor],
    residuals: Sequence[Callable[[Plain, Tensor, dict[str, Tensor]], Tensor]],
    count: int = 20,
    tolerance: float = 1e-11,
) -> None:
    """Hold every term against its residual `(rows,)` in plain tensors, for a field made from the plain network.

    `field(network, x)` is inputs and ansatz once more; `residuals` take the field, one point, and its data.
    """
    network, theta = network_of(problem)
    objective = Objective(Field(network, problem.inputs, problem.ansatz), [])
    terms = problem.terms()
    assert len(terms) == len(residuals)
    for term, residual in zip(terms, residuals, strict=True):
        points = term.sample(generator(1), count)
        found = objective.evaluate_rows(theta, term, points)

        def plain(x: Tensor, data: dict[str, Tensor], residual=residual) -> Tensor:
            return residual(lambda y: field(lambda z: network.value(theta, z), y), x, data).reshape(-1)

        x, data = points.tensors()
        expected = vmap(plain)(x[0], {name: value[0] for name, value in data.items()}).T
        assert expected.shape == (term.rows, count)
        assert close(found, expected, tolerance), term.name


def exact_jet(function: Plain, x: Tensor, derivatives: Derivatives) -> Jet:
    """The jet of a plain function at `(N, d)` points, its derivatives by torch.func; channels `(S, 1, N, k)`."""
    channels = [vmap(function)(x)]
    if derivatives.first:
        channels += list(vmap(jacrev(function))(x).movedim(-1, 0))
    if derivatives.pairs or derivatives.laplacian:
        second = vmap(hessian(function))(x)
        channels += [second[..., i, j] for i, j in derivatives.pairs]
        if derivatives.laplacian:
            over = derivatives.laplacian
            over = list(range(x.shape[1])) if isinstance(over, bool) else list(over)
            channels.append(second[..., over, over].sum(-1))
    return Jet(torch.stack(channels)[:, None], x.shape[1], derivatives)


def residual_of(function: Plain, problem: Problem, count: int = 200) -> dict[str, Tensor]:
    """What a function known in plain tensors leaves in every term of a problem."""
    left = {}
    for term in problem.terms():
        points = term.sample(generator(2), count)
        left[term.name] = term.residual(points, exact_jet(function, points.x[0], term.derivatives))
    return left
