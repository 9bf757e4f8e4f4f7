"""The rectangle: samplers are uniform and stay where they belong, coordinates are scaled, points outside are named."""

import pytest
import torch
from cases import close
from problems.residuals import generator

from pinnrun.calculus import Derivatives, Points
from pinnrun.errors import UserError
from pinnrun.problems.rectangle import Rectangle

SHAPE = Rectangle((-0.5, 1.0), (1.0, 4.0))  # 1.5 by 3


def test_interior_is_uniform():
    x = SHAPE.interior(generator(), 20_000)
    assert ((x > torch.tensor(SHAPE.low)) & (x < torch.tensor(SHAPE.high))).all()
    assert close(x.mean(0), torch.tensor([0.25, 2.5], dtype=torch.float64), 0.02)
    assert close(x.var(0), torch.tensor([1.5**2 / 12, 9.0 / 12], dtype=torch.float64), 0.03)


@pytest.mark.parametrize("on", [(0, 1, 2, 3), (0, 1, 3), (2,)])
def test_edges_are_uniform_by_length(on):
    x, edge = SHAPE.edges(generator(), 20_000, on=on)
    ends = torch.tensor([SHAPE.low[0], SHAPE.high[0], SHAPE.low[1], SHAPE.high[1]], dtype=torch.float64)
    assert torch.equal(x[torch.arange(len(x)), edge // 2], ends[edge]), "exactly on the edge it is said to be on"
    assert ((x >= torch.tensor(SHAPE.low)) & (x <= torch.tensor(SHAPE.high))).all()
    lengths = torch.tensor([3.0, 3.0, 1.5, 1.5], dtype=torch.float64)[list(on)]
    shares = torch.tensor([float((edge == one).double().mean()) for one in on], dtype=torch.float64)
    assert close(shares, lengths / lengths.sum(), 0.015)
    for one in on:
        along = x[edge == one, 1 - one // 2]
        middle = 0.5 * (SHAPE.low[1 - one // 2] + SHAPE.high[1 - one // 2])
        assert float(along.mean()) == pytest.approx(middle, abs=0.05)


def test_scaled_coordinates_run_from_minus_one_to_one():
    x = torch.tensor([[-0.5, 1.0], [1.0, 4.0], [0.25, 2.5], [0.5, 1.3]], dtype=torch.float64)
    jet = SHAPE.scaled(Points(x), Derivatives(laplacian=True))
    expected = torch.tensor([[-1, -1], [1, 1], [0, 0], [1 / 3, -0.8]], dtype=torch.float64)
    assert close(jet.value[0], expected, 1e-15)
    slopes = torch.diag(torch.tensor([2 / 1.5, 2 / 3], dtype=torch.float64))
    assert close(jet.gradient[:, 0, 2], slopes, 1e-15)
    assert float(jet.laplacian.abs().max()) == 0.0


def test_points_outside_are_named():
    x = torch.tensor([[-0.5, 1.0], [1.0, 4.0], [1.1, 2.0]], dtype=torch.float64)
    SHAPE.require(x[:2], ("a", "b"))
    with pytest.raises(UserError, match=r"1 of 3 points .*\(a from -0.5 to 1, b from 1 to 4\): rows 2\."):
        SHAPE.require(x, ("a", "b"))
