"""Both PINNacle cases: rows, hard boundaries, samplers; our series solve the equations, the tables agree with them."""

import numpy as np
import pytest
import torch
from elliptic_checks import boundary_holds, finite_difference, generator, linearized, samples_are_reproducible

from pinnrun.calculus import Jet
from pinnrun.problems.pinnacle.boltzmann2d import PinnaclePoissonBoltzmann2d
from pinnrun.problems.pinnacle.nodes import load_nodes
from pinnrun.problems.pinnacle.poisson2d import PinnaclePoisson2d

KINDS = {"poisson2d": PinnaclePoisson2d, "boltzmann2d": PinnaclePoissonBoltzmann2d}
FEATURES = {"poisson2d": "disc_features", "boltzmann2d": "known_features"}
OUTER = {"poisson2d": 1.0, "boltzmann2d": 0.2}
INNER = {"poisson2d": 0.0, "boltzmann2d": 1.0}
HALF = {"poisson2d": 0.5, "boltzmann2d": 1.0}
DISCS = {
    "poisson2d": [(0.3, 0.3, 0.1), (0.3, -0.3, 0.1), (-0.3, 0.3, 0.1), (-0.3, -0.3, 0.1)],
    "boltzmann2d": [(0.5, 0.5, 0.2), (0.4, -0.4, 0.4), (-0.2, -0.7, 0.1), (-0.6, 0.5, 0.3)],
}


def problem(name, **more):
    return KINDS[name]("case", f"pinnacle_{name}", **{"points": 12, "boundary_points": 9, **more})


def source(x):
    return 10 * (17 + x[..., 0] ** 2 + x[..., 1] ** 2) * torch.sin(np.pi * x[..., 0]) * torch.sin(4 * np.pi * x[..., 1])


def equation_of(name):
    if name == "poisson2d":
        return lambda x, u, curvature: curvature
    return lambda x, u, curvature: -curvature + 64.0 * u - source(x)


def plain_inputs(name, shown, x):
    parts = [x / HALF[name]]
    if shown and name == "boltzmann2d":
        parts.append(source(x)[None] / 170.0)
    for cx, cy, radius in DISCS[name] if shown else ():
        r = torch.hypot(x[:1] - cx, x[1:] - cy)
        parts.append(torch.log(r / radius) if name == "poisson2d" else torch.exp(-8 * (r - radius)))
    return torch.cat(parts)


def plain_factors(name, x):
    """The bubbles of the square and of all discs."""
    around = 1.0
    for cx, cy, radius in DISCS[name]:
        around = around * (1 - radius**2 / ((x[0] - cx) ** 2 + (x[1] - cy) ** 2))
    a = HALF[name]
    return (1 - (x[0] / a) ** 2) * (1 - (x[1] / a) ** 2), around


@pytest.mark.parametrize("boundary", ["hard", "soft"])
@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_rows_and_jacobian(name, shown, boundary):
    def ansatz(network, x):
        raw = network(plain_inputs(name, shown, x))
        square, around = plain_factors(name, x)
        lift = (OUTER[name] * around + INNER[name] * square) / (square + around)
        return lift + square * around * raw if boundary == "hard" else raw

    def boundary_value(x):
        return INNER[name] + (OUTER[name] - INNER[name]) * (x.abs().max() == HALF[name]).to(x.dtype)

    kind = {} if shown else {FEATURES[name]: "none"}
    linearized(problem(name, boundary=boundary, **kind), equation_of(name), ansatz, boundary_value)


@pytest.mark.parametrize("name", KINDS)
def test_the_hard_boundary_holds(name):
    boundary_holds(problem(name, boundary="hard"), 1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_the_series_solves_the_equation(name):
    """−Δu + … = f inside by finite differences, both values on independent points of the boundary."""
    case = problem(name)
    series = case.series()
    x = case.domain.sample_interior(generator(), 400)
    x = x[case.domain.distance(Jet.coordinates(x, case.terms()[1].derivatives)).value[:, 0] > 0.02][:150]
    u = torch.as_tensor(series(x.numpy()))
    residual = vmap_equation(name, x, u, finite_difference(series, x, 2e-3))
    assert float(residual.abs().max()) < 5e-3  # of terms up to some hundred
    points = case.sample_boundary(generator(1), 1500)
    assert np.abs(series(points.x[0].numpy()) - points["data"][0].numpy()).max() < 1e-6


def vmap_equation(name, x, u, curvature):
    return torch.stack([equation_of(name)(*row) for row in zip(x, u, curvature, strict=True)])


@pytest.mark.parametrize(("name", "error"), [("poisson2d", 2.84e-5), ("boltzmann2d", 9.04e-5)])
def test_the_tables_own_error(name, error):
    """What the docs say of PINNacle's finite elements: relative L2 over their nodes, against the series."""
    table = problem(name).table
    series = problem(name, compare="series").reference().field(table.x)
    assert np.linalg.norm(series - table.u) / np.linalg.norm(series) == pytest.approx(error, rel=5e-3)
    assert np.abs(series - table.u).max() < 1e-3


@pytest.mark.parametrize(("name", "count"), [("poisson2d", 1246), ("boltzmann2d", 3236)])
def test_the_error_is_measured_at_the_nodes_of_the_table(name, count):
    case = problem(name)
    points = case.test_points(generator())
    assert len(points) == count
    assert np.array_equal(case.reference().field(points.x[0].numpy()), case.table.u)
    assert case.domain.inside(points.x[0] * (1 - 1e-12)).double().mean() > 0.9
    with pytest.raises(ValueError, match="nodes alone"):
        case.reference().field(np.array([[0.01, 0.02]]))
    on_square = np.abs(case.table.x).max(1) == HALF[name]
    assert np.allclose(case.table.u[on_square], OUTER[name], atol=1e-12)


def test_a_table_is_read_once():
    assert load_nodes("pinnacle_poisson2d") is load_nodes("pinnacle_poisson2d")


@pytest.mark.parametrize("name", KINDS)
def test_points_crowd_around_the_discs(name):
    case = problem(name, around_discs=0.5, boundary="soft")
    samples_are_reproducible(case)
    x = case.sample_interior(generator(), 4000).x[0]
    assert len(x) == 4000
    assert case.domain.strictly_inside(x).all()
    close = torch.stack([torch.hypot(x[:, 0] - cx, x[:, 1] - cy) < 2 * r for cx, cy, r in DISCS[name]]).double()
    evenly = problem(name, around_discs=0.0).sample_interior(generator(), 4000).x[0]
    even = torch.stack([torch.hypot(evenly[:, 0] - cx, evenly[:, 1] - cy) < 2 * r for cx, cy, r in DISCS[name]])
    assert (close.mean(1) > even.double().mean(1)).all()
    assert close[2].mean() > 0.1


@pytest.mark.parametrize("name", KINDS)
def test_observable_of_the_series_has_no_error(name):
    case = problem(name)

    def exact(points, derivatives):
        return Jet(torch.as_tensor(case.series()(points.x[0].numpy()))[None, None, :, None], 2, derivatives)

    assert case.observables(exact)["mean_at_nodes"].error < 1e-12
