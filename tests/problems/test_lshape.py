"""The L-shape: corner functions, rows, the hard boundary, and a reference that solves the equation."""

import numpy as np
import pytest
import torch
from elliptic_checks import boundary_holds, finite_difference, generator, linearized, samples_are_reproducible
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch.func import hessian, vmap

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.lshape import PoissonLshape, corner_functions, exact, harmonic_part


def problem(**more) -> PoissonLshape:
    return PoissonLshape("case", "poisson_lshape", **{"points": 7, "boundary_points": 5, **more})


def plain_corner(x):
    """s and t by the complex power in polar form, the angle counted from (1, 0) with the cut along (1, −1)."""
    quarter = 0.75 * np.pi
    angle = torch.atan2(-(x[0] + x[1]), x[1] - x[0]) + quarter
    power = (x[0] ** 2 + x[1] ** 2) ** (1 / 3)
    return torch.stack([power * torch.sin(2 * angle / 3), -power * torch.cos(2 * angle / 3)])


def test_corner_functions_are_the_power_of_z():
    x = problem().domain.sample_interior(generator(), 300)
    jet = corner_functions(Jet.coordinates(x, Derivatives(pairs=((0, 1), (1, 1)), laplacian=True)))
    z = (x[:, 0] + 1j * x[:, 1]).numpy()
    angle = np.mod(np.angle(z), 2 * np.pi)
    power = np.abs(z) ** (2 / 3) * np.exp(2j * angle / 3)
    assert np.allclose(jet.value[:, 0].numpy(), power.imag, atol=1e-14)
    assert np.allclose(jet.value[:, 1].numpy(), -power.real, atol=1e-14)
    curvature = vmap(hessian(plain_corner))(x)
    for i, j in ((0, 1), (1, 1)):
        assert torch.allclose(jet.dd(i, j), curvature[:, :, i, j], rtol=1e-9, atol=1e-9)
    assert torch.allclose(jet.laplacian, torch.zeros_like(jet.laplacian), atol=1e-9)
    at_corner = corner_functions(Jet.coordinates(torch.zeros((1, 2), dtype=torch.float64), Derivatives())).value
    assert float(at_corner.abs().max()) < 1e-9


@pytest.mark.parametrize("boundary", ["hard", "soft"])
@pytest.mark.parametrize("corner", ["features", "none"])
def test_rows_and_jacobian(corner, boundary):
    shown = corner == "features"

    def equation(x, u, curvature):
        right = torch.tensor([[1.0, 0.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [0.0, -1.0]])
        r = torch.linalg.vector_norm(x - right, dim=1)
        near = (r / torch.sqrt(r**2 + 0.09)).prod()
        weight = (x[0] ** 2 + x[1] ** 2) ** (1 / 3) * near if shown else 1.0
        return weight * (curvature + 1.0)

    def r_function(x):
        a, b = (1 - x[0] ** 2) / 2, (1 - x[1] ** 2) / 2
        c, d = x[0] * (2 - x[0]) / 2, (x[1] + 2) * -x[1] / 2  # the square that is cut out, drawn larger
        box, cut = a + b - torch.hypot(a, b), -(c + d - torch.hypot(c, d))
        return box + cut - torch.hypot(box, cut)

    def ansatz(network, x):
        raw = network(torch.cat([x, plain_corner(x)]) if shown else x)
        factor = plain_corner(x)[0] * (1 - x[0] ** 2) * (1 - x[1] ** 2) if shown else r_function(x)
        return factor * raw if boundary == "hard" else raw

    linearized(problem(corner=corner, boundary=boundary), equation, ansatz, lambda x: 0.0 * x[0])


@pytest.mark.parametrize("corner", ["features", "none"])
def test_the_hard_boundary_holds(corner):
    boundary_holds(problem(corner=corner), 1e-14)


def test_the_reference_solves_the_equation():
    """By the maximum principle these two say all: −Δu = 1 inside, u = 0 on independent points of the boundary."""
    x = problem().domain.sample_interior(generator(), 200)
    x = x[(problem().domain.distance(Jet.coordinates(x, Derivatives())).value[:, 0] > 0.05)]
    assert float((finite_difference(exact, x, 5e-3) + 1.0).abs().max()) < 1e-5
    edge, _ = problem().domain.sample_boundary(generator(1), 2000)
    assert np.abs(exact(edge.numpy())).max() < 1e-7
    assert harmonic_part().misfit < 1e-7


def test_the_reference_against_finite_differences():
    """Five points a node, h = 1/32 and 1/64: errors fall with h as the corner allows, and are small."""
    errors = []
    for n in (32, 64):
        h, index, nodes = 1.0 / n, {}, []
        for i in range(-n + 1, n):
            for j in range(-n + 1, n):
                if i < 0 or j > 0:
                    index[i, j] = len(nodes)
                    nodes.append((i, j))
        rows, columns, values = [], [], []
        for (i, j), row in index.items():
            rows.append(row), columns.append(row), values.append(4.0 / h**2)
            for neighbour in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
                if neighbour in index:
                    rows.append(row), columns.append(index[neighbour]), values.append(-1.0 / h**2)
        u = spsolve(coo_matrix((values, (rows, columns))).tocsc(), np.ones(len(nodes)))
        truth = exact(h * np.array(nodes))
        errors.append(np.linalg.norm(u - truth) / np.linalg.norm(truth))
    assert errors[1] < 2e-3
    assert errors[0] / errors[1] > 2.0


def test_points_and_observable():
    samples_are_reproducible(problem(boundary="soft"))
    truth = lambda points, wanted: Jet(torch.as_tensor(exact(points.x[0].numpy()))[None, None, :, None], 2, wanted)  # noqa: E731
    assert problem().observables(truth)["middle"].error < 1e-12
    assert isinstance(problem().locate(torch.tensor([[-0.5, -0.5]])), Points)
