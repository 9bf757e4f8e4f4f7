"""Shapes: samples lie where they should and evenly, normals point out, distances are zero, positive and of slope 1."""

from math import pi

import pytest
import torch
from torch.func import hessian, jacrev, vmap

from pinnrun.calculus import Derivatives, Jet
from pinnrun.geometry import Ball, Box, difference

BOX = Box((-1.0, 0.0), (1.0, 3.0))
SHAPES = {
    "interval": Box((0.0,), (2.0,)),
    "box": BOX,
    "cuboid": Box((0.0, 0.0, -1.0), (1.0, 2.0, 1.0)),
    "disc": Ball((0.5, -0.2), 0.7),
    "ball": Ball((0.0, 1.0, 0.0), 2.0),
    "ball5": Ball((0.0, 1.0, 0.0, 0.3, 0.2), 1.5),
    "plate": difference(BOX, Ball((0.2, 1.0), 0.4), Ball((-0.4, 2.0), 0.3)),
    "bitten": difference(BOX, Ball((1.0, 1.5), 0.6)),
    "lshape": difference(Box((-1.0, -1.0), (1.0, 1.0)), Box((0.0, -1.0), (1.0, 0.0))),
    "shell": difference(Ball((0.0, 0.0, 0.0), 2.0), Ball((0.3, 0.0, 0.0), 1.0)),
}
CURVED = Derivatives(pairs=((0, 0),), laplacian=True)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def value_of(function, x: torch.Tensor) -> torch.Tensor:
    return function(Jet.coordinates(x, Derivatives())).value[..., 0]


@pytest.mark.parametrize("name", SHAPES)
def test_interior_points_are_inside_and_away_from_the_boundary(name):
    shape = SHAPES[name]
    x = shape.sample_interior(generator(), 3000)
    assert x.shape == (3000, shape.dimension)
    assert x.dtype is torch.float64
    assert shape.inside(x).all()
    assert shape.strictly_inside(x).all()
    assert (value_of(shape.distance, x) > 0).all()


@pytest.mark.parametrize("name", SHAPES)
def test_boundary_points_are_on_it_with_outward_normals(name):
    """A small step along the normal leaves the shape, one against it enters."""
    shape = SHAPES[name]
    x, normals = shape.sample_boundary(generator(), 2000)
    assert x.shape == normals.shape == (2000, shape.dimension)
    assert torch.allclose(normals.norm(dim=-1), torch.ones(2000, dtype=torch.float64), atol=1e-14)
    assert not shape.inside(x + 1e-7 * normals).any()
    assert shape.strictly_inside(x - 1e-7 * normals).all()


@pytest.mark.parametrize("name", SHAPES)
def test_the_divergence_theorem_holds_for_the_samples(name):
    """∮ x·n dA = d·V and ∮ n dA = 0: boundary samples are uniform by area, interior ones give the volume."""
    shape, count = SHAPES[name], 60_000
    low, high = shape.bounds
    box = low + (high - low) * torch.rand((count, shape.dimension), generator=generator(1), dtype=torch.float64)
    volume = float((high - low).prod()) * float(shape.inside(box).double().mean())
    area = AREAS[name]
    x, normals = shape.sample_boundary(generator(2), count)
    centre = 0.5 * (low + high)
    flux = area * float(((x - centre) * normals).sum(-1).mean())
    assert flux == pytest.approx(shape.dimension * volume, rel=0.03)
    assert float((area * normals.mean(0)).abs().max()) < 0.03 * area


AREAS = {  # by hand
    "interval": 2.0,
    "box": 10.0,
    "cuboid": 16.0,
    "disc": 1.4 * pi,
    "ball": 16.0 * pi,
    "ball5": 8 * pi**2 / 3 * 1.5**4,
    "plate": 10.0 + 1.4 * pi,
    "bitten": 10.0 - 1.2 + 0.6 * pi,
    "lshape": 8.0,
    "shell": 20.0 * pi,
}


@pytest.mark.parametrize("name", SHAPES)
def test_distance_is_normalised_to_first_order(name):
    """Zero on the boundary, −1 along the outward normal, nothing along the boundary; away from corners."""
    shape = SHAPES[name]
    x, normals = shape.sample_boundary(generator(), 500)
    jet = shape.distance(Jet.coordinates(x, Derivatives(gradient=True)))
    assert float(jet.value.abs().max()) < 1e-14
    gradient = jet.gradient[..., 0].T
    assert float((gradient + normals).norm(dim=-1).max()) < 1e-6


@pytest.mark.parametrize("name", SHAPES)
def test_distance_is_the_euclidean_one_to_first_order(name):
    """At a depth h along the inward normal it is h + O(h²), for 99 of 100 points (corners are few)."""
    shape = SHAPES[name]
    x, normals = shape.sample_boundary(generator(), 1000)
    errors = [(value_of(shape.distance, x - h * normals) / h - 1.0).abs().quantile(0.95) for h in (1e-3, 5e-4)]
    assert errors[0] < 0.05
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize("name", SHAPES)
def test_distance_is_negative_outside(name):
    shape = SHAPES[name]
    low, high = shape.bounds
    x = low - 1.0 + (high - low + 2.0) * torch.rand((4000, shape.dimension), generator=generator(), dtype=torch.float64)
    outside = ~shape.inside(x)
    assert 100 < outside.sum() < 4000
    assert (value_of(shape.distance, x[outside]) < 0).all()


def plain_disc(x):
    return (0.49 - (x - torch.tensor([0.5, -0.2], dtype=x.dtype)).square().sum()) / 1.4


def plain_box(x):
    a, b = (x[0] + 1) * (1 - x[0]) / 2, x[1] * (3 - x[1]) / 3
    return a + b - (a * a + b * b).sqrt()


def plain_plate(x):
    total = plain_box(x)
    for centre, r in (((0.2, 1.0), 0.4), ((-0.4, 2.0), 0.3)):
        b = ((x - torch.tensor(centre, dtype=x.dtype)).square().sum() - r * r) / (2 * r)
        total = total + b - (total * total + b * b).sqrt()
    return total


def plain_plate_bubble(x):
    product = 4 * (x[0] + 1) * (1 - x[0]) / 4 * 4 * x[1] * (3 - x[1]) / 9
    for centre, r in (((0.2, 1.0), 0.4), ((-0.4, 2.0), 0.3)):
        product = product * (1 - r * r / (x - torch.tensor(centre, dtype=x.dtype)).square().sum())
    return product


@pytest.mark.parametrize(
    ("function", "plain", "name"),
    [
        (SHAPES["disc"].distance, plain_disc, "disc"),
        (SHAPES["box"].distance, plain_box, "box"),
        (SHAPES["plate"].distance, plain_plate, "plate"),
        (SHAPES["plate"].bubble, plain_plate_bubble, "plate"),
    ],
)
def test_derivatives_are_those_of_the_formula(function, plain, name):
    """Against nested autograd."""
    x = SHAPES[name].sample_interior(generator(), 200)
    jet = function(Jet.coordinates(x, CURVED))
    expected = vmap(hessian(plain))(x)
    assert torch.allclose(jet.value[:, 0], vmap(plain)(x), rtol=1e-12)
    assert torch.allclose(jet.gradient[..., 0].T, vmap(jacrev(plain))(x), rtol=1e-10, atol=1e-12)
    assert torch.allclose(jet.dd(0, 0)[:, 0], expected[:, 0, 0], rtol=1e-8, atol=1e-10)
    assert torch.allclose(jet.laplacian[:, 0], expected.diagonal(dim1=1, dim2=2).sum(-1), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["interval", "box", "cuboid", "disc", "ball", "plate", "shell"])
def test_bubble_is_zero_on_the_boundary_and_positive_inside(name):
    shape = SHAPES[name]
    x, _ = shape.sample_boundary(generator(), 500)
    assert float(value_of(shape.bubble, x).abs().max()) < 1e-14
    values = value_of(shape.bubble, shape.sample_interior(generator(), 2000))
    assert (values > 0).all()
    assert (values <= 1).all()


def test_no_bubble_in_a_reentrant_corner():
    with pytest.raises(ValueError, match="use distance"):
        SHAPES["lshape"].bubble(Jet.coordinates(torch.zeros((1, 2)), Derivatives()))


def test_log_radius_is_harmonic_around_a_disc():
    x = SHAPES["plate"].sample_interior(generator(), 100)
    jet = Ball((0.2, 1.0), 0.4).log_radius(Jet.coordinates(x, Derivatives(laplacian=True)))
    assert float(jet.laplacian.abs().max()) < 1e-12
    assert torch.allclose(jet.value[:, 0], torch.log(torch.hypot(x[:, 0] - 0.2, x[:, 1] - 1.0) / 0.4), atol=1e-14)


def test_samples_come_from_the_generator_alone():
    for shape in SHAPES.values():
        for draw in (shape.sample_interior, lambda g, n, shape=shape: torch.cat(shape.sample_boundary(g, n))):
            assert torch.equal(draw(generator(3), 20), draw(generator(3), 20))
            assert not torch.equal(draw(generator(3), 20), draw(generator(4), 20))


def test_shapes_that_make_no_sense():
    with pytest.raises(ValueError, match="low < high"):
        Box((0.0, 1.0), (1.0, 1.0))
    with pytest.raises(ValueError, match="low < high"):
        Box((0.0,), (1.0, 1.0))
    with pytest.raises(ValueError, match="above 0"):
        Ball((0.0, 0.0), 0.0)
    with pytest.raises(ValueError, match="same dimension"):
        difference(BOX, Ball((0.0,), 1.0))
    with pytest.raises(ValueError, match="as large as"):
        difference(BOX, Ball((0.0, 0.0), 9.0)).sample_interior(generator(), 5)
