"""What the tests of all evolution equations ask: the residual against plain autograd, the field against its conditions,
the reference against the equation.
"""

from collections.abc import Callable

import numpy as np
import torch
from cases import Plain, close, parameters
from torch import Tensor
from torch.func import grad

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Points
from pinnrun.problems.evolution import Evolution

Scalar = Callable[[Tensor], Tensor]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def derivative(u: Scalar, *axes: int) -> Scalar:
    """The derivative of a scalar function of `(d,)` along one axis after the other, by nested autograd."""
    for axis in axes:
        u = (lambda inner, i: lambda y: grad(inner)(y)[i])(u, axis)
    return u


def field_of(problem: Evolution, seed: int = 0) -> tuple[Field, Tensor]:
    """A field with nothing in θ zero."""
    network = Mlp(problem.features, 1, 4, 2)
    return Field(network, problem.inputs, problem.ansatz), parameters(network, seed)


def values(problem: Evolution, x: Tensor, seed: int = 0) -> Tensor:
    """The field of a random network at `(N, 2)`, `(N,)`."""
    field, theta = field_of(problem, seed)
    return field.jet(theta, Points(x), Derivatives()).value[0, :, 0]


def assert_residual(
    problem: Evolution, plain: Callable[[Plain, Tensor], Tensor], equation: Callable[[Scalar, Tensor], Tensor]
) -> None:
    """The equation's term is what `equation` makes of the field `plain(network, (x, t))`, derivatives by autograd."""
    field, theta = field_of(problem)
    term = problem.terms()[0]
    points = term.sample(generator(), 12)
    found = term.residual(points, field.jet(theta, points, term.derivatives))
    u = lambda y: plain(lambda z: field.network.value(theta, z), y)  # noqa: E731
    assert close(values(problem, points.x[0]), torch.stack([u(y) for y in points.x[0]]))
    expected = torch.stack([equation(u, y) for y in points.x[0]])
    assert float(expected.abs().max()) > 1e-3
    assert close(found, expected[None], 1e-11)


def assert_starts(problem: Evolution, start: Callable[[np.ndarray], np.ndarray]) -> None:
    """Whatever θ is, u(x, 0) = u₀(x), and u_t = 0 there where the equation is of second order in time."""
    low, high = problem.interval
    x = torch.linspace(low, high, 33, dtype=torch.float64)
    at = torch.stack([x, torch.zeros_like(x)], -1)
    for seed in (1, 2):
        assert np.abs(values(problem, at, seed).numpy() - start(x.numpy())).max() < 1e-14
    if problem.time_order == 2:
        field, theta = field_of(problem)
        slope = field.jet(theta, Points(at), Derivatives(gradient=True)).d(1)
        assert float(slope.abs().max()) < 1e-13


def assert_vanishes_at_ends(problem: Evolution) -> None:
    t = torch.linspace(0.1, 1.0, 7, dtype=torch.float64) * problem.duration
    for seed in (1, 2):
        for end in problem.interval:
            assert float(values(problem, torch.stack([torch.full_like(t, end), t], -1), seed).abs().max()) < 1e-14


def assert_periodic(problem: Evolution, tolerance: float = 1e-13) -> None:
    """Value and slope of a random field agree at both ends."""
    t = torch.linspace(0.1, 1.0, 7, dtype=torch.float64) * problem.duration
    field, theta = field_of(problem)
    sides = [
        field.jet(theta, Points(torch.stack([torch.full_like(t, end), t], -1)), Derivatives(gradient=True))
        for end in problem.interval
    ]
    assert close(sides[0].value, sides[1].value, tolerance)
    assert close(sides[0].d(0), sides[1].d(0), tolerance)
    assert float(sides[0].value.std()) > 1e-3, "the network moves u at the ends"


def interior(problem: Evolution, count: int = 300, margin: float = 0.05) -> np.ndarray:
    """Random points well inside the domain, as the plain uniform draw gives them."""
    low, high = problem.interval
    u = margin + (1.0 - 2.0 * margin) * np.random.default_rng(0).random((count, 2))
    return np.stack([low + (high - low) * u[:, 0], problem.duration * u[:, 1]], -1)


# Central differences of sixth order (first and second derivative) and of fourth order (third and fourth).
STENCILS = {
    0: {0: 1.0},
    1: {1: 3 / 4, 2: -3 / 20, 3: 1 / 60},
    2: {0: -49 / 18, 1: 3 / 2, 2: -3 / 20, 3: 1 / 90},
    3: {1: -13 / 8, 2: 1.0, 3: -1 / 8},
    4: {0: 28 / 3, 1: -13 / 2, 2: 2.0, 3: -1 / 6},
}


def difference(u: Callable[[np.ndarray], np.ndarray], at: np.ndarray, axis: int, order: int, h: float) -> np.ndarray:
    """∂^order u/∂x_axis^order at `(N, 2)` by central differences of step h."""
    total = np.zeros(len(at))
    for offset, weight in STENCILS[order].items():
        for sign in (1, -1) if offset else (1,):
            moved = at.copy()
            moved[:, axis] += sign * offset * h
            total += weight * (sign**order) * u(moved)
    return total / h**order
