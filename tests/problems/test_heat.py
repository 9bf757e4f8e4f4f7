"""Heat: the known solutions solve it (and agree with a Chebyshev method of lines), samplers stay where they belong."""

from math import pi

import numpy as np
import pytest
import torch
from cases import close
from numpy.polynomial import chebyshev
from scipy.integrate import solve_ivp

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.errors import UserError
from pinnrun.problems.heat import Heat

CASES = [("sine", 1, 0.25), ("sine", 3, 0.1), ("sine_sum", 1, 0.25), ("sine_sum", 4, 0.25), ("sine_sum", 2, 0.7)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def problem(solution: str = "sine", dimension: int = 1, diffusivity: float = 0.25, **more) -> Heat:
    return Heat("case", "heat", solution=solution, dimension=dimension, diffusivity=diffusivity, **more)


def exact_jet(case: tuple, points: Points, derivatives: Derivatives) -> Jet:
    """The formulas that the settings promise, in jet arithmetic."""
    solution, dimension, kappa = case
    x = points.coordinates(derivatives)
    space = [x[1 + i] for i in range(dimension)]
    if solution == "sine_sum":
        return (-4 * kappa * x[0]).exp() * Jet.cat([(2 * part).sin() for part in space]).sum()
    product = (-kappa * dimension * pi**2 * x[0]).exp()
    for part in space:
        product = product * (pi * part).sin()
    return product


@pytest.mark.parametrize("case", CASES)
def test_the_known_solution_leaves_no_residual(case):
    terms = problem(*case).terms()
    assert [term.name for term in terms] == ["equation", "conditions"]
    for term in terms:
        points = term.sample(generator(), 200)
        residual = term.residual(points, exact_jet(case, points, term.derivatives))
        assert residual.numel() == 200
        assert float(residual.abs().max()) < 1e-12


@pytest.mark.parametrize("case", CASES)
def test_something_else_leaves_one(case):
    """t²|x|² has the residual 2t|x|² − 2κd t²; 0.01 more than the data is 0.01 too much."""
    _, dimension, kappa = case
    equation, conditions = problem(*case).terms()
    points = equation.sample(generator(), 200)
    x = points.coordinates(equation.derivatives)
    wrong = x[0] * x[0] * Jet.cat([x[1 + i] for i in range(dimension)]).squared_norm()
    t, space = points.x[..., 0], points.x[..., 1:]
    expected = 2 * t * space.square().sum(-1) - 2 * kappa * dimension * t.square()
    assert close(equation.residual(points, wrong), expected)
    points = conditions.sample(generator(), 200)
    more = exact_jet(case, points, conditions.derivatives) + 0.01
    assert close(conditions.residual(points, more), torch.full((1, 200), 0.01, dtype=torch.float64))


def chebyshev_heat(start, sides, kappa: float, order: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x ``(n, n, 2)`` and u(t = 1, x): collocation in two space dimensions, implicit Runge-Kutta in time.

    `start(x)` is u at time zero, `sides(t, x)` is u on the boundary.
    """
    nodes = 0.5 - 0.5 * np.cos(pi * np.arange(order + 1) / order)
    basis = chebyshev.chebvander(2 * nodes - 1, order)
    curvature = 4 * np.stack([chebyshev.chebval(2 * nodes - 1, chebyshev.chebder(row, 2)) for row in np.eye(order + 1)])
    second = np.linalg.solve(basis.T, curvature).T  # d²/dx² of values at the nodes
    x = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1)
    inside = np.zeros(x.shape[:2], bool)
    inside[1:-1, 1:-1] = True

    def whole(t: float, values: np.ndarray) -> np.ndarray:
        u = sides(t, x)
        u[inside] = values
        return u

    def slope(t: float, values: np.ndarray) -> np.ndarray:
        u = whole(t, values)
        return kappa * (second @ u + u @ second.T)[inside]

    solved = solve_ivp(slope, (0, 1), start(x)[inside], "LSODA", t_eval=[1.0], rtol=1e-9, atol=1e-11)
    return x, whole(1.0, solved.y[:, -1])


def test_closed_forms_are_what_a_spectral_method_finds():
    """Started and bounded by formulas written here, not the problem's."""
    starts = {
        "sine": (lambda x: np.sin(pi * x).prod(-1), lambda t, x: np.zeros(x.shape[:2])),
        "sine_sum": (lambda x: np.sin(2 * x).sum(-1), lambda t, x: np.exp(-t) * np.sin(2 * x).sum(-1)),
    }
    for solution, (start, sides) in starts.items():
        x, found = chebyshev_heat(start, sides, 0.25)
        reference = problem(solution, 2).reference()
        at_end = np.concatenate([np.ones((*x.shape[:2], 1)), x], -1).reshape(-1, 3)
        assert np.abs(found).max() > 1e-3
        assert np.allclose(reference.field(at_end).reshape(found.shape), found, rtol=0, atol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_observable_of_the_known_solution_has_no_error(case):
    [(name, found)] = (
        problem(*case).observables(lambda points, derivatives: exact_jet(case, points, derivatives)).items()
    )
    solution, dimension, kappa = case
    assert name == "value_at_end"
    by_hand = {
        "sine": np.exp(-kappa * dimension * pi**2) * (3**0.5 / 2) ** dimension,
        "sine_sum": np.exp(-4 * kappa) * dimension * np.sin(2 / 3),
    }
    assert found.value == pytest.approx(by_hand[solution], rel=1e-12)
    assert found.reference == pytest.approx(by_hand[solution], rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 4])
def test_samplers_stay_inside_on_the_sides_and_at_the_start(dimension):
    equation, conditions = problem("sine_sum", dimension, points=7, condition_points=4, condition_weight=30.0).terms()
    assert (equation.count, conditions.count) == (7, 4)
    assert (equation.weight, conditions.weight) == (1.0, 30.0)
    x = equation.sample(generator(), 4000).x[0]
    assert x.shape == (4000, 1 + dimension)
    assert ((x > 0) & (x < 1)).all()
    assert close(x.mean(0), torch.full((1 + dimension,), 0.5, dtype=torch.float64), 0.03)
    points = conditions.sample(generator(), 8001)
    x = points.x[0]
    assert ((x >= 0) & (x <= 1)).all()
    at_start = x[:, 0] == 0
    on_faces = torch.cat([x[:, 1:] == 0, x[:, 1:] == 1], 1)
    assert (on_faces.sum(1) + at_start == 1).all(), "on one face, or at the start"
    assert int(at_start.sum()) == 4000
    shares = on_faces[~at_start].double().mean(0)
    assert close(shares, torch.full_like(shares, 1 / (2 * dimension)), 0.03)
    assert close(x[~at_start, 0].mean(), torch.tensor(0.5, dtype=torch.float64), 0.03)
    expected = torch.exp(-x[:, 0]) * torch.sin(2 * x[:, 1:]).sum(-1)
    assert close(points["data"][0], expected)


def test_samples_come_from_the_generator_alone():
    for term in problem().terms():
        first, again, other = (term.sample(generator(seed), 20).x for seed in (3, 3, 4))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_the_error_is_measured_on_many_points_of_the_interior():
    points = problem(dimension=3).test_points(generator())
    assert len(points) >= 10_000
    assert ((points.x > 0) & (points.x < 1)).all()


def test_points_inside_are_located_and_points_outside_named():
    x = torch.tensor([[0.0, 1.0], [0.3, 0.4]], dtype=torch.float64)
    assert torch.equal(problem().locate(x).x[0], x)
    x[1, 0] = 1.01
    with pytest.raises(UserError, match=r"1 of 2 points lie outside the domain .* rows 1\."):
        problem().locate(x)


@pytest.mark.parametrize(
    ("dimension", "names"), [(1, ("t", "x")), (3, ("t", "x", "y", "z")), (4, ("t", "x1", "x2", "x3", "x4"))]
)
def test_coordinates_have_names(dimension, names):
    assert problem(dimension=dimension).coordinates == names
