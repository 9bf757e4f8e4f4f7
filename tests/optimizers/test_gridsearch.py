"""The grid's best length against a scan in numpy, and what the objective has seen last."""

from math import inf

import numpy as np
import pytest
import torch
from cases import CATALOGUE, draw

from pinnrun.optimizers import Outcome
from pinnrun.optimizers.gridsearch import grid_search, step_along


class Curve:
    """L along a line, as a function of the one parameter; remembers where it was asked."""

    def __init__(self, function):
        self.function, self.asked = function, []

    def value(self, theta):
        self.asked.append(float(theta))
        return torch.as_tensor(self.function(float(theta)), dtype=torch.float64)


ZERO, ONE = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)


def wavy(x):
    """Two valleys: the first decrease from x = 1 down, at 1/4, is not the lowest, at 1/32."""
    return 1.0 + x - 0.8 * np.exp(-((np.log2(x) + 2) ** 2) * 4) - 0.9 * np.exp(-((np.log2(x) + 5) ** 2) * 4)


def test_the_best_of_all_lengths_is_taken_not_the_first():
    curve = Curve(wavy)
    found = grid_search(curve, ZERO, ONE, loss=1.0, first=1.0, halvings=8)
    values = [wavy(0.5**k) for k in range(9)]
    assert np.argmin(values) == 5 and values[2] < 1.0
    assert (found.length, found.loss, found.lower) == (0.5**5, values[5], True)
    assert float(found.theta) == curve.asked[-1] == 0.5**5
    assert found.evaluations == len(curve.asked) == 10


def test_the_grid_is_left_after_three_rises_in_a_row():
    values = {1.0: 5.0, 0.5: 3.0, 0.25: 0.9, 0.125: 0.95, 2.0**-4: 0.96, 2.0**-5: 0.8, 2.0**-6: 0.8, 2.0**-7: 0.9}
    curve = Curve(lambda x: values.get(x, 0.85 if x == 2.0**-8 else 0.0))
    found = grid_search(curve, ZERO, ONE, loss=1.0, halvings=30)
    assert curve.asked == [0.5**k for k in range(9)] + [0.5**5]
    assert (found.length, found.loss, found.evaluations) == (0.5**5, 0.8, 10)


def test_nothing_is_left_out_before_it_is_lower_than_at_the_start():
    """However often it rises up there."""
    curve = Curve(lambda x: 3.0 - x if x > 1e-6 else 0.5 + x)
    found = grid_search(curve, ZERO, ONE, loss=1.0, halvings=22)
    assert (found.length, found.loss) == (0.5**22, 0.5 + 0.5**22)
    assert found.evaluations == len(curve.asked) == 23, "the last one is the best: not once more"


@pytest.mark.parametrize("first", [0.25, 3.0])
def test_lengths_start_at_the_first(first):
    curve = Curve(lambda x: -x)
    found = grid_search(curve, ZERO, 2.0 * ONE, loss=0.0, first=first, halvings=3)
    assert curve.asked[:4] == [2.0 * first * 0.5**k for k in range(4)]
    assert found.length == first and float(found.theta) == 2.0 * first


@pytest.mark.parametrize("hole", [float("nan"), inf, -inf])
def test_what_is_not_finite_is_never_the_best(hole):
    found = grid_search(Curve(lambda x: hole if x > 0.3 else x), ZERO, ONE, loss=1.0, halvings=2)
    assert (found.length, found.loss) == (0.25, 0.25)
    assert grid_search(Curve(lambda x: hole), ZERO, ONE, loss=1.0, halvings=2).loss == inf


def test_an_equal_loss_is_not_lower():
    curve = Curve(lambda x: 1.0)
    found = grid_search(curve, ZERO, ONE, loss=1.0, halvings=4)
    assert not found.lower and found.evaluations == len(curve.asked) == 5


def step(curve, halvings, first=1.0):
    return step_along(curve, ZERO, ONE, 1.0, 7.0, first=first, halvings=halvings, damping=0.3)


def test_a_search_may_fail_and_a_fixed_length_may_rise():
    theta, info = step(Curve(lambda x: 1.0 + x), halvings=5)
    assert theta is ZERO and info.outcome is Outcome.SEARCH_FAILED
    assert (info.loss, info.evaluations, info.damping, info.gradient_norm) == (1.0, 7, 0.3, 7.0)
    theta, info = step(Curve(lambda x: 1.0 + x), halvings=0, first=0.5)
    assert info.outcome is Outcome.ACCEPTED and float(theta) == info.length == 0.5
    assert (info.loss, info.evaluations) == (1.5, 2)


def test_a_fixed_length_into_the_void_is_said():
    theta, info = step(Curve(lambda x: float("nan")), halvings=0)
    assert theta is ZERO and info.outcome is Outcome.NOT_FINITE and info.loss == inf


def test_the_terms_shares_are_those_of_the_new_theta():
    case = CATALOGUE["burgers"]()
    objective = case.objective
    loss, gradient = objective.gradient(case.theta)
    theta, info = step_along(objective, case.theta, -gradient, float(loss), 1.0, first=1.0, halvings=20, damping=0.0)
    assert info.accepted and 0.5**20 < info.length < 1.0
    shares = objective.shares()
    objective.value(theta)
    assert shares == objective.shares()
    objective.value(draw(case.network.size, seed=9))
    assert shares != objective.shares()
