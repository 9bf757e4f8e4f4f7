"""SPRING against the least-squares problem that it solves in each step, stacked and given to numpy."""

from math import sqrt

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, naive

from pinnrun.calculus.linearization import DenseLinearization
from pinnrun.optimizers import Outcome, Pace, Spring, WoodburyNaturalGradient

PACE = Pace(2, 2, 2, 1, 1)


def fixed(length=0.05, **settings):
    return Spring(PACE, learning_rate=length, halvings=0, **settings)


def regularized(case, theta, before, momentum, damping):
    """argmin ‖Jφ + r‖² + λ‖φ − μ before‖²; λ relative to the largest ‖J_n‖²."""
    r, jacobian = (t.numpy() for t in naive(case, theta))
    root = sqrt(damping * np.square(jacobian).sum(1).max())
    rows = np.vstack([jacobian, root * np.eye(jacobian.shape[1])])
    return np.linalg.lstsq(rows, np.concatenate([-r, root * momentum * before]), rcond=None)[0]


@pytest.mark.parametrize("damping", [1e-1, 1e-4])
@pytest.mark.parametrize("name", ["fit", "poisson_soft", "burgers"])
def test_every_direction_solves_its_least_squares_problem(name, damping):
    case = CATALOGUE[name]()
    optimizer, theta, phi = fixed(momentum=0.8, damping=damping), case.theta, np.zeros(case.network.size)
    for _ in range(4):
        phi = regularized(case, theta, phi, 0.8, damping)
        new, info = optimizer.step(case.objective, theta)
        assert info.outcome is Outcome.ACCEPTED and (info.length, info.damping) == (0.05, damping)
        assert close((new - theta) / 0.05, torch.as_tensor(phi), 1e-8)
        theta = new


def test_a_bias_correction_lengthens_the_first_steps_and_leaves_the_memory_alone():
    case = CATALOGUE["burgers"]()
    optimizer, theta = fixed(momentum=0.8, damping=1e-2, bias_correction=True), case.theta
    phi = np.zeros(case.network.size)
    for k in (1, 2, 3):
        phi = regularized(case, theta, phi, 0.8, 1e-2)
        new, _ = optimizer.step(case.objective, theta)
        assert close((new - theta) / 0.05, torch.as_tensor(phi) / sqrt(1 - 0.8 ** (2 * k)), 1e-9)
        theta = new


@pytest.mark.parametrize("bias_correction", [False, True])
def test_a_constraint_bounds_the_fixed_step(bias_correction):
    case = CATALOGUE["burgers"]()
    settings = {"damping": 1e-2, "bias_correction": bias_correction}
    free = fixed(1.0, **settings).step(case.objective, case.theta)[0] - case.theta
    length = float(free.norm())
    for constraint in (1e-4, 1e4):
        bounded, info = fixed(1.0, norm_constraint=constraint, **settings).step(case.objective, case.theta)
        expected = min(1.0, sqrt(constraint) / length)
        assert info.length == pytest.approx(expected, rel=1e-12)
        assert close(bounded - case.theta, expected * free, 1e-12)
    searched = Spring(PACE, norm_constraint=1e-12, **settings).step(case.objective, case.theta)[1]
    assert searched.length > 1e-3, "a search has its own bound"


def test_without_momentum_it_is_the_natural_gradient():
    case = CATALOGUE["burgers"]()
    spring, plain = Spring(PACE, momentum=0.0, damping=1e-5), WoodburyNaturalGradient(PACE, damping=1e-5)
    theta = other = case.theta
    for _ in range(4):
        theta, _ = spring.step(case.objective, theta)
        other, _ = plain.step(case.objective, other)
        assert torch.equal(theta, other)


def test_the_length_is_the_best_of_the_grid():
    case = CATALOGUE["burgers"]()
    objective, optimizer = case.objective, Spring(PACE, momentum=0.8, damping=1e-4)
    first, _ = optimizer.step(objective, case.theta)
    phi = optimizer.state()["phi"].numpy()
    theta, info = optimizer.step(objective, first)
    d = torch.as_tensor(regularized(case, first, phi, 0.8, 1e-4))
    losses = [0.5 * float(naive(case, first + 0.5**k * d)[0].square().sum()) for k in range(31)]
    assert info.length == 0.5 ** int(np.argmin(losses))
    assert info.loss == pytest.approx(min(losses), rel=1e-6)
    assert close(theta, first + info.length * d, 1e-7)
    assert sum(objective.shares().values()) == pytest.approx(info.loss, rel=1e-12), "of the new θ, not of a trial"


class Line:
    """One row r = θ₀ of two parameters: the null space of J is θ₁."""

    def __init__(self, jacobian=((1.0, 0.0),), value=None):
        self.jacobian = torch.tensor(jacobian, dtype=torch.float64)
        self.value = value or (lambda theta: 0.5 * (self.jacobian @ theta).square().sum())

    def linearize(self, theta):
        return DenseLinearization(self.jacobian @ theta, self.jacobian)


def with_memory(phi, count=3, **settings):
    optimizer = Spring(PACE, **settings)
    optimizer.load({**optimizer.state(), "phi": torch.tensor(phi, dtype=torch.float64), "count": count})
    return optimizer


def test_what_the_rows_do_not_see_is_carried_on():
    theta = torch.tensor([1.0, 0.0], dtype=torch.float64)
    optimizer = with_memory([5.0, 2.0], momentum=0.5, learning_rate=1.0, halvings=0)
    new, _ = optimizer.step(Line(), theta)
    assert new.numpy() == pytest.approx(np.array([0.0, 1.0]), abs=1e-8), "Newton along θ₀, half of φ along θ₁"


def test_a_search_that_fails_goes_on_without_the_past():
    """A wall at θ₁ ≠ 0 stands across the direction with momentum; without it the way along θ₀ is free."""
    theta = torch.tensor([1.0, 0.0], dtype=torch.float64)
    wall = Line(value=lambda t: 0.5 * t[0] ** 2 + 1e30 * t[1].abs())
    optimizer = with_memory([0.0, 2.0], momentum=0.5)
    new, info = optimizer.step(wall, theta)
    assert info.accepted and new.numpy() == pytest.approx(np.zeros(2), abs=1e-8)
    assert info.evaluations == 1 + 31 + 4 + 1
    state = optimizer.state()
    assert state["count"] == 1 and state["phi"].numpy() == pytest.approx(np.array([-1.0, 0.0]), abs=1e-8)


def test_a_search_that_fails_twice_is_said_and_leaves_no_past():
    theta = torch.tensor([1.0, 0.0], dtype=torch.float64)
    nowhere = Line(value=lambda t: torch.as_tensor(7.0, dtype=torch.float64))
    optimizer = with_memory([0.0, 2.0])
    new, info = optimizer.step(nowhere, theta)
    assert new is theta and info.outcome is Outcome.SEARCH_FAILED and info.evaluations == 63
    assert optimizer.state()["phi"] is None and optimizer.state()["count"] == 0
    assert optimizer.step(nowhere, theta)[1].evaluations == 32


def test_a_step_that_fails_leaves_the_memory_as_it_was():
    singular = Line(jacobian=((1.0, 0.0), (1.0, 0.0)))
    theta = torch.tensor([1.0, 0.0], dtype=torch.float64)
    optimizer = with_memory([0.0, 2.0], damping=1e-30)
    new, info = optimizer.step(singular, theta)
    assert new is theta and info.outcome is Outcome.SINGULAR
    assert optimizer.state()["phi"].tolist() == [0.0, 2.0] and optimizer.state()["count"] == 3
    optimizer = with_memory([1e308, 2.0], momentum=0.9, halvings=0)
    new, info = optimizer.step(Line(jacobian=((1e10, 0.0),)), theta)
    assert new is theta and info.outcome is Outcome.SINGULAR, "μ J φ overflows"


def test_a_growth_pads_the_direction_with_zeros():
    optimizer = with_memory([3.0, 4.0])
    optimizer.grow(torch.tensor([4, 1]), 5)
    assert optimizer.state()["phi"].tolist() == [0.0, 4.0, 0.0, 0.0, 3.0] and optimizer.state()["count"] == 3
    optimizer.grow(None, 7)
    assert optimizer.state()["phi"] is None and optimizer.state()["count"] == 0


def test_softening_shortens_a_bounded_step_too():
    case = CATALOGUE["burgers"]()
    hard, soft = (fixed(1.0, damping=1e-2, norm_constraint=1e-4) for _ in range(2))
    soft.soften()
    lengths = [float((o.step(case.objective, case.theta)[0] - case.theta).norm()) for o in (hard, soft)]
    assert lengths == pytest.approx([1e-2, 5e-3], rel=1e-9)
