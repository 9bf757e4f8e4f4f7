"""Poisson: the known solutions solve it, hard boundaries are exact, samplers stay where they belong."""

from math import pi

import numpy as np
import pytest
import torch
from cases import close, draw, parameters

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Jet, Points
from pinnrun.errors import UserError
from pinnrun.problems.poisson import Poisson

DIMENSIONS = {
    "sine": (1, 2, 3, 5),
    "cosine_sum": (1, 2, 5),
    "sine_sum": (1, 5),
    "harmonic": (2, 10),
    "square": (1, 3, 100),
}
CASES = [(solution, d) for solution, dimensions in DIMENSIONS.items() for d in dimensions]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def problem(solution: str = "sine", dimension: int = 2, **more) -> Poisson:
    return Poisson("case", "poisson", solution=solution, dimension=dimension, **more)


def exact_jet(solution: str, points: Points, derivatives: Derivatives) -> Jet:
    """The formulas that the docstring of the problem promises, in jet arithmetic."""
    x = points.coordinates(derivatives)
    parts = [x[i] for i in range(x.dimension)]
    if solution == "sine":
        product = (pi * parts[0]).sin()
        for part in parts[1:]:
            product = product * (pi * part).sin()
        return product
    if solution == "cosine_sum":
        return (pi * x).cos().sum()
    if solution == "sine_sum":
        return (0.5 * pi * x).sin().sum()
    if solution == "harmonic":
        return Jet.cat([a * b for a, b in zip(parts[::2], parts[1::2], strict=True)]).sum()
    return x.squared_norm()


@pytest.mark.parametrize(("solution", "dimension"), CASES)
def test_the_known_solution_leaves_no_residual(solution, dimension):
    terms = problem(solution, dimension).terms()
    assert [term.name for term in terms] == ["equation", "boundary"]
    for term in terms:
        points = term.sample(generator(), 200)
        residual = term.residual(points, exact_jet(solution, points, term.derivatives))
        assert residual.numel() == 200
        assert float(residual.abs().max()) < 1e-10


@pytest.mark.parametrize(("solution", "dimension"), CASES)
def test_something_else_leaves_one(solution, dimension):
    """1.001 u is off by a thousandth of f inside (of u where f = 0) and of u on the boundary."""
    equation, boundary = problem(solution, dimension).terms()
    points = equation.sample(generator(), 200)
    wrong = exact_jet(solution, points, equation.derivatives) * 1.001
    if solution != "harmonic":
        residual = equation.residual(points, wrong).reshape(-1)
        assert close(residual, 1e-3 * -points["source"][0], 1e-10)
        assert float(residual.abs().max()) > 1e-4
    points = boundary.sample(generator(), 200)
    wrong = exact_jet(solution, points, boundary.derivatives) * 1.001 + 0.01
    assert float(boundary.residual(points, wrong).abs().max()) > 5e-3


@pytest.mark.parametrize(("solution", "dimension"), CASES)
def test_reference_is_the_same_solution(solution, dimension):
    points = problem(solution, dimension).terms()[0].sample(generator(1), 300)
    reference = problem(solution, dimension).reference()
    values = reference.field(points.x[0].numpy())
    assert isinstance(values, np.ndarray)
    assert values.shape == (300,)
    expected = exact_jet(solution, points, Derivatives()).value[0, :, 0].numpy()
    assert np.allclose(values, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("solution", "dimension"), CASES)
def test_observable_of_the_known_solution_has_no_error(solution, dimension):
    [(name, found)] = (
        problem(solution, dimension)
        .observables(lambda points, derivatives: exact_jet(solution, points, derivatives))
        .items()
    )
    assert name == "value_at_thirds"
    by_hand = {
        "sine": (3**0.5 / 2) ** dimension,
        "cosine_sum": dimension / 2,
        "sine_sum": dimension / 2,
        "harmonic": dimension / 18,
        "square": dimension / 9,
    }
    assert found.value == pytest.approx(by_hand[solution], rel=1e-12)
    assert found.reference == pytest.approx(by_hand[solution], rel=1e-12)
    assert found.error < 1e-12


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_hard_boundary_is_exact_on_every_face(dimension):
    hard = problem(dimension=dimension, boundary="hard")
    assert [term.name for term in hard.terms()] == ["equation"]
    network = Mlp(dimension, 1, 6, 2)
    field = Field(network, hard.inputs, hard.ansatz)
    theta = 100.0 * parameters(network)
    for face in range(2 * dimension):
        x = torch.rand((50, dimension), generator=generator(face), dtype=torch.float64)
        x[:, face // 2] = float(face % 2)
        value = field.jet(theta, Points(x), Derivatives(laplacian=True)).value
        assert torch.count_nonzero(value) == 0
    inside = field.jet(theta, hard.terms()[0].sample(generator(), 50), Derivatives()).value
    assert torch.count_nonzero(inside) == 50


@pytest.mark.parametrize("dimension", [1, 3])
def test_hard_field_is_the_bubble_times_the_network(dimension):
    """Π 4x_i(1 − x_i)·N(2x − 1), derivatives included: 1·N in the middle."""
    hard, network = problem(dimension=dimension, boundary="hard"), Mlp(dimension, 1, 4, 1)
    theta, x = parameters(network), torch.rand((9, dimension), generator=generator(), dtype=torch.float64)
    jet = Field(network, hard.inputs, hard.ansatz).jet(theta, Points(x), Derivatives())
    bubble = (4 * x * (1 - x)).prod(-1, keepdim=True)
    assert close(jet.value[0], bubble * network.value(theta, 2 * x - 1), 1e-14)


@pytest.mark.parametrize("dimension", [1, 2, 10])
def test_samplers_stay_inside_and_on_the_boundary(dimension):
    equation, boundary = problem("square", dimension, points=7, boundary_points=3, boundary_weight=20.0).terms()
    assert (equation.count, boundary.count) == (7, 3)
    assert (equation.weight, boundary.weight) == (1.0, 20.0)
    x = equation.sample(generator(), 4000).x[0]
    assert x.shape == (4000, dimension)
    assert x.dtype is torch.float64
    assert ((x > 0) & (x < 1)).all()
    assert close(x.mean(0), torch.full((dimension,), 0.5, dtype=torch.float64), 0.03)
    points = boundary.sample(generator(), 4000)
    x = points.x[0]
    assert ((x >= 0) & (x <= 1)).all()
    on_faces = torch.cat([x == 0, x == 1], 1)
    assert (on_faces.sum(1) == 1).all(), "on one face each"
    shares = on_faces.double().mean(0)
    assert close(shares, torch.full_like(shares, 1 / (2 * dimension)), 0.03)
    assert close(points["data"][0], x.square().sum(-1))


def test_samples_come_from_the_generator_alone():
    for term in problem().terms():
        first, again, other = (term.sample(generator(seed), 20).x for seed in (3, 3, 4))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_the_error_is_measured_on_many_points_of_the_interior():
    points = problem(dimension=3).test_points(generator())
    assert len(points) >= 10_000
    assert ((points.x > 0) & (points.x < 1)).all()


def test_points_inside_are_located():
    x = torch.tensor([[0.0, 1.0], [0.3, 0.4]], dtype=torch.float64)
    assert torch.equal(problem().locate(x).x[0], x)


def test_points_outside_are_named():
    x = torch.rand((9, 2), generator=generator(), dtype=torch.float64)
    x[3, 1], x[7, 0], x[8, 0] = 1.001, -1e-9, float("nan")
    with pytest.raises(UserError) as error:
        problem().locate(x)
    text = str(error.value)
    assert text.startswith("3 of 9 points lie outside the domain (the unit cube, 0 to 1 in every coordinate)")
    assert "rows 3, 7, 8." in text
    assert len(text.splitlines()) <= 6


def test_many_points_outside_are_not_all_named():
    with pytest.raises(UserError, match=r"1000 of 1000 .* rows 0, 1, 2, 3, 4, …\."):
        problem().locate(2.0 + draw(1000, 2).abs())


@pytest.mark.parametrize(
    ("dimension", "names"), [(1, ("x",)), (2, ("x", "y")), (3, ("x", "y", "z")), (4, ("x1", "x2", "x3", "x4"))]
)
def test_coordinates_have_names(dimension, names):
    assert problem(dimension=dimension).coordinates == names


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"solution": "harmonic", "dimension": 3}, "dimension:"),
        ({"solution": "square", "boundary": "hard"}, "boundary:"),
        ({"solution": "harmonic", "dimension": 3, "boundary": "hard"}, "dimension: boundary:"),
        ({"solution": "harmonic", "dimension": 4}, ""),
        ({"solution": "sine", "dimension": 3, "boundary": "hard"}, ""),
    ],
)
def test_combinations_that_make_no_sense(more, key):
    assert " ".join(line.split()[0] for line in problem(**more).problems()) == key
