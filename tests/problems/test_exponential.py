"""Nonlinear Poisson: the known solution solves it, rows are those of plain tensors, the hard boundary is exact."""

from math import pi

import numpy as np
import pytest
import torch
from elliptic_checks import boundary_holds, generator, linearized, samples_are_reproducible

from pinnrun.problems.exponential import PoissonExponential


def problem(k=1, **more) -> PoissonExponential:
    return PoissonExponential("case", "poisson_exponential", k=k, **{"points": 7, "boundary_points": 5, **more})


def exact_jet(k, points, derivatives):
    x = points.coordinates(derivatives)
    return 1.0 + (k * pi * x[0]).sin() * (k * pi * x[1]).cos()


def plain_exact(k, x):
    return 1.0 + torch.sin(k * pi * x[0]) * torch.cos(k * pi * x[1])


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_known_solution_leaves_no_residual(k):
    for term in problem(k, boundary="soft").terms():
        points = term.sample(generator(), 200)
        exact = exact_jet(k, points, term.derivatives)
        assert float(term.residual(points, exact).abs().max()) < 1e-11
        assert float(term.residual(points, 1.01 * exact).abs().max()) > 1e-3


@pytest.mark.parametrize("boundary", ["hard", "soft"])
@pytest.mark.parametrize("k", [1, 4])
def test_rows_and_jacobian(k, boundary):
    def equation(x, u, curvature):
        wave = torch.sin(k * pi * x[0]) * torch.cos(k * pi * x[1])
        return curvature - torch.exp(u) - (-2 * k**2 * pi**2 * wave - torch.exp(1 + wave))

    def hard(network, x):
        ends = (1 - x[1]) + x[1] * torch.cos(torch.tensor(k * pi, dtype=x.dtype))
        lift = 1 + torch.sin(k * pi * x[0]) * ends
        return 16 * x[0] * (1 - x[0]) * x[1] * (1 - x[1]) * network(2 * x - 1) + lift

    ansatz = hard if boundary == "hard" else lambda network, x: network(2 * x - 1)
    linearized(problem(k, boundary=boundary), equation, ansatz, lambda x: plain_exact(k, x))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_hard_boundary_holds(k):
    boundary_holds(problem(k), 1e-14)


def test_reference_and_observable():
    x = problem().sample_interior(generator(1), 100).x[0]
    a, b = x.numpy().T
    assert np.allclose(problem(3).reference().field(x.numpy()), 1 + np.sin(3 * pi * a) * np.cos(3 * pi * b), atol=1e-14)
    [(name, found)] = problem(1).observables(lambda points, wanted: exact_jet(1, points, wanted)).items()
    assert name == "value_at_thirds"
    assert found.reference == pytest.approx(1 + 3**0.5 / 4, rel=1e-14)
    assert found.error < 1e-14


def test_points():
    samples_are_reproducible(problem(boundary="soft"))
    x = problem().sample_interior(generator(), 2000).x
    assert ((x > 0) & (x < 1)).all()
