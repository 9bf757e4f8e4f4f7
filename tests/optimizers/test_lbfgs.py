"""L-BFGS against `torch.optim.LBFGS` on a module with plain autograd, beyond it, and how its searches can end."""

import pytest
import torch
from cases import CATALOGUE, close, draw
from torch import nn

from pinnrun.calculus import Field, Objective
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


def test_it_goes_on_where_torch_drops_its_curvature():
    """Where yᵀs < 1e-10, near a loss of 1e-8, torch keeps no pair any more."""
    case = CATALOGUE["monge_ampere"]()
    parameter = case.theta.clone()
    reference = torch_lbfgs([parameter], max_iter=1, max_eval=25)

    def closure():
        value, parameter.grad = case.objective.gradient(parameter)
        return value

    optimizer, theta, loss, steps, lengths = Lbfgs(PACE), case.theta, 1.0, 0, []
    while loss > 1e-14 and steps < 300:
        theta, info = optimizer.step(case.objective, theta)
        assert info.accepted
        loss, steps = info.loss, steps + 1
        lengths.append(info.length)
        reference.step(closure)
    assert loss <= 1e-14
    assert loss == float(case.objective.value(theta))
    assert float(case.objective.value(parameter)) > 1e-10
    assert lengths[-20:].count(1.0) > 10, "as the steps of a quasi-Newton method are near the solution"


class Magnified(Objective):
    """2ᵏ times the objective: not one digit of any step is to change, but the first, which goes along the gradient."""

    factor = 1.0

    def gradient(self, theta):
        value, gradient = super().gradient(theta)
        return self.factor * value, self.factor * gradient

    def value(self, theta):
        return self.factor * super().value(theta)


def magnified(case, factor):
    objective = Magnified(case.field, [(block.term, block.points) for block in case.blocks])
    objective.factor = factor
    return objective


@pytest.mark.parametrize("power", [-60, -20, 20])
def test_the_size_of_the_loss_does_not_matter(power):
    case, factor = CATALOGUE["burgers"](), 2.0**power
    optimizer, other, theta = Lbfgs(PACE), Lbfgs(PACE), case.theta
    for _ in range(4):
        theta, _ = optimizer.step(case.objective, theta)
    state = optimizer.state()
    memory = state["memory"]
    for gradient in (memory["prev_flat_grad"], *memory["old_dirs"]):
        gradient.mul_(factor)
    memory["ro"] = [ro / factor for ro in memory["ro"]]
    other.load({**state, "memory": {**memory, "H_diag": memory["H_diag"] / factor}})
    large = magnified(case, factor)
    for _ in range(30):
        expected, info = optimizer.step(case.objective, theta)
        theta, scaled = other.step(large, theta)
        assert torch.equal(theta, expected)
        assert (scaled.loss, scaled.gradient_norm) == (factor * info.loss, factor * info.gradient_norm)
        assert (scaled.evaluations, scaled.length) == (info.evaluations, info.length)


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
        assert info.evaluations >= 2
        assert total == objective.calls


def test_a_line_search_keeps_to_its_evaluations():
    """From a first trial far too short; beside the search's own stands one at the start."""
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


def test_a_failed_search_leaves_theta_and_begins_afresh():
    """Twice: with the history, and along the gradient."""
    case = CATALOGUE["fit"]()
    optimizer, theta = Lbfgs(PACE), case.theta
    for _ in range(4):
        theta, _ = optimizer.step(case.objective, theta)
    before = float(case.objective.value(theta))
    wrong = Uphill(case.field, [(block.term, block.points) for block in case.blocks])
    new, info = optimizer.step(wrong, theta)
    assert new is theta
    assert info.outcome is Outcome.SEARCH_FAILED
    assert info.loss == pytest.approx(before, rel=1e-12)
    assert info.evaluations == wrong.calls
    assert optimizer.state() == {"memory": None, "scale": 1.0, "loss": None, "learning_rate": 1.0}
    _, alone = Lbfgs(PACE).step(Uphill(case.field, [(block.term, block.points) for block in case.blocks]), theta)
    assert info.evaluations > alone.evaluations > 2
    expected, _ = Lbfgs(PACE).step(case.objective, theta)
    again, info = optimizer.step(case.objective, theta)
    assert info.accepted
    assert torch.equal(again, expected)


def test_a_stale_history_is_dropped_within_the_step():
    """Curvature of the wrong sign leads uphill; along the gradient the same step goes down."""
    case = CATALOGUE["fit"]()
    optimizer, theta = Lbfgs(PACE), case.theta
    for _ in range(4):
        theta, _ = optimizer.step(case.objective, theta)
    state = optimizer.state()
    state["memory"]["H_diag"] = -state["memory"]["H_diag"]
    state["memory"]["ro"] = [-ro for ro in state["memory"]["ro"]]
    state["memory"]["t"] = -1.0  # no new pair
    optimizer.load(state)
    expected, alone = Lbfgs(PACE).step(case.objective, theta)
    again, info = optimizer.step(case.objective, theta)
    assert torch.equal(again, expected)
    assert info.accepted
    assert info.evaluations > alone.evaluations
    theta, info = optimizer.step(case.objective, again)
    assert info.accepted, "with the pair of the new history"


def test_a_pair_that_is_dropped_leaves_the_scale_of_the_others():
    """The latest slope, all but flat, calls for another power of two; steeper now, it gives a pair with yᵀs < 0."""
    case = CATALOGUE["fit"]()
    optimizer, theta, found = Lbfgs(PACE), case.theta, []
    for _ in range(4):
        theta, _ = optimizer.step(case.objective, theta)
    gradient = case.objective.gradient(theta)[1]
    d = -2.0 * gradient / gradient.dot(gradient)
    for promised in (1e-5, 1.0):
        state = optimizer.state()
        state["memory"] |= {"t": 1.0, "d": d, "prev_flat_grad": -promised * d / d.dot(d)}
        changed = Lbfgs(PACE)
        changed.load(state)
        found.append(changed.step(case.objective, theta)[0])
        assert len(changed.state()["memory"]["old_dirs"]) == 3
        assert (changed.state()["scale"] == 1.0) is (promised == 1.0)
    assert torch.equal(*found)


class Line:
    """u = θ₀ + θ₁x: linear in θ."""

    has_jets, size = False, 2

    def value(self, theta, inputs):
        return theta[0] + theta[1] * inputs


def test_a_loss_at_its_rounding_error_is_said_so():
    """A regression whose residual stays: at the closed-form solution nothing below the last digit is to be gained."""
    case = CATALOGUE["fit"]()
    objective = Objective(
        Field(Line(), case.field.inputs, case.field.ansatz), [(b.term, b.points) for b in case.blocks]
    )
    x, data = case.blocks[0].points.x[0], case.blocks[0].points["data"][0]
    solution = torch.linalg.lstsq(torch.cat([torch.ones_like(x), x], 1), data[:, None]).solution[:, 0]
    theta = solution + torch.tensor([1e-9, 0.0], dtype=torch.float64)
    new, info = Lbfgs(PACE).step(objective, theta)
    assert info.outcome is Outcome.PRECISION
    assert new is theta
    new, info = Lbfgs(PACE).step(objective, solution + torch.tensor([1e-3, 0.0], dtype=torch.float64))
    assert info.accepted


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
    assert optimizer.state() == {"memory": None, "scale": 1.0, "loss": None, "learning_rate": 1.0}


def test_softening_halves_the_first_trial_and_drops_the_history():
    case = CATALOGUE["fit"]()
    optimizer = Lbfgs(PACE, learning_rate=0.8)
    optimizer.step(case.objective, case.theta)
    optimizer.soften()
    assert optimizer.state() == {"memory": None, "scale": 1.0, "loss": None, "learning_rate": 0.4}


@pytest.mark.parametrize("resumed", [False, True])
def test_pairs_are_of_one_objective_even_where_it_changes(resumed):
    """Of ½ θᵀA θ + bᵀθ with another A and b at every step: y = A s with the A of the step, whatever was before."""
    size = 6

    class Quadratic:
        def __init__(self, seed):
            root = draw(size, size, seed=seed)
            self.a, self.b = root @ root.T + torch.eye(size, dtype=torch.float64), draw(size, seed=seed + 50)

        def value(self, theta):
            return 0.5 * theta @ self.a @ theta + self.b @ theta + 30.0

        def gradient(self, theta):
            theta = theta.detach()
            return self.value(theta), self.a @ theta + self.b

    optimizer, theta = Lbfgs(PACE), draw(size, seed=7)
    for seed in range(5):
        before, objective = theta, Quadratic(seed)
        if seed:
            memory = optimizer.state()["memory"]
            moved = memory["t"] * memory["d"]
        if resumed:
            again = Lbfgs(PACE)
            again.load(optimizer.state())
            optimizer = again
        theta, info = optimizer.step(objective, before)
        assert info.accepted
        if seed:
            memory = optimizer.state()["memory"]
            # torch keeps y in old_dirs and s in old_stps
            assert close(memory["old_stps"][-1], moved, 1e-12)
            assert close(memory["old_dirs"][-1] / optimizer.state()["scale"], objective.a @ moved, 1e-9)
