"""What every elliptic problem must pass: rows and Jacobians are those of plain tensors, hard boundaries hold."""

from collections.abc import Callable

import torch
from cases import close, draw, laplacian, make, naive
from torch import Tensor

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field
from pinnrun.problems.elliptic import Elliptic

Equation = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The residual at one point, from its coordinates, u and Δu."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linearized(problem: Elliptic, equation: Equation, ansatz: Callable, g: Callable[[Tensor], Tensor]) -> None:
    """r and J of all terms against `vmap(jacrev)` of the plain network; `ansatz(network, x)` is the field once more."""

    def inside(u, x, data):
        return equation(x[0], u[0](x[0])[0], laplacian(u[0], x[0])[0])

    def edge(u, x, data):
        return u[0](x[0])[0] - g(x[0])

    terms = list(zip(problem.terms(), (inside, edge), strict=False))
    assert len(terms) == (2 if problem.boundary == "soft" else 1)
    network = Mlp(problem.features, 1, 4, 2)
    case = make("case", network, terms, problem.inputs, problem.ansatz, lambda net, x, data: ansatz(net, x))
    r, J = naive(case)
    linear = case.objective.linearize(case.theta)
    assert float(r.abs().max()) > 1e-3
    assert close(linear.r, r, 1e-10)
    assert close(linear.J(), J, 1e-10)


def boundary_holds(problem: Elliptic, tolerance: float = 1e-14) -> None:
    """The hard field is g on the boundary whatever θ."""
    network = Mlp(problem.features, 1, 6, 2)
    field = Field(network, problem.inputs, problem.ansatz)
    points = problem.sample_boundary(generator(3), 500)
    for seed in range(3):
        value = field.jet(draw(network.size, seed=seed), points, Derivatives()).value[..., 0]
        assert float((value - points["data"]).abs().max()) <= tolerance
    inside = problem.sample_interior(generator(), 500)
    values = [field.jet(draw(network.size, seed=s), inside, Derivatives()).value for s in (0, 1)]
    assert float((values[0] - values[1]).abs().min()) > 0


def finite_difference(u: Callable, x: Tensor, h: float = 1e-3) -> Tensor:
    """Δu at `(N, 2)` by the nine-point formula of fourth order in each direction."""
    weights = {-2: -1 / 12, -1: 4 / 3, 0: -5 / 2, 1: 4 / 3, 2: -1 / 12}
    total = torch.zeros(len(x), dtype=x.dtype)
    for axis in range(2):
        step = torch.zeros(2, dtype=x.dtype)
        step[axis] = h
        for k, weight in weights.items():
            total += weight / h**2 * torch.as_tensor(u((x + k * step).numpy()))
    return total


def samples_are_reproducible(problem: Elliptic) -> None:
    for term in problem.terms():
        first, again, other = (term.sample(generator(seed), 40).x for seed in (3, 3, 4))
        assert first.shape == (1, 40, 2)
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
