"""L-BFGS against `torch.optim.LBFGS` on a module with plain autograd, and how its searches can end."""

import pytest
import torch
from cases import CATALOGUE, close
from torch import nn

from pinnrun.calculus import Objective
from pinnrun.optimizers import Lbfgs, Outcome, Pace

PACE = Pace(2, 2, 2, 1, 1)


def torch_lbfgs(parameters, **more) -> torch.optim.LBFGS:
    settings = {"lr": 1.0, "history_size": 100, "tolerance_grad": 0.0, "tolerance_change": 0.0}
    return torch.optim.LBFGS(parameters, **{**settings, "line_search_fn": "strong_wolfe", **more})


def test_it_is_torch_s_on_a_module():
    """The network as `torch.nn` modules, its loss differentiated by autograd: equal to rounding."""
    case = CATALOGUE["fit"]()
    block = case.blocks[0]
    x, data = block.points.x[0], block.points["data"][0, :, None]
    module = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    nn.utils.vector_to_parameters(case.theta.clone(), module.parameters())
    reference = torch_lbfgs(module.parameters(), max_iter=1, max_eval=25)

    def closure():
        reference.zero_grad()
        loss = 0.5 * (module(x) - data).square().mean()
        loss.backward()
        return loss

    optimizer, theta = Lbfgs(PACE), case.theta
    for _ in range(15):
        reference.step(closure)
        theta, info = optimizer.step(case.objective, theta)
        assert info.accepted
        flat = nn.utils.parameters_to_vector(module.parameters()).detach()
        assert close(theta, flat, 1e-9)
        assert info.loss == pytest.approx(float(closure().detach()), rel=1e-9)


@pytest.mark.parametrize("history", [2, 100])
def test_single_steps_are_one_long_run(history):
    """Twelve steps of one iteration each end, bit for bit, where one call with twelve iterations does."""
    case = CATALOGUE["burgers"]()
    parameter = case.theta.clone()
    reference = torch_lbfgs([parameter], max_iter=12, max_eval=10_000, history_size=history)

    def closure():
        value, parameter.grad = case.objective.gradient(parameter)
        return value

    reference.step(closure)
    optimizer, theta = Lbfgs(PACE, history=history), case.theta
    for _ in range(12):
        theta, info = optimizer.step(case.objective, theta)
        assert info.accepted
    assert torch.equal(theta, parameter)
    assert len(optimizer.state()["memory"]["old_dirs"]) == min(history, 11)


class Counted(Objective):
    """Counts how often it is evaluated."""

    calls = 0

    def gradient(self, theta):
        self.calls += 1
        return super().gradient(theta)

    def value(self, theta):
        self.calls += 1
        return super().value(theta)


def test_evaluations_are_counted():
    case = CATALOGUE["burgers"]()
    objective = Counted(case.field, [(block.term, block.points) for block in case.blocks])
    optimizer, theta, total = Lbfgs(PACE), case.theta, 0
    for _ in range(6):
        theta, info = optimizer.step(objective, theta)
        total += info.evaluations
        assert info.evaluations >= 3
        assert total == objective.calls


def test_a_line_search_keeps_to_its_evaluations():
    """From a first trial far too short; beside the search's own stand one at the start and one at the end."""
    case = CATALOGUE["burgers"]()
    spent = {}
    for evaluations in (2, 25):
        _, info = Lbfgs(PACE, evaluations=evaluations, learning_rate=1e-6).step(case.objective, case.theta)
        spent[evaluations] = info.evaluations
    assert spent[2] <= 4 < spent[25] <= 27


def test_the_loss_falls_with_every_accepted_step():
    case = CATALOGUE["poisson_soft"]()
    optimizer, theta, losses = Lbfgs(PACE), case.theta, [float(case.objective.value(case.theta))]
    for _ in range(60):
        theta, info = optimizer.step(case.objective, theta)
        assert info.accepted
        assert info.loss == float(case.objective.value(theta))
        losses.append(info.loss)
    assert losses == sorted(set(losses), reverse=True)
    assert losses[-1] < 1e-2 * losses[0]


class Uphill(Counted):
    """Its gradient points the wrong way, so that no search along the descent direction can succeed."""

    def gradient(self, theta):
        value, gradient = super().gradient(theta)
        return value, -gradient


class Treacherous(Counted):
    """Its value turns out higher than what the line search had been shown."""

    def value(self, theta):
        return 1e3 * super().value(theta)


@pytest.mark.parametrize("kind", [Uphill, Treacherous])
def test_a_failed_search_leaves_theta_and_begins_afresh(kind):
    case = CATALOGUE["fit"]()
    optimizer, theta = Lbfgs(PACE), case.theta
    for _ in range(4):
        theta, _ = optimizer.step(case.objective, theta)
    before = float(case.objective.value(theta))
    wrong = kind(case.field, [(block.term, block.points) for block in case.blocks])
    new, info = optimizer.step(wrong, theta)
    assert new is theta
    assert info.outcome is Outcome.REJECTED
    assert info.loss == pytest.approx(before, rel=1e-12)
    assert info.evaluations == wrong.calls
    assert optimizer.state() == {"memory": None, "learning_rate": 1.0}
    expected, _ = Lbfgs(PACE).step(case.objective, theta)
    again, info = optimizer.step(case.objective, theta)
    assert info.accepted
    assert torch.equal(again, expected)


def test_a_vanished_gradient_is_the_end():
    case = CATALOGUE["fit"]()
    case.blocks[0].points.data["data"].zero_()
    theta = torch.zeros(case.network.size, dtype=torch.float64)  # fits zero data exactly
    new, info = Lbfgs(PACE).step(case.objective, theta)
    assert new is theta
    assert info.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("old_to_new", [None, torch.arange(10)])
def test_growth_drops_the_history(old_to_new):
    case = CATALOGUE["fit"]()
    optimizer = Lbfgs(PACE)
    optimizer.step(case.objective, case.theta)
    optimizer.grow(old_to_new, 30)
    assert optimizer.state() == {"memory": None, "learning_rate": 1.0}


def test_softening_halves_the_first_trial_and_drops_the_history():
    case = CATALOGUE["fit"]()
    optimizer = Lbfgs(PACE, learning_rate=0.8)
    optimizer.step(case.objective, case.theta)
    optimizer.soften()
    assert optimizer.state() == {"memory": None, "learning_rate": 0.4}
