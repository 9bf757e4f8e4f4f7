"""Self-scaled Broyden against the family's formula in numpy, its secant equation, and quadratics."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, draw

from pinnrun.optimizers import Outcome, Pace, SelfScaledBroyden, ssbroyden
from pinnrun.optimizers.ssbroyden import scaling

PACE = Pace(2, 2, 2, 1, 1)


def positive(size, seed):
    """A positive definite matrix with condition number near 1e4."""
    basis = torch.linalg.qr(draw(size, size, seed=seed))[0]
    return basis @ torch.diag(torch.logspace(-2, 2, size, dtype=torch.float64)) @ basis.T


def published(B, H, s, y):
    """The update of B in Broyden's family, and its inverse: SSBroyden2 of Urbán et al., written out for B.

    B₊ = (B − Bssᵀ B/sᵀBs + ϑ sᵀBs wwᵀ) τ + yyᵀ/yᵀs with w = y/yᵀs − Bs/sᵀBs.
    """
    ys, sBs, yHy, n = y @ s, s @ B @ s, y @ H @ y, len(s)
    b, h = sBs / ys, yHy / ys
    a = b * h - 1.0
    rho = min(1.0, h * (1.0 - np.sqrt(abs(a) / (1.0 + a))))
    theta = max((rho - 1.0) / a, min(1.0 / rho, (1.0 - b) / b))
    sigma = 1.0 + theta * a
    root = abs(sigma) ** (1.0 / (1 - n))
    tau = min(1.0, 1.0 / b) * min(root, 1.0 / theta) if theta > 0 else min(min(1.0, 1.0 / b) * root, sigma)
    w = y / ys - B @ s / sBs
    updated = tau * (B - np.outer(B @ s, B @ s) / sBs + theta * sBs * np.outer(w, w)) + np.outer(y, y) / ys
    return np.linalg.inv(updated)


@pytest.mark.parametrize("seed", range(6))
def test_the_update_is_the_published_one(seed):
    """The code updates H = B⁻¹; here B is updated and inverted, so the algebra of the inverse is tested too."""
    H, s = positive(6, seed), draw(6, seed=seed + 10)
    y = positive(6, seed + 20) @ s
    B = torch.linalg.inv(H)
    optimizer = SelfScaledBroyden(PACE)
    optimizer._inverse, optimizer._multiple = H.clone(), 1.0
    optimizer._correct(s, y, float(s @ B @ s))
    expected = published(B.numpy(), H.numpy(), s.numpy(), y.numpy())
    assert close(optimizer._inverse, torch.as_tensor(expected), 1e-8)
    assert close(optimizer._inverse @ y, s, 1e-9), "the secant equation"
    assert float(torch.linalg.eigvalsh(optimizer._inverse).min()) > 0


def test_without_need_of_scaling_it_is_bfgs():
    """b = 1 leaves ϑ = 0 and τ = 1: φ = 1 and no scaling, which is the BFGS update of H."""
    tau, phi = scaling(1.0, 3.0, 10)
    assert (tau, phi) == (1.0, 1.0)
    H, s = positive(5, 3), draw(5, seed=4)
    y = torch.linalg.solve(H, s)
    y = y + draw(5, seed=5) - s * (s @ draw(5, seed=5)) / (s @ s)  # y·s = s·H⁻¹s still
    optimizer = SelfScaledBroyden(PACE)
    optimizer._inverse = H.clone()
    optimizer._correct(s, y, float(s @ torch.linalg.solve(H, s)))
    rho = 1.0 / float(y @ s)
    left = torch.eye(5, dtype=s.dtype) - rho * torch.outer(s, y)
    assert close(optimizer._inverse, left @ H @ left.T + rho * torch.outer(s, s), 1e-10)


@pytest.mark.parametrize(("update", "scales"), [("bfgs", False), ("ssbfgs", True)])
def test_other_members_of_the_family(update, scales):
    """BFGS by its product form; self-scaled BFGS starts that form from H/τ with τ = yᵀs/sᵀH⁻¹s < 1."""
    H, s = positive(5, 3), draw(5, seed=4)
    y = 0.2 * positive(5, 6) @ s
    bent, ys = float(s @ torch.linalg.solve(H, s)), float(y @ s)
    assert bent > 1.5 * ys, "this pair is to show that H is too small"
    optimizer = SelfScaledBroyden(PACE, update=update)
    optimizer._inverse = H.clone()
    optimizer._correct(s, y, bent)
    left = torch.eye(5, dtype=s.dtype) - torch.outer(s, y) / ys
    old = H * bent / ys if scales else H
    assert close(optimizer._inverse, left @ old @ left.T + torch.outer(s, s) / ys, 1e-9)


@pytest.mark.parametrize("sign", [0.0, -1.0])
def test_a_pair_without_curvature_teaches_nothing(sign):
    optimizer, s = SelfScaledBroyden(PACE), draw(5, seed=4)
    optimizer._inverse, before = positive(5, 3), positive(5, 3)
    optimizer._correct(s, sign * s, 1.0)
    assert torch.equal(optimizer._inverse, before)


def test_an_h_that_is_not_definite_is_dropped():
    optimizer, s = SelfScaledBroyden(PACE), draw(5, seed=4)
    optimizer._inverse = -positive(5, 3)
    optimizer._correct(s, s, 1.0)
    assert optimizer.state()["inverse"] is None


class Quadratic:
    """½ (θ − c)ᵀA(θ − c): enough of an objective for a method that asks for gradients alone."""

    is_least_squares = True

    def __init__(self, size, seed):
        self.A, self.c = positive(size, seed), draw(size, seed=seed + 1)

    def value(self, theta):
        return 0.5 * (theta - self.c) @ self.A @ (theta - self.c)

    def gradient(self, theta):
        return self.value(theta), self.A @ (theta - self.c)


def test_it_minimises_a_quadratic_to_the_last_digit():
    objective, theta = Quadratic(8, 7), torch.zeros(8, dtype=torch.float64)
    optimizer, losses = SelfScaledBroyden(PACE), []
    for _ in range(120):
        theta, info = optimizer.step(objective, theta)
        losses.append(info.loss)
    assert min(losses) < 1e-22 * losses[0]
    assert close(theta, objective.c, 1e-9)


@pytest.mark.parametrize("name", ["fit", "burgers", "poisson_boltzmann"])
def test_every_step_meets_the_wolfe_conditions(name):
    case = CATALOGUE[name]()
    objective, theta, optimizer = case.objective, case.theta, SelfScaledBroyden(PACE)
    for _ in range(25):
        before, gradient = objective.gradient(theta)
        new, info = optimizer.step(objective, theta)
        after, ahead = objective.gradient(new)
        assert info.accepted
        assert info.loss == pytest.approx(float(after), rel=1e-12)
        s = new - theta
        slope = float(gradient @ s)
        assert float(after) <= float(before) + 1e-4 * slope
        assert abs(float(ahead @ s)) <= -0.9 * slope
        theta = new


def test_one_gradient_a_step_is_the_rule():
    case = CATALOGUE["burgers"]()
    objective, theta, optimizer = case.objective, case.theta, SelfScaledBroyden(PACE)
    calls, gradient = [], objective.gradient
    objective.gradient = lambda theta: (calls.append(1), gradient(theta))[1]
    counted = []
    for _ in range(60):
        theta, info = optimizer.step(objective, theta)
        counted.append(info.evaluations)
    assert sum(counted) - len(calls) <= 10, "trials that were not the last one cost a value more"
    assert sum(counted) < 80
    assert sum(objective.shares().values()) == pytest.approx(info.loss, rel=1e-12)


def test_other_points_are_another_objective():
    """The gradient at θ is not taken over from points that are gone."""
    first, second = CATALOGUE["burgers"](), CATALOGUE["burgers"]()
    optimizer = SelfScaledBroyden(PACE)
    theta, _ = optimizer.step(first.objective, first.theta)
    other = second.objective
    other.blocks[0][1].x.mul_(0.5)
    expected = other.gradient(theta)[1]
    _, info = optimizer.step(other, theta)
    assert info.gradient_norm == pytest.approx(float(expected.norm()), rel=1e-12)


def test_growth_keeps_what_is_known_of_the_old_parameters():
    optimizer = SelfScaledBroyden(PACE)
    H = positive(3, 1)
    optimizer._inverse, optimizer._multiple = H.clone(), 0.25
    optimizer.grow(torch.tensor([0, 2, 3]), 5)
    grown = optimizer.state()["inverse"]
    mean = float(H[0, 0] + H[1, 1] + H[2, 2]) / 3.0
    expected = torch.diag(torch.tensor([0.0, mean, 0.0, 0.0, mean], dtype=torch.float64))
    for i, a in enumerate((0, 2, 3)):
        for j, b in enumerate((0, 2, 3)):
            expected[a, b] = H[i, j]
    assert close(grown, expected, 1e-15)
    assert torch.equal(grown[[0, 2, 3]][:, [0, 2, 3]], H)
    optimizer.grow(None, 7)
    assert optimizer.state()["inverse"] is None and optimizer.state()["multiple"] is None


class Slope(Quadratic):
    """What is called its gradient leads uphill."""

    def gradient(self, theta):
        value, gradient = super().gradient(theta)
        return value, -gradient


def test_a_search_that_finds_nothing_says_so():
    objective = Slope(4, 2)
    theta = torch.ones(4, dtype=torch.float64)
    same, info = SelfScaledBroyden(PACE).step(objective, theta)
    assert same is theta and info.outcome is Outcome.SEARCH_FAILED
    assert info.loss == pytest.approx(float(objective.value(theta)))


def test_h_stays_symmetric(monkeypatch):
    """To rounding, and to the last bit whenever its lower half is made the upper one's image."""
    monkeypatch.setattr(ssbroyden, "MIRROR", 10)
    case = CATALOGUE["burgers"]()
    objective, theta, optimizer = case.objective, case.theta, SelfScaledBroyden(PACE)
    exact = 0
    while optimizer.state()["updates"] < 50:
        theta, _ = optimizer.step(objective, theta)
        H = optimizer.state()["inverse"]
        assert close(H, H.T, 1e-13)
        if optimizer.state()["updates"] % 10 == 0:
            assert torch.equal(H, H.T)
            exact += 1
    assert exact >= 5
    assert float(torch.linalg.eigvalsh(H).min()) > 0


def test_an_h_that_leads_uphill_is_begun_anew():
    """As a first step with the same multiple of the identity would be; the records say why."""
    case = CATALOGUE["burgers"]()
    objective, theta, optimizer = case.objective, case.theta, SelfScaledBroyden(PACE)
    for _ in range(5):
        theta, _ = optimizer.step(objective, theta)
    state = optimizer.state()
    spoiled, fresh = SelfScaledBroyden(PACE), SelfScaledBroyden(PACE)
    spoiled.load({**state, "inverse": -state["inverse"]})
    fresh.load({**state, "inverse": None})
    (new, info), (expected, same) = spoiled.step(objective, theta), fresh.step(objective, theta)
    assert info.accepted
    assert info.event == "ssbroyden begins a new H: the direction does not go downhill"
    assert same.event == ""
    assert info.evaluations == same.evaluations
    assert torch.equal(new, expected)
    assert close(spoiled.state()["inverse"], fresh.state()["inverse"])


def test_the_first_trial_is_no_longer_than_the_latest_decrease_suggests():
    """min(1, 2.02 ΔL/gᵀp) with ΔL < 0 of the step before (Nocedal & Wright, eq. 3.60)."""
    case = CATALOGUE["burgers"]()
    objective, theta, optimizer = case.objective, case.theta, SelfScaledBroyden(PACE)
    before, lengths = float(objective.value(theta)), []
    for _ in range(40):
        H, decrease = optimizer.state()["inverse"], before - float(objective.value(theta))
        before, gradient = (part for part in objective.gradient(theta))
        before = float(before)
        theta, info = optimizer.step(objective, theta)
        if info.evaluations == 1 and H is not None:
            expected = min(1.0, 2.02 * decrease / float(gradient @ H @ gradient))
            assert info.length == pytest.approx(max(expected, 1e-3), rel=1e-6)
            lengths.append(info.length)
    assert len(lengths) > 20
    assert min(lengths) < 0.9 < max(lengths)


def test_it_stops_where_only_rounding_is_left():
    """At a minimum that is not zero, and at one that is: far below the target of any run."""
    ends = {}
    for name in ("fit", "poisson_hard"):
        case = CATALOGUE[name]()
        objective, theta, optimizer = case.objective, case.theta, SelfScaledBroyden(PACE)
        for _ in range(2000):
            previous, (theta, info) = theta, optimizer.step(objective, theta)
            if not info.accepted:
                break
        assert info.outcome is Outcome.PRECISION
        assert theta is previous
        ends[name] = info.loss
        assert info.gradient_norm < 1e-6 * float(objective.gradient(case.theta)[1].norm())
    assert ends["fit"] > 1e-3
    assert ends["poisson_hard"] < 1e-26


def test_a_pause_costs_no_evaluation_in_the_records():
    """What a run that went on without a pause counts; new points do count."""
    case = CATALOGUE["burgers"]()
    objective, theta, optimizer = case.objective, case.theta, SelfScaledBroyden(PACE)
    for _ in range(4):
        theta, _ = optimizer.step(objective, theta)
    after, others = SelfScaledBroyden(PACE), SelfScaledBroyden(PACE)
    after.load(optimizer.state())
    others.load(optimizer.state())
    _, expected = optimizer.step(objective, theta)
    assert after.step(case.objective, theta.clone())[1] == expected
    moved = CATALOGUE["burgers"]()
    moved.blocks[0].points.x.mul_(0.9)
    calls, gradient = [], moved.objective.gradient
    watched = moved.objective
    watched.gradient = lambda theta: (calls.append(1), gradient(theta))[1]
    _, info = others.step(watched, theta)
    assert info.evaluations == len(calls)


def test_softening_halves_the_first_trial_and_keeps_h():
    case = CATALOGUE["burgers"]()
    optimizer = SelfScaledBroyden(PACE, learning_rate=0.8)
    optimizer.step(case.objective, case.theta)
    before = optimizer.state()
    optimizer.soften()
    assert optimizer.state()["learning_rate"] == 0.4
    assert torch.equal(optimizer.state()["inverse"], before["inverse"])


def test_a_vanished_gradient_is_the_end():
    objective = Quadratic(4, 2)
    same, info = SelfScaledBroyden(PACE).step(objective, objective.c)
    assert same is objective.c
    assert info.outcome is Outcome.CONVERGED
