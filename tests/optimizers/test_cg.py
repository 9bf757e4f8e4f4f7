"""Matrix-free Gauss-Newton against dense solves, Krylov spaces spelled out, and Martens' rules by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CATALOGUE, FACTORED, close, make, naive

from pinnrun.architectures import Mlp
from pinnrun.calculus import Field, Objective
from pinnrun.calculus.linearization import FactoredLinearization
from pinnrun.errors import UserError
from pinnrun.optimizers import GaussNewtonCg, Outcome, Pace
from pinnrun.optimizers.cg import conjugate_gradients
from pinnrun.problems.poisson import Poisson
from pinnrun.problems.ritz import PoissonRitz

PACE = Pace(2, 2, 2, 1, 1)
POISSON = Poisson("case", "poisson", dimension=2)
EXACT = {"tolerance": 0.0, "iterations": 2000}


def dense(case, theta=None):
    """JᵀJ and Jᵀr as numpy has them."""
    r, jacobian = (part.numpy() for part in naive(case, theta))
    return jacobian.T @ jacobian, jacobian.T @ r


def first_damping(gram, gradient, relative):
    """λ relative to the curvature along the gradient."""
    return relative * (gradient @ gram @ gradient) / (gradient @ gradient)


@pytest.mark.parametrize(
    ("name", "preconditioner"),
    [(name, kind) for name in FACTORED for kind in ("none", "nystrom", "kfac")]
    + [("without_jets", "none"), ("without_jets", "nystrom")],
)
def test_a_step_solved_to_the_end_is_the_dense_formula(name, preconditioner):
    case = CATALOGUE[name]()
    gram, gradient = dense(case)
    damping = first_damping(gram, gradient, 5.0)
    expected = -np.linalg.solve(gram + damping * np.eye(len(gram)), gradient)
    optimizer = GaussNewtonCg(PACE, damping=5.0, rank=4, preconditioner=preconditioner, **EXACT)
    theta, info = optimizer.step(case.objective, case.theta)
    assert info.accepted and info.evaluations == 2
    assert info.damping == pytest.approx(damping, rel=1e-10)
    assert close(theta - case.theta, torch.as_tensor(expected), 1e-8)
    promised = -(gradient @ expected + 0.5 * expected @ gram @ expected)
    actual = float(case.objective.value(case.theta) - case.objective.value(theta))
    assert info.ratio == pytest.approx(actual / promised, rel=1e-6)


def test_the_jacobian_is_never_formed(monkeypatch):
    def refuse(self):
        raise AssertionError("J was formed")

    for name in ("J", "gram", "kernel"):
        monkeypatch.setattr(FactoredLinearization, name, refuse)
    case = CATALOGUE["burgers"]()
    optimizer, theta = GaussNewtonCg(PACE, rank=5), case.theta
    for _ in range(3):
        theta, info = optimizer.step(case.objective, theta)
        assert info.accepted


def test_an_energy_s_gradient_is_used_with_its_load():
    """Deep Ritz: ½ Σ|∇u|² − Σ f u, whose gradient no rows times J give."""
    problem = PoissonRitz("ritz", "poisson_ritz", points=12)
    network = Mlp(problem.features, 1, 4, 1)
    generator = torch.Generator().manual_seed(0)
    theta = network.initial(generator)
    field = Field(network, problem.inputs, problem.ansatz)
    objective = problem.objective(field, [(t, t.sample(generator, t.count)) for t in problem.terms()])
    jacobian = objective.linearize(theta).J()
    _, gradient = objective.gradient(theta)
    gram = jacobian.T @ jacobian
    damping = first_damping(gram, gradient, 1.0)
    expected = theta - torch.linalg.solve(gram + damping * torch.eye(len(gram)), gradient)
    new, info = GaussNewtonCg(PACE, damping=1.0, **EXACT).step(objective, theta)
    assert info.accepted and info.loss < float(objective.value(theta))
    assert close(new, expected, 1e-8)


def test_factors_that_are_not_there_are_missed():
    case = CATALOGUE["without_jets"]()
    with pytest.raises(UserError, match="preconditioner: kfac needs the factors of every linear layer"):
        GaussNewtonCg(PACE, preconditioner="kfac").step(case.objective, case.theta)


def test_the_better_preconditioner_gets_farther():
    """Of the same number of iterations, on a network that is wide for its equation."""
    term = replace(CATALOGUE["poisson_soft"]().blocks[0].term, count=60)
    case = make("wide", Mlp(2, 1, 12, 2), [(term, None)], inputs=POISSON.inputs)
    damping = 1e-6 * float(case.objective.linearize(case.theta).gram().diagonal().max())
    decrease = {}
    for kind in ("none", "nystrom", "kfac"):
        optimizer = GaussNewtonCg(PACE, preconditioner=kind, rank=8)
        linear = case.objective.linearize(case.theta)
        precondition = optimizer._make_preconditioner(case.objective, linear, case.theta)(damping)
        decrease[kind] = solve(case, damping, precondition, iterations=10).decrease
    assert decrease["nystrom"] > decrease["none"] and decrease["kfac"] > decrease["none"]


# -- the iterations ------------------------------------------------------------------------------------------


def krylov_minimum(matrix, gradient, inverse, size):
    """The d in span{M⁻¹g, (M⁻¹A) M⁻¹g, …} that minimises ½dᵀAd + gᵀd."""
    columns = [inverse @ gradient]
    for _ in range(size - 1):
        columns.append(inverse @ matrix @ columns[-1])
        columns[-1] /= np.linalg.norm(columns[-1])
    basis = np.linalg.qr(np.stack(columns, axis=1))[0]
    return -basis @ np.linalg.solve(basis.T @ matrix @ basis, basis.T @ gradient)


def solve(case, damping, precondition=lambda v: v, start=None, iterations=5, tolerance=0.0):
    linear = case.objective.linearize(case.theta)
    return conjugate_gradients(
        linear,
        linear.gradient,
        damping,
        start=start,
        precondition=precondition,
        iterations=iterations,
        tolerance=tolerance,
    )


@pytest.mark.parametrize("preconditioned", [False, True])
def test_every_iterate_is_the_best_of_its_krylov_space(preconditioned):
    case = CATALOGUE["poisson_boltzmann"]()
    gram, gradient = dense(case)
    damping = first_damping(gram, gradient, 0.1)
    matrix = gram + damping * np.eye(len(gram))
    inverse = np.diag(1.0 / np.diag(matrix)) if preconditioned else np.eye(len(gram))
    weights = torch.as_tensor(np.diag(inverse).copy())
    solution = solve(case, damping, lambda v: weights * v)
    assert len(solution.iterates) == 5, "1, 2, 3, 4 are kept, then 6; and the last"
    for size, iterate in zip((1, 2, 3, 4, 5), solution.iterates, strict=True):
        expected = krylov_minimum(matrix, gradient, inverse, size)
        assert close(iterate, torch.as_tensor(expected), 1e-8)
    last = solution.iterates[-1].numpy()
    assert solution.decrease == pytest.approx(-(gradient @ last + 0.5 * last @ gram @ last), rel=1e-10)


def textbook(matrix, gradient, iterations):
    """Hestenes & Stiefel in numpy: the iterates and φ of each, from d = 0."""
    d, r = np.zeros_like(gradient), -gradient
    p, iterates, phi = r, [d], [0.0]
    for _ in range(iterations):
        alpha = (r @ r) / (p @ matrix @ p)
        d, new = d + alpha * p, r - alpha * matrix @ p
        p, r = new + (new @ new) / (r @ r) * p, new
        iterates.append(d)
        phi.append(0.5 * d @ matrix @ d + gradient @ d)
    return iterates, phi


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
def test_martens_stopping_rule(tolerance):
    """At the first i > k with a relative progress below kε over the last k = max(10, i/10) iterations."""
    case = CATALOGUE["poisson_boltzmann"]()
    gram, gradient = dense(case)
    damping = first_damping(gram, gradient, 1e-3)
    iterates, phi = textbook(gram + damping * np.eye(len(gram)), gradient, 80)
    lag = [max(10, i // 10) for i in range(81)]
    stop = next(i for i in range(81) if i > lag[i] and (phi[i] - phi[i - lag[i]]) / phi[i] < lag[i] * tolerance)
    assert 11 < stop < 80
    solution = solve(case, damping, iterations=1000, tolerance=tolerance)
    last = solution.iterates[-1].numpy()
    assert int(np.argmin([np.linalg.norm(last - d) for d in iterates])) == stop
    assert close(solution.iterates[-1], torch.as_tensor(iterates[stop]), 1e-3), "rounding grows with the iterations"
    kept = [1, 2, 3, 4, 6, 8, 11, 15, 20, 26, 34, 45, 59, 77]
    assert len(solution.iterates) == sum(i < stop for i in kept) + 1


def test_a_start_is_used_only_where_it_is_better_than_none():
    case = CATALOGUE["poisson_soft"]()
    gram, gradient = dense(case)
    damping = first_damping(gram, gradient, 1e-2)
    exact = torch.as_tensor(-np.linalg.solve(gram + damping * np.eye(len(gram)), gradient))
    near, none, worse = (solve(case, damping, start=start, iterations=2) for start in (0.99 * exact, None, -exact))
    assert close(near.iterates[-1], exact, 0.02)
    assert not close(none.iterates[-1], exact, 0.02)
    assert torch.equal(worse.iterates[-1], none.iterates[-1])
    nothing_left = solve(case, damping, start=exact, iterations=50)
    assert close(nothing_left.iterates[-1], exact, 1e-8)
    assert nothing_left.decrease == pytest.approx(float(-(gradient @ exact.numpy()) / 2), rel=0.2)


def test_the_last_step_starts_the_next():
    """Two iterations from 0.3 of it: the dense minimum over the start plus its Krylov space."""
    case = CATALOGUE["burgers"]()
    settings = {"preconditioner": "none", "iterations": 2, "damping": 0.1}
    optimizer = GaussNewtonCg(PACE, warm_start=0.3, **settings)
    theta, _ = optimizer.step(case.objective, case.theta)
    start = 0.3 * (theta - case.theta).numpy()
    new, info = optimizer.step(case.objective, theta)
    gram, gradient = dense(case, theta)
    matrix = gram + info.damping * np.eye(len(gram))
    assert 0.5 * start @ matrix @ start + gradient @ start < 0
    expected = start + krylov_minimum(matrix, gradient + matrix @ start, np.eye(len(gram)), 2)
    assert close(new - theta, torch.as_tensor(expected), 1e-8)


# -- damping, backtracking -----------------------------------------------------------------------------------


def test_damping_follows_martens_step_by_step():
    case = CATALOGUE["poisson_soft"]()
    optimizer, theta, seen = GaussNewtonCg(PACE, damping=1e-4, preconditioner="none", **EXACT), case.theta, set()
    for _ in range(12):
        gram, gradient = dense(case, theta)
        before = optimizer.state()["lambda"] or first_damping(gram, gradient, 1e-4)
        new, info = optimizer.step(case.objective, theta)
        if info.evaluations == 2:
            d = -np.linalg.solve(gram + before * np.eye(len(gram)), gradient)
            actual = float(case.objective.value(theta) - case.objective.value(theta + torch.as_tensor(d)))
            ratio = actual / -(gradient @ d + 0.5 * d @ gram @ d)
            factor = 1.5 if ratio < 0.25 else 1 / 1.5 if ratio > 0.75 else 1.0
            assert info.ratio == pytest.approx(ratio, rel=1e-4)
            assert optimizer.state()["lambda"] == pytest.approx(factor * before, rel=1e-9)
            seen.add(factor)
        theta = new
    assert len(seen) >= 2


class Walled(Objective):
    """Its value is infinite farther than ``radius`` from ``centre``."""

    centre: torch.Tensor
    radius: float

    def value(self, theta):
        inside = float((theta - self.centre).norm()) < self.radius
        return super().value(theta) if inside else torch.tensor(float("inf"))


def walled(case, radius):
    objective = Walled(case.field, [(block.term, block.points) for block in case.blocks])
    objective.centre, objective.radius = case.theta, radius
    return objective


def test_an_earlier_iterate_is_taken_where_the_last_one_fails():
    """Iterates grow longer; the longest that stays inside the wall is the step, and the damping grows."""
    case = CATALOGUE["poisson_boltzmann"]()
    gram, gradient = dense(case)
    damping = first_damping(gram, gradient, 1e-3)
    solution = solve(case, damping, iterations=11)
    lengths = [float(d.norm()) for d in solution.iterates]
    assert lengths == sorted(lengths)
    optimizer = GaussNewtonCg(PACE, preconditioner="none", iterations=11, tolerance=0.0)
    theta, info = optimizer.step(walled(case, 0.5 * (lengths[3] + lengths[4])), case.theta)
    assert info.accepted and info.evaluations == 1 + len(lengths) - 3
    assert close(theta - case.theta, solution.iterates[3], 1e-10)
    assert info.ratio == -np.inf
    assert optimizer.state()["lambda"] == pytest.approx(1.5 * damping, rel=1e-9)


def test_a_step_is_given_up_after_so_many_trials():
    case = CATALOGUE["fit"]()
    optimizer = GaussNewtonCg(PACE, trials=3, iterations=1)
    gram, gradient = dense(case)
    theta, info = optimizer.step(walled(case, 0.0), case.theta)
    assert theta is case.theta and info.outcome is Outcome.REJECTED and info.evaluations == 4
    assert info.loss == pytest.approx(float(case.objective.value(case.theta)), rel=1e-12)
    assert optimizer.state()["lambda"] == pytest.approx(first_damping(gram, gradient, 1e-3) * 4.0**3, rel=1e-9)
    _, info = optimizer.step(case.objective, theta)
    assert info.accepted


def test_damping_stays_within_bounds():
    case = CATALOGUE["fit"]()
    gram, gradient = dense(case)
    optimizer = GaussNewtonCg(PACE, trials=40, iterations=1)
    optimizer.step(walled(case, 0.0), case.theta)
    assert optimizer.state()["lambda"] == pytest.approx(1e12 * first_damping(gram, gradient, 1.0), rel=1e-9)


def test_it_finds_the_minimum_in_few_steps():
    """To a loss that first-order steps do not see; the preconditioner is renewed on the way."""
    case = CATALOGUE["poisson_hard"]()
    optimizer, theta, losses = GaussNewtonCg(PACE, rank=8, refresh=4), case.theta, []
    while not losses or losses[-1] > 1e-12 * losses[0]:
        theta, info = optimizer.step(case.objective, theta)
        assert info.accepted and info.loss == float(case.objective.value(theta))
        losses.append(info.loss)
    assert losses == sorted(set(losses), reverse=True)
    assert 8 < len(losses) < 60


def test_a_preconditioner_is_kept_for_so_many_steps():
    case = CATALOGUE["burgers"]()
    optimizer, theta, drawn = GaussNewtonCg(PACE, rank=3, refresh=3), case.theta, []
    for _ in range(7):
        theta, _ = optimizer.step(case.objective, theta)
        drawn.append(float(optimizer.state()["nystrom"][0][0, 0]))
    assert [drawn.index(value) for value in drawn] == [0, 0, 0, 3, 3, 3, 6]
    other = GaussNewtonCg(PACE, rank=3, seed=1)
    other.step(case.objective, case.theta)
    assert float(other.state()["nystrom"][0][0, 0]) != drawn[0]


def test_a_vanished_gradient_is_the_end():
    case = CATALOGUE["fit"]()
    case.blocks[0].points.data["data"].zero_()
    theta = torch.zeros(case.network.size, dtype=torch.float64)
    new, info = GaussNewtonCg(PACE).step(case.objective, theta)
    assert new is theta and info.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("old_to_new", [None, torch.arange(10)])
def test_growth_starts_anew(old_to_new):
    case = CATALOGUE["fit"]()
    optimizer = GaussNewtonCg(PACE)
    optimizer.step(case.objective, case.theta)
    optimizer.grow(old_to_new, 30)
    state = optimizer.state()
    assert state["lambda"] is state["previous"] is state["nystrom"] is None


def test_softening_is_ten_times_the_damping():
    case = CATALOGUE["fit"]()
    optimizer = GaussNewtonCg(PACE, damping=1e-3)
    optimizer.soften()
    _, info = optimizer.step(case.objective, case.theta)
    assert info.damping == pytest.approx(first_damping(*dense(case), 1e-2), rel=1e-9)
    before = optimizer.state()["lambda"]
    optimizer.soften()
    assert optimizer.state()["lambda"] == 10.0 * before
