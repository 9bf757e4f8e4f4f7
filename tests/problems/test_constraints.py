"""Hard constraints: the condition holds for any θ, and derivatives and Jacobians are those of the plain formula."""

from math import pi

import pytest
import torch
from cases import close, cube, make, naive, parameters
from torch.func import grad, hessian, jacrev, vmap

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Jet, Points, Term
from pinnrun.geometry import Ball, Box, difference
from pinnrun.problems.constraints import (
    blend,
    dirichlet,
    from_start,
    here_and_at_start,
    initial_rate,
    initial_value,
    periodic,
)

ALL = Derivatives(gradient=True, pairs=((0, 0), (0, 1), (1, 1)), laplacian=True)
PLATE = difference(Box((-1.0, -1.0), (1.0, 1.0)), Ball((0.3, 0.2), 0.4))


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_start(x):  # (t, x) to u₀(x)
    return torch.sin(2.0 * x[1:]) + 0.3 * x[1:] ** 2


def jet_start(x: Jet) -> Jet:
    return (2.0 * x[1]).sin() + 0.3 * x[1] * x[1]


# -- one entry a constraint: (inputs, ansatz, number of network inputs, the same field in plain tensors) -------------


def coordinates(points, derivatives):
    return points.coordinates(derivatives)


def hard_dirichlet(points, raw):
    x = points.coordinates(raw.derivatives)
    return dirichlet(raw, PLATE.distance(x), x[0] * x[0] - x[1])


def plain_dirichlet(network, x):
    a, b = (1 - x[0] ** 2) / 2, (1 - x[1] ** 2) / 2
    c = ((x[0] - 0.3) ** 2 + (x[1] - 0.2) ** 2 - 0.16) / 0.8
    box = a + b - (a * a + b * b).sqrt()
    return (box + c - (box * box + c * c).sqrt()) * network(x) + x[0] ** 2 - x[1]


def hard_value(points, raw):
    x = points.coordinates(raw.derivatives)
    return initial_value(raw, x[0], jet_start(x))


def hard_rate(points, raw):
    x = points.coordinates(raw.derivatives)
    return initial_rate(raw, x[0], jet_start(x), x[1].cos())


def twice(points, derivatives):
    return here_and_at_start(points.coordinates(derivatives))


def hard_from_start(points, raw):
    return from_start(raw, jet_start(points.coordinates(raw.derivatives)))


def frozen(x):
    return torch.stack([torch.zeros_like(x[0]), x[1]])


def ring(points, derivatives):
    x = points.coordinates(derivatives)
    return Jet.cat([x[0], periodic(x[1], 1.5, 2)])


def plain_ring(network, x):
    angle = 2 * pi * x[1:] / 1.5
    return network(torch.cat([x[:1], angle.cos(), angle.sin(), (2 * angle).cos(), (2 * angle).sin()]))


CONSTRAINTS = {
    "dirichlet": (coordinates, hard_dirichlet, 2, plain_dirichlet),
    "initial_value": (coordinates, hard_value, 2, lambda n, x: plain_start(x) + x[0] * n(x)),
    "initial_rate": (
        coordinates,
        hard_rate,
        2,
        lambda n, x: plain_start(x) + x[0] * torch.cos(x[1:]) + x[0] ** 2 * n(x),
    ),
    "from_start": (twice, hard_from_start, 2, lambda n, x: plain_start(x) + n(x) - n(frozen(x))),
    "periodic": (ring, lambda points, raw: raw, 5, plain_ring),
}


def build(name: str, depth: int = 2) -> tuple[Field, torch.Tensor]:
    inputs, ansatz, features, _ = CONSTRAINTS[name]
    network = Mlp(features, 1, 5, depth)
    return Field(network, inputs, ansatz), parameters(network)


def jet_at(name: str, x: torch.Tensor, derivatives: Derivatives = ALL, size: float = 1.0) -> Jet:
    field, theta = build(name)
    return field.jet(size * theta, Points(x), derivatives)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_derivatives_are_those_of_the_plain_formula(name):
    """Against nested autograd of the plain network, at points of the plate."""
    x = PLATE.sample_interior(torch.Generator().manual_seed(1), 60)
    field, theta = build(name)
    plain = lambda y: CONSTRAINTS[name][3](lambda z: field.network.value(theta, z), y)[0]  # noqa: E731
    jet = jet_at(name, x)
    assert jet.value.shape == (1, 60, 1)
    curvature = vmap(hessian(plain))(x)
    assert close(jet.value[0, :, 0], vmap(plain)(x))
    assert close(jet.gradient[:, 0, :, 0].T, vmap(jacrev(plain))(x))
    for i, j in ALL.pairs:
        assert close(jet.dd(i, j)[0, :, 0], curvature[:, i, j], 1e-10)
    assert close(jet.laplacian[0, :, 0], curvature.diagonal(dim1=1, dim2=2).sum(-1), 1e-10)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_the_jacobian_is_that_of_the_plain_formula(name):
    """r and J of u_t + u u_x − u_xx, row by row by plain autograd; the second place included."""
    inputs, ansatz, features, plain = CONSTRAINTS[name]
    term = Term(
        "equation",
        cube(2, 5),
        lambda points, u: (u.d(0) + u.value * u.d(1) - u.dd(1, 1))[..., 0],
        Derivatives(gradient=True, pairs=((1, 1),)),
        7,
    )

    def equation(u, x, data):
        du, ddu = jacrev(u[0])(x[0])[0], hessian(u[0])(x[0])[0]
        return du[0] + u[0](x[0])[0] * du[1] - ddu[1, 1]

    case = make(
        name, Mlp(features, 1, 4, 2), [(term, equation)], inputs, ansatz, lambda network, x, data: plain(network, x)
    )
    r, J = naive(case)
    linear = case.objective.linearize(case.theta)
    assert close(linear.r, r, 1e-11)
    assert close(linear.J(), J, 1e-11)
    v = torch.linspace(-1.0, 1.0, case.network.size, dtype=torch.float64)
    assert close(linear.mv(v), J @ v, 1e-11)
    assert close(linear.kernel(), J @ J.T, 1e-11)
    assert close(case.objective.linearize_rowwise(case.theta).J(), J, 1e-11)


def test_dirichlet_holds_on_every_piece_of_the_boundary():
    x, _ = PLATE.sample_boundary(torch.Generator().manual_seed(2), 400)
    for size in (1.0, 100.0):
        value = jet_at("dirichlet", x, Derivatives(), size).value[0, :, 0]
        assert float((value - (x[:, 0] ** 2 - x[:, 1])).abs().max()) < size * 1e-14


@pytest.mark.parametrize("name", ["initial_value", "initial_rate", "from_start"])
def test_the_initial_value_holds(name):
    x = draws(100, 2)
    x[:, 0] = 0.0
    jet = jet_at(name, x, size=30.0)
    expected = vmap(plain_start)(x)[:, 0]
    assert float((jet.value[0, :, 0] - expected).abs().max()) < 1e-14
    slopes = vmap(grad(lambda y: plain_start(y)[0]))(x)[:, 1]
    assert float((jet.d(1)[0, :, 0] - slopes).abs().max()) < 1e-13


def test_the_initial_rate_holds():
    x = draws(100, 2)
    x[:, 0] = 0.0
    rate = jet_at("initial_rate", x, size=30.0).d(0)[0, :, 0]
    assert float((rate - torch.cos(x[:, 1])).abs().max()) < 1e-14
    free = jet_at("initial_value", x, size=30.0).d(0)[0, :, 0]
    assert float((free - torch.cos(x[:, 1])).abs().max()) > 0.1


def test_a_start_at_another_time_and_another_place_in_the_order():
    x = draws(3, 4, 2)
    jet = here_and_at_start(Jet.coordinates(x, ALL), time=1, start=0.7)
    assert jet.value.shape == (6, 4, 2)
    assert torch.equal(jet.value[:3], x)
    assert torch.equal(jet.value[3:, :, 0], x[..., 0])
    assert (jet.value[3:, :, 1] == 0.7).all()
    assert (jet.d(1)[3:] == 0.0).all()
    assert (jet.d(0)[3:, :, 0] == 1.0).all()
    assert (jet.d(1)[:3, :, 1] == 1.0).all()


def test_periodic_fields_join_with_all_derivatives():
    x = draws(100, 2)
    left, right = jet_at("periodic", x), jet_at("periodic", x + torch.tensor([0.0, 1.5]))
    assert close(left.channels, right.channels, 1e-12)
    assert float((left.value - jet_at("periodic", x + torch.tensor([0.0, 0.75])).value).abs().max()) > 1e-2


def test_blended_lifts_take_each_value_on_its_piece():
    hole, box = PLATE.holes[0], PLATE.whole

    def lift(points):
        x = points.coordinates(Derivatives())
        return blend([x[0], 3.0], [box.bubble(x), hole.hole(x)]).value[0, :, 0]

    x, normals = PLATE.sample_boundary(torch.Generator().manual_seed(3), 300)
    on_box = (x.abs() == 1.0).any(-1)
    assert 50 < on_box.sum() < 250
    assert float((lift(Points(x[on_box])) - x[on_box, 0]).abs().max()) < 1e-14
    assert float((lift(Points(x[~on_box])) - 3.0).abs().max()) < 1e-13
    inside = lift(Points(x - 0.2 * normals))
    assert (inside < 3.0).all()
    assert (inside > -1.0).all()
