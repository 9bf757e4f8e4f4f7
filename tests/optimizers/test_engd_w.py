"""The kernel form against dense formulae of both forms, its search, and what happens where JJᵀ is singular."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, naive

from pinnrun.calculus.linearization import DenseLinearization
from pinnrun.optimizers import Outcome, Pace, WoodburyNaturalGradient

PACE = Pace(2, 2, 2, 1, 1)


def fixed(length=0.05, **settings):
    return WoodburyNaturalGradient(PACE, learning_rate=length, halvings=0, **settings)


def dense(case, damping, theta=None):
    """d in numpy, damping relative to the largest ‖J_n‖²."""
    r, jacobian = (t.numpy() for t in naive(case, theta))
    kernel = jacobian @ jacobian.T
    return -jacobian.T @ np.linalg.solve(kernel + damping * kernel.diagonal().max() * np.eye(len(r)), r)


@pytest.mark.parametrize("damping", [1e-1, 1e-5])
@pytest.mark.parametrize("name", ["fit", "poisson_soft", "poisson_hard", "burgers", "poisson_boltzmann"])
def test_the_direction_is_the_dense_one(name, damping):
    case = CATALOGUE[name]()
    theta, info = fixed(damping=damping).step(case.objective, case.theta)
    assert info.outcome is Outcome.ACCEPTED and info.length == 0.05 and info.damping == damping
    assert close((theta - case.theta) / 0.05, torch.as_tensor(dense(case, damping)), 1e-8)


@pytest.mark.parametrize("name", ["fit", "burgers"])
def test_it_is_the_damped_natural_gradient(name):
    """Woodbury: the same direction as (JᵀJ + λI)⁻¹ ∇L, with more rows than parameters and with fewer."""
    case = CATALOGUE[name]()
    r, jacobian = naive(case)
    shift = 1e-4 * jacobian.square().sum(1).max() * torch.eye(jacobian.shape[1], dtype=torch.float64)
    expected = -torch.linalg.solve(jacobian.T @ jacobian + shift, jacobian.T @ r)
    theta, _ = fixed(damping=1e-4).step(case.objective, case.theta)
    assert close((theta - case.theta) / 0.05, expected, 1e-8)


def test_the_length_is_the_best_of_the_grid():
    case = CATALOGUE["burgers"]()
    objective = case.objective
    theta, info = WoodburyNaturalGradient(PACE, damping=1e-6).step(objective, case.theta)
    d = torch.as_tensor(dense(case, 1e-6))
    losses = [0.5 * float(naive(case, case.theta + 0.5**k * d)[0].square().sum()) for k in range(31)]
    assert info.length == 0.5 ** int(np.argmin(losses)) < 1.0
    assert info.loss == pytest.approx(min(losses), rel=1e-6)
    assert close(theta, case.theta + info.length * d, 1e-7)
    assert sum(objective.shares().values()) == pytest.approx(info.loss, rel=1e-12), "of the new θ, not of a trial"


def test_a_length_that_decays_to_a_quarter():
    """η f^(t/T) with f = 1/4 and T = 2, along the same direction; a growth begins anew, a saved clock goes on."""
    case = CATALOGUE["poisson_soft"]()
    optimizer = fixed(damping=1e-3, schedule="exponential", decay_steps=2, decay_to=0.25)
    lengths = [optimizer.step(case.objective, case.theta)[1].length for _ in range(3)]
    assert lengths == pytest.approx([0.05, 0.025, 0.0125])
    resumed = fixed(damping=1e-3, schedule="exponential", decay_steps=2, decay_to=0.25)
    resumed.load(optimizer.state())
    assert resumed.rate == optimizer.rate == pytest.approx(0.05 / 8.0)
    optimizer.grow(None, 1)
    assert optimizer.rate == 0.05


class Given:
    """Rows that are linear in θ."""

    def __init__(self, r, jacobian):
        self.r, self.jacobian = torch.tensor(r, dtype=torch.float64), torch.tensor(jacobian, dtype=torch.float64)

    def linearize(self, theta):
        return DenseLinearization(self.r + self.jacobian @ theta, self.jacobian)

    def value(self, theta):
        return 0.5 * (self.r + self.jacobian @ theta).square().sum()


def test_where_there_is_no_cholesky_factor_the_damping_is_raised_for_that_step():
    """Two equal rows, and damping below rounding: raised a hundredfold until it is felt, and no further."""
    objective, theta = Given([1.0, 1.0], [[1.0, 0.0], [1.0, 0.0]]), torch.zeros(2, dtype=torch.float64)
    optimizer = fixed(1.0, damping=1e-19)
    for _ in range(2):
        new, info = optimizer.step(objective, theta)
        assert info.accepted and info.damping == pytest.approx(1e-15)
        assert new.numpy() == pytest.approx(np.array([-1.0, 0.0]), abs=0.2)
    assert optimizer.damping == 1e-19


def test_a_system_that_damping_does_not_mend_is_said():
    theta = torch.zeros(2, dtype=torch.float64)
    new, info = fixed(damping=1e-30).step(Given([1.0, 1.0], [[1.0, 0.0], [1.0, 0.0]]), theta)
    assert new is theta and info.outcome is Outcome.SINGULAR and info.damping == pytest.approx(1e-22)


def test_a_vanished_gradient_is_convergence():
    theta = torch.zeros(1, dtype=torch.float64)
    new, info = fixed().step(Given([0.0, 1.0], [[1.0], [0.0]]), theta)
    assert new is theta and info.outcome is Outcome.CONVERGED


def test_more_parameters_than_rows_are_solved_to_rounding():
    """Eight rows, 57 parameters: on the grid alone the loss falls to nothing."""
    case = CATALOGUE["poisson_hard"]()
    optimizer, theta = WoodburyNaturalGradient(PACE), case.theta
    for _ in range(20):
        theta, info = optimizer.step(case.objective, theta)
        if not info.accepted:
            break
    assert float(naive(case, theta)[0].square().sum()) < 1e-24
