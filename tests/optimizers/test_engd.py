"""Energy natural gradient against numpy's least squares on G, and the average of G spelled out."""

from math import inf

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, naive

from pinnrun.architectures import Mlp
from pinnrun.calculus import Field
from pinnrun.calculus.linearization import DenseLinearization
from pinnrun.optimizers import EnergyNaturalGradient, Outcome, Pace
from pinnrun.optimizers.natural_gradient import cutoff_solution, damped_solution
from pinnrun.problems.ritz import PoissonRitz

PACE = Pace(2, 2, 2, 1, 1)


def fixed(length=0.05, **settings):
    return EnergyNaturalGradient(PACE, learning_rate=length, halvings=0, **settings)


def dense(case, theta=None):
    """G and ∇L in numpy, by differentiating the plain network."""
    r, jacobian = (t.numpy() for t in naive(case, theta))
    return jacobian.T @ jacobian, jacobian.T @ r


@pytest.mark.parametrize("rcond", [1e-2, 1e-6])
@pytest.mark.parametrize("name", ["poisson_soft", "poisson_hard", "burgers", "poisson_boltzmann"])
def test_the_direction_is_the_least_squares_solution_of_least_norm(name, rcond):
    case = CATALOGUE[name]()
    gram, gradient = dense(case)
    expected = np.linalg.lstsq(gram, -gradient, rcond=rcond)[0]
    theta, info = fixed(rcond=rcond).step(case.objective, case.theta)
    assert info.outcome is Outcome.ACCEPTED and info.length == 0.05
    assert close((theta - case.theta) / 0.05, torch.as_tensor(expected), 1e-7)


def test_the_cutoff_left_to_itself_is_rounding():
    """More parameters than rows: G is singular, and d solves the rows' own least-squares problem."""
    case = CATALOGUE["poisson_soft"]()
    r, jacobian = naive(case)
    full = jacobian.numpy()
    assert full.shape[0] < full.shape[1]
    theta, _ = fixed(rcond=None).step(case.objective, case.theta)
    d = (theta - case.theta) / 0.05
    explicit, _ = fixed(rcond=len(d) * np.finfo(float).eps).step(case.objective, case.theta)
    assert torch.equal(theta, explicit)
    assert torch.equal(theta, fixed(rcond=1e-18).step(case.objective, case.theta)[0]), "noise is always left out"
    larger, _ = fixed(rcond=1e-8).step(case.objective, case.theta)  # than the least direction that is one, at 1e-9
    assert not torch.equal(theta, larger)
    assert float((r + jacobian @ d).norm()) < 1e-5 * float(r.norm()), "the linearized residual vanishes"


@pytest.mark.parametrize("name", ["poisson_soft", "burgers"])
def test_a_damped_direction_is_the_dense_one(name):
    case = CATALOGUE[name]()
    gram, gradient = dense(case)
    damped = gram + 1e-3 * gram.diagonal().max() * np.eye(len(gram))
    theta, info = fixed(damping=1e-3).step(case.objective, case.theta)
    assert close((theta - case.theta) / 0.05, torch.as_tensor(-np.linalg.solve(damped, gradient)), 1e-9)
    assert info.damping == 1e-3


def test_the_metric_is_averaged_with_its_past_from_the_identity():
    case = CATALOGUE["burgers"]()
    optimizer, theta = fixed(average=0.6, rcond=1e-12), case.theta
    average = np.eye(case.network.size)
    for _ in range(4):
        gram, gradient = dense(case, theta)
        average = 0.6 * average + 0.4 * gram
        new, _ = optimizer.step(case.objective, theta)
        assert close((new - theta) / 0.05, torch.as_tensor(-np.linalg.solve(average, gradient)), 1e-9)
        theta = new


def test_the_length_is_the_best_of_the_grid():
    case = CATALOGUE["burgers"]()
    theta, info = EnergyNaturalGradient(PACE, rcond=1e-8).step(case.objective, case.theta)
    gram, gradient = dense(case)
    d = torch.as_tensor(np.linalg.lstsq(gram, -gradient, rcond=1e-8)[0])
    losses = [0.5 * float(naive(case, case.theta + 0.5**k * d)[0].square().sum()) for k in range(31)]
    assert info.length == 0.5 ** int(np.argmin(losses)) < 1.0
    assert info.loss == pytest.approx(min(losses), rel=1e-6)
    assert close(theta, case.theta + info.length * d, 1e-7)


def test_a_growth_keeps_the_average_of_what_lives_on():
    case = CATALOGUE["fit"]()
    optimizer, size = fixed(average=0.5), case.network.size
    optimizer.step(case.objective, case.theta)
    before = optimizer.state()["gram"]
    assert not close(before, torch.eye(size, dtype=before.dtype), 1e-2)
    places = torch.arange(size).flip(0) + 2
    optimizer.grow(places, size + 5)
    after = optimizer.state()["gram"]
    expected = np.eye(size + 5)
    for i in range(size):
        for j in range(size):
            expected[places[i], places[j]] = before[i, j]
    assert np.array_equal(after.numpy(), expected)
    optimizer.grow(None, 3)
    assert optimizer.state()["gram"] is None


def test_an_energy_is_lowered_along_its_own_gradient():
    """A Ritz energy has a load: ∇L is not Jᵀr, and the direction must be of ∇L."""
    problem = PoissonRitz("ritz", "poisson_ritz", points=60)
    network, generator = Mlp(problem.features, 1, 4, 1), torch.Generator().manual_seed(3)
    theta = network.initial(generator)
    field = Field(network, problem.inputs, problem.ansatz)
    objective = problem.objective(field, [(t, t.sample(generator, t.count)) for t in problem.terms()])
    _, gradient = objective.gradient(theta)
    jacobian = objective.linearize(theta).J().numpy()
    expected = np.linalg.lstsq(jacobian.T @ jacobian, -gradient.numpy(), rcond=1e-6)[0]
    new, _ = fixed(1e-3, rcond=1e-6).step(objective, theta)
    assert close((new - theta) / 1e-3, torch.as_tensor(expected), 1e-6)
    new, info = EnergyNaturalGradient(PACE).step(objective, theta)
    assert info.accepted and info.loss == float(objective.value(new)) < float(objective.value(theta))


class Given:
    """An objective with one linearization, whatever θ."""

    def __init__(self, r, jacobian):
        self.linear = DenseLinearization(
            torch.tensor(r, dtype=torch.float64), torch.tensor(jacobian, dtype=torch.float64)
        )

    def linearize(self, theta):
        return self.linear


@pytest.mark.parametrize("damping", [0.0, 1e-3])
def test_a_metric_that_cannot_be_inverted_is_said(damping):
    """One that overflows has neither eigenvalues nor a Cholesky factor."""
    theta = torch.zeros(2, dtype=torch.float64)
    new, info = fixed(damping=damping).step(Given([1e-100, 0.0], [[1e200, 1e200], [0.0, 1.0]]), theta)
    assert new is theta and info.outcome is Outcome.SINGULAR and info.loss < inf


@pytest.mark.parametrize("damping", [0.0, 1e-12])
def test_a_singular_metric_in_single_precision_gives_a_direction(damping):
    """Cut-off and damping of double precision lie below the rounding error of single precision."""
    case = CATALOGUE["poisson_soft"]()
    r, jacobian = (part.float() for part in naive(case))
    gram, gradient = jacobian.T @ jacobian, jacobian.T @ r
    d = damped_solution(gram, gradient, damping) if damping else cutoff_solution(gram, gradient, 1e-12)
    assert bool(torch.isfinite(d).all())
    left = float((r - jacobian @ d).norm())
    assert left < 0.1 * float(r.norm()), "it does what it is for: the linearized residual falls"


def test_softening_is_felt_with_a_pseudo_inverse_too():
    optimizer = EnergyNaturalGradient(PACE, rcond=1e-6)
    for _ in range(8):
        optimizer.soften()
    state = optimizer.state()
    assert state["rcond"] == 0.1 and state["learning_rate"] == pytest.approx(2.0**-8)
    again = EnergyNaturalGradient(PACE)
    again.load(state)
    assert again.state() == state


def test_a_vanished_gradient_is_convergence():
    theta = torch.zeros(1, dtype=torch.float64)
    new, info = fixed().step(Given([0.0, 1.0], [[1.0], [0.0]]), theta)
    assert new is theta and info.outcome is Outcome.CONVERGED
