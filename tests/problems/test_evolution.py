"""What all evolution equations share: coordinates, samplers, the domain's bounds."""

import pytest
import torch
from evolution import generator

from pinnrun.errors import UserError
from pinnrun.problems.advection import Advection
from pinnrun.problems.allen_cahn import AllenCahn
from pinnrun.problems.burgers import Burgers
from pinnrun.problems.kdv import Kdv
from pinnrun.problems.kuramoto_sivashinsky import KuramotoSivashinsky
from pinnrun.problems.wave import Wave

ALL = [Wave, Advection, Burgers, AllenCahn, Kdv, KuramotoSivashinsky]


@pytest.mark.parametrize("kind", ALL)
def test_time_is_the_last_coordinate(kind):
    assert kind("case", "case").coordinates == ("x", "t")


@pytest.mark.parametrize("kind", ALL)
def test_samplers_stay_inside_and_reach_everywhere(kind):
    case = kind("case", "case", points=50, duration=2.0)
    low, high = case.interval
    [equation] = case.terms()
    assert equation.count == 50
    for points in (equation.sample(generator(), 4000), case.test_points(generator())):
        x, t = points.x[0].unbind(-1)
        assert low <= x.min() < low + 0.05 * (high - low) and high >= x.max() > high - 0.05 * (high - low)
        assert 0 <= t.min() < 0.1 and 2 >= t.max() > 1.9
    assert len(case.test_points(generator())) >= 10_000
    first, again, other = (equation.sample(generator(seed), 20).x for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("kind", ALL)
def test_inputs_are_of_order_one(kind):
    case = kind("case", "case", duration=5.0)
    points = case.test_points(generator())
    seen = case.inputs(points, case.derivatives).value
    assert seen.shape[-1] == case.features
    assert float(seen.abs().max()) <= 1 + 1e-12
    assert float(seen.flatten(0, -2).std(0).min()) > 0.4


def test_points_outside_are_named():
    case = Wave("case", "wave", duration=2.0)
    x = torch.tensor([[0.0, 2.0], [1.0, 0.0]], dtype=torch.float64)
    assert torch.equal(case.locate(x).x[0], x)
    for wrong in ([1.1, 0.5], [0.5, 2.1], [0.5, -0.1]):
        with pytest.raises(UserError, match=r"1 of 3 points lie outside the domain \(x from 0 to 1, t from 0 to 2\)"):
            case.locate(torch.cat([x, torch.tensor([wrong], dtype=torch.float64)]))
