"""K-FAC against dense Kronecker products, the cases in which it is exact, and its steps against brute force."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, cube, make, naive
from scipy.optimize import minimize

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Objective, Term
from pinnrun.errors import UserError
from pinnrun.optimizers import Adam, Kfac, Outcome, Pace
from pinnrun.optimizers.kfac import model_minimum
from pinnrun.optimizers.kronecker import Pair, damp, group_pairs, layer_places, term_groups
from pinnrun.problems.eigenvalue import Eigenvalue
from pinnrun.problems.ritz import PoissonRitz

PACE = Pace(2, 2, 2, 1, 1)


def dense_metric(linear, groups, damping, past=0.0):
    """The block-diagonal metric as one matrix ``(P, P)``; ``past`` of every factor is the identity."""
    metric = torch.zeros(linear.size, linear.size, dtype=torch.float64)
    for key, place in layer_places(linear).items():
        block = 0.0
        for group in groups:
            a, b = group_pairs(linear, group)[key]
            a, b = (
                past * torch.eye(len(f), dtype=torch.float64)
                + (1 - past) * f
                + damping * torch.eye(len(f), dtype=torch.float64)
                for f in (a, b)
            )
            block = block + torch.kron(b, a)
        index = place.read(torch.arange(linear.size), len(b)).flatten()
        metric[index[:, None], index] = block
    return metric


@pytest.mark.parametrize("past", [0.0, 0.7])
@pytest.mark.parametrize(
    "name", ["fit", "poisson_soft", "burgers", "flow", "poisson_boltzmann", "slopes", "runge_kutta"]
)
def test_the_direction_is_the_dense_one(name, past):
    """−Ĝ⁻¹g for one pair, for two, and for four terms in two pairs; from the identity, and with nothing of it."""
    case = CATALOGUE[name]()
    linear = case.objective.linearize(case.theta)
    metric = dense_metric(linear, term_groups(case.objective, linear), 1e-2, past)
    r, jacobian = naive(case)
    direction = -torch.linalg.solve(metric, jacobian.T @ r)
    theta, info = Kfac(PACE, damping=1e-2, average=past, learning_rate=1e-3).step(case.objective, case.theta)
    assert info.outcome is Outcome.ACCEPTED
    step = theta - case.theta
    assert close(step / step.norm(), direction / direction.norm(), 1e-9)
    # the first step's length: the minimum of gᵀd + ½‖Jd‖² + ½λ‖d‖² along the direction
    curvature = (jacobian @ direction).square().sum() + 1e-2 * direction.dot(direction)
    assert info.length == pytest.approx(-1e-3 * float((jacobian.T @ r).dot(direction) / curvature), rel=1e-9)
    assert close(step, info.length * direction, 1e-9)


def test_factors_are_averaged_with_their_past():
    case = CATALOGUE["poisson_soft"]()
    optimizer, theta, expected = Kfac(PACE, average=0.7), case.theta, None
    for _ in range(3):
        linear = case.objective.linearize(theta)
        fresh = [group_pairs(linear, group) for group in term_groups(case.objective, linear)]
        if expected is None:
            expected = [
                {k: [torch.eye(len(f), dtype=torch.float64) for f in p] for k, p in part.items()} for part in fresh
            ]
        for part, new in zip(expected, fresh, strict=True):
            for key, pair in new.items():
                part[key] = [0.7 * old + 0.3 * factor for old, factor in zip(part[key], pair, strict=True)]
        theta, _ = optimizer.step(case.objective, theta)
    found = optimizer.state()["pairs"]
    assert len(found) == 2 and found[0].keys() == expected[0].keys()
    for part, other in zip(found, expected, strict=True):
        assert all(close(x, y) for key in part for x, y in zip(part[key], other[key], strict=True))


# -- where K-FAC is exact ------------------------------------------------------------------------------------


def line(count):
    """Values alone, at so many points."""
    term = Term("data", cube(1, 3), lambda p, u: u.value[..., 0] - 0.3, Derivatives(), count, weight=2.0)
    return make("line", Mlp(1, 1, 3, 2), [(term, lambda u, x, data: u[0](x[0])[0] - 0.3)])


def test_it_is_exact_at_one_point():
    """One row, one channel: every layer's block of JᵀJ is a Kronecker product."""
    case = line(1)
    linear = case.objective.linearize(case.theta)
    _, jacobian = naive(case)
    gram = jacobian.T @ jacobian
    for place in layer_places(linear).values():
        outputs = 1 if place.weight.stop - place.weight.start == 3 and place.weight.start else 3
        index = place.read(torch.arange(linear.size), outputs).flatten()
        block = dense_metric(linear, [[0]], 0.0)[index[:, None], index]
        assert close(block, gram[index[:, None], index])


def test_it_is_exact_on_a_linear_layer():
    """The output layer, whose ∂r/∂Y is the same at every point: its block is exact for any number of them."""
    case = line(11)
    linear = case.objective.linearize(case.theta)
    _, jacobian = naive(case)
    metric, gram = dense_metric(linear, [[0]], 0.0), jacobian.T @ jacobian
    assert close(metric[-4:, -4:], gram[-4:, -4:])
    assert not close(metric[:-4, :-4], gram[:-4, :-4], 1e-3)


# -- the pairs of the terms ----------------------------------------------------------------------------------


def test_two_terms_have_a_pair_each_and_more_share_two():
    def groups(case):
        return term_groups(case.objective, case.objective.linearize(case.theta))

    expected = {"fit": [[0]], "poisson_hard": [[0]], "poisson_soft": [[0], [1]], "flow": [[0], [1]]}
    assert {name: groups(CATALOGUE[name]()) for name in expected} == expected
    assert groups(CATALOGUE["poisson_boltzmann"]()) == [[0, 1, 3], [2]], "the jump of values alone has no derivatives"
    case = CATALOGUE["fit"]()
    (block,) = case.blocks
    three = replace(case, blocks=(block, block, block))
    assert groups(three) == [[0], [1, 2]]


def test_rows_of_one_term_share_its_pair():
    """A gradient has two rows at each point; an energy's load has none."""
    problem = PoissonRitz("ritz", "poisson_ritz", points=12)
    network = Mlp(problem.features, 1, 4, 1)
    generator = torch.Generator().manual_seed(0)
    theta = network.initial(generator)
    field = Field(network, problem.inputs, problem.ansatz)
    objective = problem.objective(field, [(t, t.sample(generator, t.count)) for t in problem.terms()])
    linear = objective.linearize(theta)
    groups = term_groups(objective, linear)
    assert [i for group in groups for i in group] == list(range(len(linear.blocks))) and len(groups[0]) > 1
    new, info = Kfac(PACE, average=0.0, damping=1e-6).step(objective, theta)
    assert info.accepted and info.loss < float(objective.value(theta))
    _, gradient = objective.gradient(theta)
    direction = -torch.linalg.solve(dense_metric(linear, groups, 1e-6), gradient)
    assert close(new - theta, info.length * direction, 1e-6)


@pytest.mark.parametrize("kind", ["no jets", "quotient"])
def test_an_objective_without_factors_is_refused(kind):
    if kind == "no jets":
        case = CATALOGUE["without_jets"]()
        objective, theta = case.objective, case.theta
    else:
        problem = Eigenvalue("square", "eigenvalue", points=20, hamiltonian="laplacian")
        network = Mlp(problem.features, 1, 3, 1)
        generator = torch.Generator().manual_seed(0)
        theta = network.initial(generator)
        field = Field(network, problem.inputs, problem.ansatz)
        objective = problem.objective(field, [(t, t.sample(generator, t.count)) for t in problem.terms()])
    with pytest.raises(UserError, match="kfac needs the factors of every linear layer"):
        Kfac(PACE).step(objective, theta)


# -- damping and length --------------------------------------------------------------------------------------


def test_damping_is_on_either_factor_or_split_by_their_traces():
    pair = Pair(torch.diag(torch.tensor([8.0, 4.0, 0.0])), torch.diag(torch.tensor([1.0, 0.0])))
    same, split = damp(pair, 0.01, "same"), damp(pair, 0.01, "trace")
    assert same.a.diagonal().tolist() == pytest.approx([8.01, 4.01, 0.01])
    assert same.b.diagonal().tolist() == pytest.approx([1.01, 0.01])
    ratio = np.sqrt(4.0 / 0.5)  # of the mean diagonal entries
    assert split.a.diagonal().tolist() == pytest.approx([8 + 0.1 * ratio, 4 + 0.1 * ratio, 0.1 * ratio])
    assert split.b.diagonal().tolist() == pytest.approx([1 + 0.1 / ratio, 0.1 / ratio])
    assert pair.a[2, 2] == 0.0, "the averages themselves stay as they are"


@pytest.mark.parametrize("damping", [1e-8, 0.5])
def test_two_directions_against_brute_force(damping):
    """(α, μ) minimise the quadratic of the dense J, found by a minimiser that knows only its values."""
    case = CATALOGUE["burgers"]()
    linear = case.objective.linearize(case.theta)
    r, jacobian = (part.numpy() for part in naive(case))
    gradient = jacobian.T @ r
    span = np.stack([-gradient, np.cos(np.arange(len(gradient)))], axis=1)

    def model(c):
        d = span @ c
        return gradient @ d + 0.5 * np.sum((jacobian @ d) ** 2) + 0.5 * damping * d @ d

    best = minimize(model, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 2000})
    found, promised = model_minimum(linear, [torch.as_tensor(v.copy()) for v in span.T], damping)
    assert found.numpy() == pytest.approx(best.x, rel=1e-5)
    step = span @ found.numpy()
    assert promised == pytest.approx(-(gradient @ step + 0.5 * np.sum((jacobian @ step) ** 2)), rel=1e-10)


def test_the_step_before_is_the_second_direction():
    case = CATALOGUE["poisson_soft"]()
    optimizer = Kfac(PACE, damping=1e-4)
    before, _ = optimizer.step(case.objective, case.theta)
    old = (before - case.theta).numpy()
    new, info = optimizer.step(case.objective, before)
    step = (new - before).numpy()
    r, jacobian = (part.numpy() for part in naive(case, before))
    slope = jacobian.T @ r + jacobian.T @ (jacobian @ step) + 1e-4 * step  # of the model, at its minimum in the span
    assert abs(slope @ old) < 1e-10 * np.linalg.norm(slope) * np.linalg.norm(old)
    assert abs(slope @ step) < 1e-10 * np.linalg.norm(slope) * np.linalg.norm(step)
    actual = float(case.objective.value(before) - case.objective.value(new))
    promised = -(jacobian.T @ r @ step + 0.5 * np.sum((jacobian @ step) ** 2))
    assert info.ratio == pytest.approx(actual / promised, rel=1e-8)


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_the_grid_search_takes_the_best_length(momentum):
    case = CATALOGUE["poisson_soft"]()
    optimizer, theta, buffer = (
        Kfac(PACE, step_rule="grid", damping=1e-4, average=0.0, momentum=momentum),
        case.theta,
        0.0,
    )
    for _ in range(4):
        linear = case.objective.linearize(theta)
        gradient = linear.rmv(linear.r)
        buffer = momentum * buffer - torch.linalg.solve(dense_metric(linear, [[0], [1]], 1e-4), gradient)
        values = {0.5**k: float(case.objective.value(theta + 0.5**k * buffer)) for k in range(31)}
        length = min(values, key=values.__getitem__)
        new, info = optimizer.step(case.objective, theta)
        assert info.accepted and info.length == length
        assert info.loss == pytest.approx(values[length], rel=1e-7)
        assert close(new, theta + length * buffer, 1e-7)
        theta = new


class Cliff(Objective):
    """Every step falls."""

    def value(self, theta):
        return torch.tensor(float("inf"), dtype=torch.float64)


def test_a_search_that_fails_leaves_theta():
    """With momentum it is repeated along the direction alone."""
    case = CATALOGUE["poisson_soft"]()
    objective = Cliff(case.field, [(block.term, block.points) for block in case.blocks])
    optimizer = Kfac(PACE, step_rule="grid", damping=1e-3, momentum=0.5)
    theta, _ = optimizer.step(case.objective, case.theta)
    for evaluations in (63, 32):
        new, info = optimizer.step(objective, theta)
        assert new is theta
        assert (info.outcome, info.evaluations) == (Outcome.SEARCH_FAILED, evaluations)
        assert info.loss == pytest.approx(float(case.objective.value(theta)), rel=1e-12)
        assert optimizer.state()["previous"] is None


def test_a_model_step_off_a_cliff_is_told_as_such():
    """The trainer goes back and softens, as after any divergence."""
    case = CATALOGUE["fit"]()
    objective = Cliff(case.field, [(block.term, block.points) for block in case.blocks])
    theta, info = Kfac(PACE).step(objective, case.theta)
    assert theta is case.theta and info.outcome is Outcome.NOT_FINITE


def test_it_gets_where_gradients_do_not():
    case = CATALOGUE["poisson_soft"]()
    losses = {}
    for optimizer in (Kfac(PACE), Adam(PACE, learning_rate=0.01)):
        theta = case.theta
        for _ in range(150):
            theta, _ = optimizer.step(case.objective, theta)
        losses[optimizer.type] = float(case.objective.value(theta))
    assert losses["kfac"] < 1e-2 * losses["adam"]


def test_a_vanished_gradient_is_the_end():
    case = CATALOGUE["fit"]()
    case.blocks[0].points.data["data"].zero_()
    theta = torch.zeros(case.network.size, dtype=torch.float64)
    new, info = Kfac(PACE).step(case.objective, theta)
    assert new is theta and info.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("old_to_new", [None, torch.arange(10)])
def test_growth_starts_from_the_identity(old_to_new):
    case = CATALOGUE["fit"]()
    optimizer = Kfac(PACE)
    optimizer.step(case.objective, case.theta)
    optimizer.grow(old_to_new, 30)
    assert optimizer.state() == Kfac(PACE).state()


def test_softening():
    case = CATALOGUE["fit"]()
    optimizer = Kfac(PACE, damping=1e-3)
    optimizer.step(case.objective, case.theta)
    optimizer.soften()
    state = optimizer.state()
    assert (state["damping"], state["learning_rate"], state["previous"]) == (1e-2, 0.5, None)
    assert state["pairs"] is not None


def test_the_promise_of_a_softened_step_is_that_of_the_part_that_is_taken():
    case = CATALOGUE["poisson_soft"]()
    optimizer = Kfac(PACE, damping=1e-4, learning_rate=0.3)
    new, info = optimizer.step(case.objective, case.theta)
    r, jacobian = (part.numpy() for part in naive(case))
    step = (new - case.theta).numpy()
    actual = float(case.objective.value(case.theta) - case.objective.value(new))
    promised = -(jacobian.T @ r @ step + 0.5 * np.sum((jacobian @ step) ** 2))
    assert info.ratio == pytest.approx(actual / promised, rel=1e-8)
