"""DSGNAR against its definition in numpy: trial radii, ratios, the radius taken, and what follows from a step."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, naive
from scipy.optimize import brentq

from pinnrun.architectures import Mlp
from pinnrun.calculus import Field, Objective
from pinnrun.optimizers import Dsgnar, Outcome, Pace, dsgnar
from pinnrun.optimizers.dsgnar import turned_upwards
from pinnrun.optimizers.sketches import ColumnSketch, RowSketch
from pinnrun.optimizers.trust_region import largest_radius
from pinnrun.problems.ritz import PoissonRitz

PACE = Pace(2, 2, 2, 1, 1)


def dense_step(gram, gradient, radius):
    """The p of length ``radius`` (or the undamped one, if shorter) with (JᵀJ + λ)p = −g, and the λ."""

    def step(damping):
        return -np.linalg.solve(gram + damping * np.eye(len(gradient)), gradient)

    lowest = 1e-12 * np.linalg.eigvalsh(gram)[-1]
    if np.linalg.norm(step(lowest)) < radius:
        return step(lowest), lowest
    root = brentq(lambda x: np.linalg.norm(step(np.exp(x))) - radius, np.log(lowest), 50.0, xtol=1e-14)
    return step(np.exp(root)), np.exp(root)


def dense_choice(case, theta, radius, wanted, probes=24):
    """The radius that dense trial steps lead to."""
    r, jacobian = (part.numpy() for part in naive(case, theta))
    gram, gradient = jacobian.T @ jacobian, jacobian.T @ r
    radii, ratios = np.geomspace(radius / 3.0, 3.0 * radius, probes), []
    for trial in radii:
        p, _ = dense_step(gram, gradient, trial)
        actual = 0.5 * r @ r - float(case.objective.value(theta + torch.as_tensor(p)))
        ratios.append(actual / -(gradient @ p + 0.5 * p @ gram @ p))
    chosen = largest_radius(radii, ratios, wanted)
    return chosen, dense_step(gram, gradient, chosen)


@pytest.mark.parametrize("name", ["fit", "poisson_soft", "poisson_boltzmann", "without_jets"])
@pytest.mark.parametrize(("radius", "wanted", "probes"), [(0.5, 0.075, 24), (1.5, 0.6, 24), (1.5, 0.6, 4)])
def test_one_step_is_the_definition(name, radius, wanted, probes):
    case = CATALOGUE[name]()
    chosen, (p, damping) = dense_choice(case, case.theta, radius, wanted, probes)
    optimizer = Dsgnar(PACE, radius=radius, ratio=wanted, probes=probes)
    theta, info = optimizer.step(case.objective, case.theta)
    assert info.accepted and info.evaluations == 2 + probes
    assert float((theta - case.theta).norm()) == pytest.approx(chosen, rel=1e-5)
    assert info.damping == pytest.approx(damping, rel=1e-3)
    assert close(theta - case.theta, torch.as_tensor(p), 1e-5)
    assert info.loss == pytest.approx(float(case.objective.value(theta)), rel=1e-12)
    r, jacobian = naive(case)
    step = theta - case.theta
    promised = -float((jacobian.T @ r).dot(step) + 0.5 * (jacobian @ step).square().sum())
    assert info.ratio == pytest.approx((float(case.objective.value(case.theta)) - info.loss) / promised, rel=1e-6)
    if probes == 24 and radius / 3.0 < 0.99 * chosen and 1.01 * chosen < radius * 3.0:
        assert info.ratio == pytest.approx(wanted, abs=0.05), "the ratio is met, not merely passed"


def test_the_next_step_searches_around_the_radius_taken():
    case = CATALOGUE["poisson_soft"]()
    optimizer, theta = Dsgnar(PACE, radius=0.5), case.theta
    radius = 0.5
    for _ in range(3):
        radius, _ = dense_choice(case, theta, radius, 0.075)
        new, info = optimizer.step(case.objective, theta)
        assert info.accepted
        assert float((new - theta).norm()) == pytest.approx(radius, rel=1e-4)
        assert optimizer.state()["current"] == pytest.approx(radius, rel=1e-4)
        radius, theta = optimizer.state()["current"], new


def test_every_accepted_step_lowers_the_loss():
    case = CATALOGUE["poisson_hard"]()
    optimizer, theta, losses = Dsgnar(PACE), case.theta, [float(case.objective.value(case.theta))]
    while losses[-1] > 1e-14 * losses[0]:
        theta, info = optimizer.step(case.objective, theta)
        if info.accepted:
            losses.append(info.loss)
        assert len(losses) < 60
    assert losses == sorted(set(losses), reverse=True)


def test_an_energy_s_gradient_is_used_with_its_load():
    """Deep Ritz: no rows give the gradient; the step still solves (JᵀJ + λ)p = −∇E."""
    problem = PoissonRitz("ritz", "poisson_ritz", points=12)
    network = Mlp(problem.features, 1, 4, 1)
    generator = torch.Generator().manual_seed(0)
    theta = network.initial(generator)
    field = Field(network, problem.inputs, problem.ansatz)
    objective = problem.objective(field, [(t, t.sample(generator, t.count)) for t in problem.terms()])
    jacobian, (_, gradient) = objective.linearize(theta).J(), objective.gradient(theta)
    for settings in ({}, {"unsketched": 0, "columns": 1.0, "rows": 1.0}):
        new, info = Dsgnar(PACE, **settings).step(objective, theta)
        assert info.accepted and info.loss < float(objective.value(theta))
        if not settings:
            left = jacobian.T @ (jacobian @ (new - theta)) + info.damping * (new - theta) + gradient
            assert float(left.norm()) < 1e-9 * float(gradient.norm())


# -- sketches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "rows"), [(0.5, 100.0), (1.0, 1.5), (0.5, 1.5)])
def test_a_sketched_step_is_the_dense_one_of_the_sketched_system(columns, rows):
    """The sketches are drawn from the seed, first Ω, then C; what is solved is C J Ω, with the rows C r."""
    case = CATALOGUE["burgers"]()
    size, draws = case.network.size, torch.Generator().manual_seed(7)
    r, jacobian = naive(case)
    kept = round(columns * size)
    omega = None
    if columns < 1.0:
        omega = ColumnSketch.draw(size, kept, r, draws)
        jacobian = omega.project(jacobian)
    if round(rows * kept) < len(r):
        sketch = RowSketch.draw(len(r), round(rows * kept), r, draws)
        jacobian, r = sketch.apply(jacobian), sketch.apply(r)
    gram, gradient = (jacobian.T @ jacobian).numpy(), (jacobian.T @ r).numpy()
    optimizer = Dsgnar(PACE, radius=0.05, seed=7, unsketched=10, columns=columns, rows=rows)
    theta, info = optimizer.step(case.objective, case.theta)
    assert info.accepted
    p = torch.as_tensor(dense_step(gram, gradient, float((theta - case.theta).norm()))[0])
    assert close(theta - case.theta, p if omega is None else omega.lift(p), 1e-6)


def test_every_window_has_sketches_of_its_own():
    """The first one fails; the step that is taken lies in the second one's columns."""
    case = CATALOGUE["poisson_soft"]()
    draws, size = torch.Generator().manual_seed(3), case.network.size
    first, second = (ColumnSketch.draw(size, round(0.4 * size), case.theta, draws) for _ in range(2))
    theta, info = Dsgnar(PACE, radius=0.1, seed=3, unsketched=0, rows=100.0).step(cliff(case, 25), case.theta)
    step = theta - case.theta
    assert info.accepted and info.evaluations == 51
    assert close(second.lift(second.project(step)), step) and not close(first.lift(first.project(step)), step, 1e-3)


def test_small_networks_are_not_sketched():
    case = CATALOGUE["burgers"]()
    small, large = (Dsgnar(PACE, unsketched=case.network.size - k) for k in (0, 1))
    exact = Dsgnar(PACE)
    steps = [optimizer.step(case.objective, case.theta)[0] for optimizer in (small, large, exact)]
    assert torch.equal(steps[0], steps[2]) and not torch.equal(steps[1], steps[2])


# -- the wanted ratio ----------------------------------------------------------------------------------------


def test_a_trend_is_read_from_thirty_values():
    falling = np.geomspace(1.0, 1e-3, 60)
    assert not turned_upwards(falling.tolist())
    assert turned_upwards(falling[::-1].tolist())
    assert not turned_upwards(falling[::-1][:29].tolist()), "too few"
    assert not turned_upwards([1e-3] * 40), "level"
    assert turned_upwards([*falling[:30].tolist(), *falling[:30][::-1].tolist()]), "the last thirty count"
    noise = 10.0 ** np.tile([1.0, -1.0], 20)
    assert not turned_upwards((noise * np.geomspace(1.0, 1.01, 40)).tolist()), "a climb that is lost in the noise"


def test_the_ratio_is_raised_once_the_damping_has_turned(monkeypatch):
    """Not before 80 steps, whatever the damping does; then for good, until the network grows."""
    case = CATALOGUE["fit"]()
    monkeypatch.setattr(dsgnar, "GRACE", 5)
    monkeypatch.setattr(dsgnar, "turned_upwards", lambda dampings: True)
    seen = []
    monkeypatch.setattr(dsgnar, "largest_radius", lambda radii, ratios, wanted: (seen.append(wanted), radii[0])[1])
    optimizer, theta = Dsgnar(PACE), case.theta
    for _ in range(8):
        theta, _ = optimizer.step(case.objective, theta)
    assert seen == [0.075] * 6 + [0.5] * 2
    monkeypatch.setattr(dsgnar, "turned_upwards", lambda dampings: False)
    for _ in range(2):
        optimizer.step(case.objective, theta)
    optimizer.grow(None, case.network.size)
    optimizer.step(case.objective, theta)
    assert seen[8:] == [0.5, 0.5, 0.075]


class Cliff(Objective):
    """The first so many evaluations are infinite."""

    left = 10**9

    def value(self, theta):
        self.left -= 1
        return torch.tensor(float("inf"), dtype=torch.float64) if self.left >= 0 else super().value(theta)


def cliff(case, left=10**9):
    objective = Cliff(case.field, [(block.term, block.points) for block in case.blocks])
    objective.left = left
    return objective


def test_a_window_that_fails_is_followed_by_one_of_a_third():
    """Two windows of 24 trial steps and a last one each; the third is tried at a ninth of the radius."""
    case = CATALOGUE["poisson_soft"]()
    optimizer, smaller = Dsgnar(PACE, radius=0.9), Dsgnar(PACE, radius=0.1)
    theta, info = optimizer.step(cliff(case, 50), case.theta)
    expected, other = smaller.step(case.objective, case.theta)
    assert info.accepted and info.evaluations == 1 + 3 * 25
    assert close(theta, expected, 1e-12) and info.damping == pytest.approx(other.damping)
    state = optimizer.state()
    assert state["steps"] == 3 and len(state["dampings"]) == 1
    optimizer.step(cliff(case, 25), theta)
    after = optimizer.state()["dampings"]
    assert len(after) == 3 and after[0] == after[1] != after[2], "a window that failed counts with the λ before it"


def test_a_last_step_that_fails_after_good_trial_steps(monkeypatch):
    """The next window is that of a third of the radius, whatever the trial steps had promised."""
    case = CATALOGUE["poisson_soft"]()
    monkeypatch.setattr(dsgnar.batch, "values", lambda objective, thetas: torch.zeros(len(thetas), dtype=torch.float64))
    optimizer = Dsgnar(PACE, radius=0.9, trials=1)
    _, info = optimizer.step(cliff(case), case.theta)
    assert info.outcome is Outcome.REJECTED
    assert optimizer.state()["current"] == pytest.approx(0.3)


def test_a_step_that_fails_leaves_theta_and_a_small_radius():
    case = CATALOGUE["fit"]()
    optimizer = Dsgnar(PACE, radius=0.9, trials=2)
    theta, info = optimizer.step(cliff(case), case.theta)
    assert theta is case.theta and info.outcome is Outcome.REJECTED and info.evaluations == 51
    assert info.loss == pytest.approx(float(case.objective.value(case.theta)), rel=1e-12)
    assert optimizer.state()["current"] == pytest.approx(0.1)
    for _ in range(20):
        optimizer.step(cliff(case), case.theta)
    assert optimizer.state()["current"] == pytest.approx(1e-10), "no shorter"


def test_a_radius_has_an_upper_bound():
    case = CATALOGUE["fit"]()
    optimizer = Dsgnar(PACE, radius=1e6, ratio=1e-9)
    theta, _ = optimizer.step(case.objective, case.theta)
    assert float((theta - case.theta).norm()) <= 1e3 * (1 + 1e-9)


def test_a_decomposition_that_fails_is_said(monkeypatch):
    def fail(*args, **settings):
        raise torch.linalg.LinAlgError("the algorithm did not converge")

    case = CATALOGUE["fit"]()
    monkeypatch.setattr(torch.linalg, "svd", fail)
    theta, info = Dsgnar(PACE).step(case.objective, case.theta)
    assert theta is case.theta and info.outcome is Outcome.SINGULAR


def test_a_vanished_gradient_is_the_end():
    case = CATALOGUE["fit"]()
    case.blocks[0].points.data["data"].zero_()
    theta = torch.zeros(case.network.size, dtype=torch.float64)
    new, info = Dsgnar(PACE).step(case.objective, theta)
    assert new is theta and info.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("old_to_new", [None, torch.arange(10)])
def test_growth_starts_anew(old_to_new):
    case = CATALOGUE["fit"]()
    optimizer, fresh = Dsgnar(PACE), Dsgnar(PACE)
    optimizer.step(case.objective, case.theta)
    optimizer.grow(old_to_new, 30)
    state, expected = optimizer.state(), fresh.state()
    assert torch.equal(state.pop("generator"), expected.pop("generator")) and state == expected


def test_softening_is_a_third_of_the_radius_and_the_careful_ratio():
    case = CATALOGUE["fit"]()
    optimizer = Dsgnar(PACE, radius=0.9)
    optimizer.soften()
    assert (optimizer.radius, optimizer.ratio) == (pytest.approx(0.3), 0.5)
    optimizer.step(case.objective, case.theta)
    before = optimizer.state()["current"]
    optimizer.soften()
    assert optimizer.state()["current"] == pytest.approx(before / 3.0)
