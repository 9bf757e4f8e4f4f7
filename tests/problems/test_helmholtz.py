"""Helmholtz: the known solution solves it, rows are those of plain tensors, the hard boundary is exact."""

from math import pi

import numpy as np
import pytest
import torch
from elliptic_checks import boundary_holds, generator, linearized, samples_are_reproducible

from pinnrun.calculus import Derivatives, Points
from pinnrun.errors import UserError
from pinnrun.problems.helmholtz import Helmholtz

CASES = [(1.0, 1, 4), (0.0, 2, 1), (7.5, 3, 2)]


def problem(k=1.0, a1=1, a2=4, **more) -> Helmholtz:
    return Helmholtz("case", "helmholtz", k=k, a1=a1, a2=a2, **{"points": 7, "boundary_points": 5, **more})


def exact_jet(case, points, derivatives):
    x = points.coordinates(derivatives)
    return (case[1] * pi * x[0]).sin() * (case[2] * pi * x[1]).sin()


@pytest.mark.parametrize("case", CASES)
def test_the_known_solution_leaves_no_residual(case):
    for term in problem(*case, boundary="soft").terms():
        points = term.sample(generator(), 200)
        exact = exact_jet(case, points, term.derivatives)
        assert float(term.residual(points, exact).abs().max()) < 1e-11
        assert float(term.residual(points, 1.01 * exact + 0.01).abs().max()) > 1e-3


@pytest.mark.parametrize("boundary", ["hard", "soft"])
@pytest.mark.parametrize("case", CASES)
def test_rows_and_jacobian(case, boundary):
    k, a1, a2 = case

    def equation(x, u, curvature):
        exact = torch.sin(a1 * pi * x[0]) * torch.sin(a2 * pi * x[1])
        return -curvature - k**2 * u - (pi**2 * (a1**2 + a2**2) - k**2) * exact

    def hard(network, x):
        return (1 - x[0] ** 2) * (1 - x[1] ** 2) * network(x)

    ansatz = hard if boundary == "hard" else lambda network, x: network(x)
    linearized(problem(*case, boundary=boundary), equation, ansatz, lambda x: 0.0 * x[0])


def test_the_hard_boundary_holds():
    boundary_holds(problem())


def test_reference_and_crest():
    x = problem().sample_interior(generator(1), 100)
    values = problem(a1=2, a2=3).reference().field(x.x[0].numpy())
    a, b = x.x[0].numpy().T
    assert np.allclose(values, np.sin(2 * pi * a) * np.sin(3 * pi * b), atol=1e-14)
    crest = problem().observables(lambda points, derivatives: exact_jet((1, 1, 4), points, derivatives))["crest"]
    assert crest.error < 1e-14


def test_points():
    samples_are_reproducible(problem(boundary="soft"))
    assert len(problem().test_points(generator())) >= 10_000
    assert len(problem().locate(torch.tensor([[1.0, -1.0]]))) == 1
    with pytest.raises(UserError, match="1 of 1 points lie outside"):
        problem().locate(torch.tensor([[1.1, 0.0]]))
    assert isinstance(problem().locate(torch.zeros((1, 2))), Points)
    assert not problem().terms()[0].derivatives.pairs
    assert problem().terms()[0].derivatives == Derivatives(laplacian=True)
