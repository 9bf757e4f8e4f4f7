"""Levenberg-Marquardt against the dense formula in numpy, Nielsen's rule spelled out, and scipy's minimum."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, cube, draw, make, naive
from scipy.optimize import least_squares

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Objective, Term
from pinnrun.optimizers import LevenbergMarquardt, Outcome, Pace

PACE = Pace(2, 2, 2, 1, 1)
NAMES = ["fit", "burgers", "poisson_boltzmann"]


def straight(*args, **settings):
    """Levenberg-Marquardt whose steps do not bend."""
    return LevenbergMarquardt(*args, acceleration=0.0, **settings)


class Cliff(Objective):
    """Every trial step falls: the loss is `beyond` anywhere but where it is linearized."""

    beyond = float("inf")

    def value(self, theta):
        return torch.tensor(self.beyond, dtype=torch.float64)


def cliff(case, beyond=float("inf")):
    objective = Cliff(case.field, [(block.term, block.points) for block in case.blocks])
    objective.beyond = beyond
    return objective


def dense(case, theta):
    """r, J, the gradient and the largest diagonal entry of JᵀJ as numpy has them."""
    r, jacobian = (part.numpy() for part in naive(case, theta))
    return r, jacobian, jacobian.T @ r, float((jacobian**2).sum(0).max())


@pytest.mark.parametrize("form", ["auto", "gram", "kernel"])
@pytest.mark.parametrize("name", NAMES)
def test_one_step_is_the_dense_formula(name, form):
    """θ − (JᵀJ + λI)⁻¹ Jᵀr with λ = 0.3 max diag JᵀJ, whichever system is solved."""
    case = CATALOGUE[name]()
    _, jacobian, gradient, scale = dense(case, case.theta)
    damping = 0.3 * scale
    expected = -np.linalg.solve(jacobian.T @ jacobian + damping * np.eye(len(gradient)), gradient)
    theta, info = straight(PACE, damping=0.3, form=form).step(case.objective, case.theta)
    assert info.accepted
    assert info.evaluations == 2
    assert info.damping == pytest.approx(damping, rel=1e-12)
    assert close(theta - case.theta, torch.as_tensor(expected), 1e-10)
    # the decrease of the model L(θ) + g·d + ½ dᵀJᵀJd, which is Nielsen's ½ dᵀ(λd − g) for this d
    promised = -(gradient @ expected + 0.5 * np.sum((jacobian @ expected) ** 2))
    actual = float(case.objective.value(case.theta)) - float(case.objective.value(theta))
    assert info.ratio == pytest.approx(actual / promised, rel=1e-8)


def test_the_smaller_system_is_solved(monkeypatch):
    solved = []
    monkeypatch.setattr(
        torch.linalg,
        "cholesky_ex",
        lambda matrix, f=torch.linalg.cholesky_ex: (solved.append(len(matrix)), f(matrix))[1],
    )
    for name, form in (("fit", "auto"), ("burgers", "auto"), ("fit", "kernel"), ("burgers", "gram")):
        case = CATALOGUE[name]()
        straight(PACE, form=form).step(case.objective, case.theta)
    assert solved == [10, 13, 20, CATALOGUE["burgers"]().network.size]


def by_hand(case, theta, damping, steps, trials):
    """Algorithm 3.16 of Madsen, Nielsen & Tingleff in numpy: θ, λ, tries and gain of each step."""
    path, nu, lam, theta = [], 2.0, None, theta.numpy().copy()
    for _ in range(steps):
        r, jacobian, gradient, scale = dense(case, torch.as_tensor(theta))
        lam = damping * scale if lam is None else lam
        for tries in range(1, trials + 1):
            d = np.linalg.solve(jacobian.T @ jacobian + lam * np.eye(len(theta)), -gradient)
            new = 0.5 * np.sum(naive(case, torch.as_tensor(theta + d))[0].numpy() ** 2)
            gain = (0.5 * r @ r - new) / (0.5 * d @ (lam * d - gradient))
            used = lam
            if gain > 0:
                lam *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                nu = 2.0
                path.append((theta + d, used, tries, gain))
                theta = theta + d
                break
            lam *= nu
            nu *= 2
    return path


@pytest.mark.parametrize(("name", "damping"), [("fit", 1e-6), ("burgers", 1e-3)])
def test_damping_follows_nielsen_step_by_step(name, damping):
    case = CATALOGUE[name]()
    optimizer, theta = straight(PACE, damping=damping), case.theta
    path = by_hand(case, theta, damping, 8, 12)
    for expected, used, tries, gain in path:
        theta, info = optimizer.step(case.objective, theta)
        assert info.accepted
        assert info.evaluations == 1 + tries
        assert info.damping == pytest.approx(used, rel=1e-5)
        assert info.ratio == pytest.approx(gain, rel=1e-4)
        assert close(theta, torch.as_tensor(expected), 1e-6)
    assert len(path) == 8
    if name == "fit":
        assert max(tries for _, _, tries, _ in path) > 2, "this start is to reject steps"


@pytest.mark.parametrize("form", ["gram", "kernel"])
def test_it_ends_in_the_minimum_that_minpack_finds(form):
    """One tanh through noisy values of another: a minimum at finite weights, with a residual that stays."""

    def data(x):
        return 0.8 * torch.tanh(6.0 * x[:, 0] - 2.0) + 0.1 * draw(len(x), seed=2)

    noisy = Term("data", cube(1, 3, data=data), lambda p, u: u.value[..., 0] - p["data"], Derivatives(), 20)
    case = make("noisy", Mlp(1, 1, 1, 1), [(noisy, lambda u, x, data: u[0](x[0])[0] - data["data"][0])])
    best = least_squares(
        lambda t: naive(case, torch.as_tensor(t))[0].numpy(),
        case.theta.numpy(),
        jac=lambda t: naive(case, torch.as_tensor(t))[1].numpy(),
        method="lm",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    assert best.success
    assert best.cost > 1e-3
    optimizer, theta = straight(PACE, form=form), case.theta
    for _ in range(100):
        theta, _ = optimizer.step(case.objective, theta)
    assert float(case.objective.value(theta)) == pytest.approx(best.cost, rel=1e-12)
    assert close(theta, torch.as_tensor(best.x), 1e-7)


def test_every_accepted_step_lowers_the_loss():
    case = CATALOGUE["poisson_hard"]()
    optimizer, theta, losses = straight(PACE), case.theta, [float(case.objective.value(case.theta))]
    while losses[-1] > 1e-12 * losses[0]:
        theta, info = optimizer.step(case.objective, theta)
        assert info.accepted
        assert info.loss == float(case.objective.value(theta))
        losses.append(info.loss)
    assert losses == sorted(set(losses), reverse=True)
    assert len(losses) < 60


@pytest.mark.parametrize("beyond", [float("inf"), float("nan"), 1e9])
def test_a_step_is_given_up_after_so_many_trials(beyond):
    """λ grows by 2, 4, 8, 16; θ stays; the next step begins where the trials ended."""
    case = CATALOGUE["fit"]()
    optimizer = straight(PACE, damping=1e-3, trials=4)
    scale = dense(case, case.theta)[3]
    theta, info = optimizer.step(cliff(case, beyond), case.theta)
    assert theta is case.theta
    assert info.outcome is Outcome.REJECTED
    assert info.evaluations == 5
    assert info.loss == pytest.approx(float(case.objective.value(case.theta)), rel=1e-12)
    assert optimizer.state()["lambda"] == pytest.approx(1e-3 * scale * 2 ** (1 + 2 + 3 + 4), rel=1e-12)
    assert optimizer.state()["nu"] == 2.0 * 2**4
    _, info = optimizer.step(case.objective, theta)
    assert info.accepted
    assert info.damping == pytest.approx(1e-3 * scale * 2**10, rel=1e-12)
    assert optimizer.state()["nu"] == 2.0


def test_damping_stays_within_bounds():
    case = CATALOGUE["fit"]()
    optimizer = straight(PACE, trials=40)
    scale = dense(case, case.theta)[3]
    optimizer.step(cliff(case), case.theta)
    assert optimizer.state()["lambda"] == pytest.approx(1e12 * scale, rel=1e-12)
    low = straight(PACE, damping=1.1e-15, form="kernel")
    easy = CATALOGUE["poisson_soft"]()
    low.step(easy.objective, easy.theta)
    assert low.state()["lambda"] >= 1e-15 * dense(easy, easy.theta)[3] * (1 - 1e-12)


def test_a_vanished_gradient_is_the_end():
    case = CATALOGUE["fit"]()
    nothing = CATALOGUE["fit"]()
    theta = torch.zeros(nothing.network.size, dtype=torch.float64)
    points = case.blocks[0].points
    points.data["data"].zero_()  # the zero network fits zero data exactly
    new, info = straight(PACE).step(case.objective, theta)
    assert new is theta
    assert info.outcome is Outcome.CONVERGED
    assert info.loss == 0.0


@pytest.mark.parametrize("old_to_new", [None, torch.arange(10)])
def test_growth_starts_the_damping_anew(old_to_new):
    case = CATALOGUE["fit"]()
    optimizer, fresh = straight(PACE, trials=3), straight(PACE, trials=3)
    optimizer.step(cliff(case), case.theta)
    optimizer.grow(old_to_new, case.network.size)
    assert optimizer.state() == fresh.state()
    assert optimizer.step(case.objective, case.theta)[1] == fresh.step(case.objective, case.theta)[1]


def test_softening_is_ten_times_the_damping():
    case = CATALOGUE["fit"]()
    optimizer = straight(PACE, damping=1e-3)
    optimizer.soften()
    assert optimizer.state() == {"lambda": None, "nu": 2.0, "damping": 1e-2}
    _, info = optimizer.step(case.objective, case.theta)
    assert info.damping == pytest.approx(1e-2 * dense(case, case.theta)[3], rel=1e-12)
    before = optimizer.state()["lambda"]
    optimizer.soften()
    assert optimizer.state()["lambda"] == 10.0 * before


# -- geodesic acceleration ---------------------------------------------------------------------------------------


def second_directional(case, theta, d, step=1e-3):
    """d²/ds² r(θ + s d) in numpy, by a central difference of fourth order."""
    at = [naive(case, theta + k * step * d)[0].numpy() for k in (-2, -1, 0, 1, 2)]
    return (-at[0] + 16 * at[1] - 30 * at[2] + 16 * at[3] - at[4]) / (12 * step**2)


@pytest.mark.parametrize("form", ["gram", "kernel"])
@pytest.mark.parametrize(("name", "damping"), [("fit", 10.0), ("burgers", 10.0), ("poisson_boltzmann", 30.0)])
def test_an_accelerated_step_is_the_dense_formula(name, damping, form):
    """d + ½a with a = −(JᵀJ + λI)⁻¹ Jᵀ r_dd; the optimizer's one-sided difference knows r_dd to first order in h."""
    case = CATALOGUE[name]()
    _, jacobian, gradient, scale = dense(case, case.theta)
    damped = jacobian.T @ jacobian + damping * scale * np.eye(len(gradient))
    d = -np.linalg.solve(damped, gradient)
    a = -np.linalg.solve(damped, jacobian.T @ second_directional(case, case.theta, torch.as_tensor(d)))
    optimizer = LevenbergMarquardt(PACE, damping=damping, form=form, acceleration=0.75)
    theta, info = optimizer.step(case.objective, case.theta)
    assert info.accepted
    assert info.evaluations == 3
    found = (theta - case.theta).numpy() - d
    assert np.linalg.norm(a) > 1e-3 * np.linalg.norm(d), "a bend to be seen"
    assert np.linalg.norm(found - 0.5 * a) < 0.05 * np.linalg.norm(0.5 * a)


def test_a_bend_beyond_the_bound_is_a_failed_trial():
    """Each costs the probe but no loss; λ grows until the bend is small enough."""
    case = CATALOGUE["burgers"]()
    bound, damping = 1e-3, 1e-4
    _, jacobian, gradient, scale = dense(case, case.theta)
    lam, nu, refused = damping * scale, 2.0, 0
    while True:
        damped = jacobian.T @ jacobian + lam * np.eye(len(gradient))
        d = -np.linalg.solve(damped, gradient)
        a = np.linalg.solve(damped, jacobian.T @ second_directional(case, case.theta, torch.as_tensor(d)))
        if 2 * np.linalg.norm(a) <= bound * np.linalg.norm(d):
            break
        lam, nu, refused = lam * nu, 2 * nu, refused + 1
    _, info = LevenbergMarquardt(PACE, damping=damping, acceleration=bound).step(case.objective, case.theta)
    assert refused > 2
    assert info.accepted
    assert info.damping == pytest.approx(lam, rel=1e-12)
    assert info.evaluations == 3 + refused


def test_bending_shortens_the_way_through_a_valley():
    """The straight steps creep where the bent ones are long done."""
    losses = {}
    for bound in (0.0, 0.75):
        case = CATALOGUE["poisson_soft"]()
        optimizer, theta, loss = LevenbergMarquardt(PACE, acceleration=bound), case.theta, 1.0
        for _ in range(60):
            if loss > 1e-11:
                theta, info = optimizer.step(case.objective, theta)
                loss = info.loss
        losses[bound] = loss
    assert losses[0.75] < 1e-11 < 1e-8 < losses[0.0]


def test_an_energy_is_not_bent():
    """Its rows are not its gradient's: the step is the straight one."""
    case = CATALOGUE["fit"]()
    objective = case.objective
    unbent, _ = straight(PACE).step(objective, case.theta)
    linearize = objective.linearize

    def as_energy(theta):
        linear = linearize(theta)
        linear.load, linear.load_gradient = torch.zeros(()), torch.zeros_like(theta)
        return linear

    objective.linearize = as_energy
    theta, info = LevenbergMarquardt(PACE, acceleration=0.75).step(objective, case.theta)
    assert torch.equal(theta, unbent)
    assert info.evaluations == 2
