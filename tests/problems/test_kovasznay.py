"""Kovasznay flow: the closed form solves the equations, residuals against torch.func, what is judged and reported."""

from math import exp, pi, sqrt

import pytest
import torch
from cases import close
from problems.residuals import check_residuals, exact_jet, generator, residual_of
from torch.func import hessian, jacrev

from pinnrun.calculus import Points
from pinnrun.errors import UserError
from pinnrun.problems.kovasznay import Kovasznay


def problem(**more) -> Kovasznay:
    return Kovasznay("case", "kovasznay", **more)


def formula(reynolds: float):
    """The paper's, written once more."""
    rate = reynolds / 2 - sqrt(reynolds**2 / 4 + 4 * pi**2)

    def at(x):
        wake, angle = torch.exp(rate * x[0]), 2 * pi * x[1]
        u, v = 1 - wake * torch.cos(angle), rate / (2 * pi) * wake * torch.sin(angle)
        return torch.stack([u, v, (1 - torch.exp(2 * rate * x[0])) / 2])

    return at


@pytest.mark.parametrize("reynolds", [1.0, 40.0, 400.0])
def test_the_closed_form_leaves_no_residual(reynolds):
    left = residual_of(formula(reynolds), problem(reynolds=reynolds))
    assert left["equations"].shape == (200, 3)
    assert left["boundary"].shape == (200, 2)
    assert all(float(r.abs().max()) < 1e-10 for r in left.values())


def test_another_reynolds_number_leaves_one():
    left = residual_of(formula(40.0), problem(reynolds=20.0))
    assert all(float(r.abs().max()) > 0.1 for r in left.values())


def test_residuals_are_those_of_torch_func():
    def field(network, x):
        return network(torch.stack([(x[0] - 0.25) / 0.75, x[1] - 0.5]))

    def equations(u, x, data):
        value, slope, bend = u(x), jacrev(u)(x), hessian(u)(x)
        momentum = slope[:2] @ value[:2] + slope[2] - bend[:2].diagonal(dim1=-2, dim2=-1).sum(-1) / 30.0
        return torch.cat([momentum, slope[:2].trace()[None]])

    def boundary(u, x, data):
        return (u(x) - formula(30.0)(x))[:2]

    check_residuals(problem(reynolds=30.0), field, [equations, boundary])


def test_boundary_points_lie_on_the_boundary():
    equations, boundary = problem().terms()
    x = boundary.sample(generator(), 500).x[0]
    on = (x[:, 0] == -0.5) | (x[:, 0] == 1.0) | (x[:, 1] == -0.5) | (x[:, 1] == 1.5)
    assert on.all()
    assert (equations.count, equations.rows, boundary.rows, boundary.weight) == (600, 3, 2, 10.0)


def test_what_is_reported_of_the_closed_form():
    case = problem()
    found = case.observables(lambda points, derivatives: exact_jet(formula(40.0), points.x[0], derivatives))
    rate = 20 - sqrt(400 + 4 * pi**2)
    by_hand = {"backflow": 1 - exp(-0.5 * rate), "pressure_rise": (exp(-rate) - exp(2 * rate)) / 2}
    for name, expected in by_hand.items():
        assert found[name].value == pytest.approx(expected, rel=1e-12)
        assert found[name].reference == pytest.approx(expected, rel=1e-12)
    assert found["backflow"].value < 0, "the eddies behind the grid"


def test_errors_are_measured_in_all_components_up_to_the_pressure_level():
    case = problem()
    points = case.test_points(generator())
    exact = case.reference().field(points.x[0].numpy())
    assert exact.shape == (10_000, 3)
    assert close(torch.as_tensor(exact[:5]), torch.stack([formula(40.0)(x) for x in points.x[0, :5]]))
    moved = exact.copy()
    moved[:, 2] += 3.0
    assert abs(case.align(moved, exact) - exact).max() < 1e-12
    assert (case.outputs, case.components, case.coordinates) == (3, ("u", "v", "p"), ("x", "y"))


def test_points_outside_are_refused():
    assert torch.equal(problem().locate(torch.tensor([[1.0, 1.5]])).x[0], torch.tensor([[1.0, 1.5]]))
    with pytest.raises(UserError, match=r"x from -0\.5 to 1, y from -0\.5 to 1\.5"):
        problem().locate(Points(torch.tensor([[1.01, 0.0]])).x[0])
