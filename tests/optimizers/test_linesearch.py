"""Step lengths held to the conditions they promise, on the functions of Moré & Thuente and on hostile ones."""

from math import inf, nan, sin, sqrt

import pytest
import torch
from cases import CATALOGUE

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Outcome
from pinnrun.optimizers.linesearch import Line, Sample, Trial, below_rounding, wolfe

# ACM Trans. Math. Softw. 20 (1994) 286, functions (5.1), (5.2) and (5.4) with the parameters of its table
MORE_THUENTE = {
    "5.1": (lambda a: -a / (a * a + 2), lambda a: (a * a - 2) / (a * a + 2) ** 2),
    "5.2": (
        lambda a: (a + 0.004) ** 5 - 2 * (a + 0.004) ** 4,
        lambda a: 5 * (a + 0.004) ** 4 - 8 * (a + 0.004) ** 3,
    ),
    "5.4": (
        lambda a: yanai(0.001) * sqrt((1 - a) ** 2 + 0.001**2) + yanai(0.001) * sqrt(a * a + 0.001**2),
        lambda a: yanai(0.001) * ((a - 1) / sqrt((1 - a) ** 2 + 0.001**2) + a / sqrt(a * a + 0.001**2)),
    ),
}


def yanai(beta):
    return sqrt(1 + beta * beta) - beta


class Counted:
    """φ that notes where it was asked."""

    def __init__(self, value, slope):
        self.value, self.slope, self.asked = value, slope, []

    def __call__(self, length):
        self.asked.append(length)
        return Trial(length, self.value(length), self.slope(length))

    @property
    def start(self):
        return Trial(0.0, self.value(0.0), self.slope(0.0))


@pytest.mark.parametrize("first", [1e-3, 1e-1, 10.0, 1e3])
@pytest.mark.parametrize("name", MORE_THUENTE)
def test_what_is_found_meets_the_strong_wolfe_conditions(name, first):
    phi = Counted(*MORE_THUENTE[name])
    found, start = wolfe(phi, phi.start, first), phi.start
    assert found is not None
    assert found.length == phi.asked[-1] > 0
    assert found.value <= start.value + 1e-4 * found.length * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)
    assert len(phi.asked) <= 20


def test_a_first_length_that_serves_is_the_only_one():
    phi = Counted(lambda a: (a - 1.2) ** 2, lambda a: 2 * (a - 1.2))
    assert wolfe(phi, phi.start, 1.0) == Trial(1.0, phi.value(1.0), phi.slope(1.0))
    assert phi.asked == [1.0]


def test_a_secant_finds_the_minimum_of_a_parabola():
    phi = Counted(lambda a: (a - 1.2) ** 2, lambda a: 2 * (a - 1.2))
    found = wolfe(phi, phi.start, 5.0)
    assert found is not None
    assert phi.asked == [5.0, pytest.approx(1.2, rel=1e-12)]


def test_lengths_grow_fivefold_while_it_goes_downhill():
    phi = Counted(lambda a: (a - 100.0) ** 2, lambda a: 2 * (a - 100.0))
    found = wolfe(phi, phi.start, 0.01)
    assert found is not None
    assert phi.asked == pytest.approx([0.01 * 5**k for k in range(len(phi.asked))])
    assert abs(found.slope) <= 180.0


@pytest.mark.parametrize("beyond", [inf, nan])
def test_it_comes_back_from_where_nothing_is_finite(beyond):
    phi = Counted(lambda a: (a - 0.01) ** 2 if a < 0.05 else beyond, lambda a: 2 * (a - 0.01))
    found = wolfe(phi, phi.start, 7.0)
    assert found is not None
    assert found.value < phi.start.value
    assert len(phi.asked) <= 6


def test_a_ridge_is_not_crossed():
    """Beyond it the slope is downhill again, but φ lies higher."""
    phi = Counted(lambda a: sin(-a) + 0.4 * a, lambda a: 0.4 - torch.tensor(a).cos().item())
    found = wolfe(phi, phi.start, 6.5)
    assert phi.slope(6.5) < 0 < phi.value(6.5)
    assert found is not None
    assert found.value < 0
    assert found.length < 2.4


def test_near_a_minimum_the_slopes_decide():
    """φ = 1 + 10⁻²⁰(α − 1)² is 1 everywhere in double precision, its slopes are good."""
    phi = Counted(lambda a: 1.0 + 1e-20 * (a - 1.0) ** 2, lambda a: 2e-20 * (a - 1.0))
    found = wolfe(phi, phi.start, 1.1)
    assert found is not None
    assert phi.asked == [1.1]
    assert phi.value(1.1) == phi.value(0.0)
    phi = Counted(phi.value, phi.slope)
    found = wolfe(phi, phi.start, 2.5)  # too far: slope 1.5 times as steep uphill
    assert found is not None
    assert phi.asked[1:] == [pytest.approx(1.0)]


def test_a_higher_value_is_no_rounding():
    """The slopes alone would have it accepted: |φ'(1)| is half of |φ'(0)|, but φ has grown by a part in 10⁵."""
    phi = Counted(lambda a: 1.0 + (1e-5 if a == 1.0 else -1e-7 * a), lambda a: -1e-7 if a < 0.6 else 5e-8)
    found = wolfe(phi, phi.start, 1.0)
    assert found is None or found.length < 1.0


def test_evaluations_that_run_out_leave_the_lowest_trial():
    """Down at slope −1 to a kink where it is not differentiable, so that no trial is flat enough."""
    phi = Counted(lambda a: abs(a - 0.3), lambda a: -1.0 if a < 0.3 else 1.0)
    found = wolfe(phi, phi.start, 1.0, evaluations=9)
    assert len(phi.asked) == 9
    assert found is not None
    assert found.value == min(phi.value(a) for a in phi.asked) < 0.05


def test_a_slope_that_lies_leads_nowhere():
    phi = Counted(lambda a: a, lambda a: -1.0)
    assert wolfe(phi, phi.start, 1.0, evaluations=12) is None
    assert len(phi.asked) == 12


def trials(value, slope, lengths):
    return [Trial(a, value(a), slope(a)) for a in lengths]


def test_rounding_is_told_from_a_failure():
    lengths = [0.0, 1e-3, 1e-2, 0.0101, 0.5]
    assert not below_rounding(trials(lambda a: a, lambda a: -1.0, lengths)), "slopes lie, but φ is smooth"
    assert below_rounding(trials(lambda a: 1.0, lambda a: 1e-7 * (a - 1.0), lengths)), "it could fall by 5e-8"
    assert not below_rounding(trials(lambda a: 1.0, lambda a: 1e-5 * (a - 1.0), lengths)), "it could fall by 5e-6"
    jumping = trials(lambda a: 3.0 if a > 0.01 else 2.0, lambda a: -1.0, lengths)
    assert below_rounding(jumping), "up by 1 over a distance of 1e-4"
    assert not below_rounding(trials(lambda a: 3.0 if a > 0.2 else 2.0, lambda a: -1.0, lengths)), "but not over 0.5"
    assert not below_rounding(jumping[:1])


def line(objective, theta, first):
    value, gradient = objective.gradient(theta)
    here = Sample(theta, float(value), gradient, objective)
    return Line(objective, here, -gradient, -float(gradient @ gradient), first)


@pytest.mark.parametrize("first", [1e-6, 0.1, 1e3])
def test_a_line_is_the_objective_along_it(first):
    case = CATALOGUE["burgers"]()
    objective = case.objective
    search = line(objective, case.theta, first)
    found = search.search(25)
    assert found is not None
    assert torch.equal(found.theta, case.theta + search.length * search.p)
    value, gradient = Objective.gradient(case.objective, found.theta)
    assert found.loss == float(value)
    assert torch.equal(found.gradient, gradient)
    assert sum(objective.shares().values()) == pytest.approx(found.loss, rel=1e-12)


class Watched(Objective):
    """Counts its evaluations; its gradient may be reported steeper than it is."""

    calls, factor = 0, 1.0

    def gradient(self, theta):
        self.calls += 1
        value, gradient = super().gradient(theta)
        return value, self.factor * gradient

    def value(self, theta):
        self.calls += 1
        return super().value(theta)


def test_an_earlier_trial_is_evaluated_once_more_for_its_shares():
    """A search that runs out one trial after its lowest one."""
    case = CATALOGUE["burgers"]()
    for evaluations in range(2, 25):
        objective = Watched(case.field, [(block.term, block.points) for block in case.blocks])
        search = line(objective, case.theta, 1e-6)
        objective.calls, objective.factor = 0, 1e-9  # every trial is flat, and lower than it must be
        search.slope *= 1e-9
        found = search.search(evaluations)
        assert search.evaluations == objective.calls
        if found is not None:
            assert sum(objective.shares().values()) == pytest.approx(found.loss, rel=1e-12)


def test_uphill_is_no_descent():
    case = CATALOGUE["burgers"]()
    search = line(case.objective, case.theta, 1.0)
    search.slope = -search.slope
    assert search.search(25) is None
    assert search.failure is Outcome.NO_DESCENT
    assert search.evaluations == 0
