"""What the linearization promises, against least squares in numpy on J by `vmap(jacrev)`."""

from math import isnan

import numpy as np
import pytest
import torch
from cases import CATALOGUE, naive

from pinnrun.optimizers import (
    Adam,
    Auto,
    EnergyNaturalGradient,
    LevenbergMarquardt,
    Pace,
    SelfScaledBroyden,
    Spring,
    promised,
)
from pinnrun.optimizers.lm import DampedSystem
from pinnrun.optimizers.promise import DAMPING, DECADES, promise

PACE = Pace(20, 20, 20, 1, 1)
NAMES = ["fit", "burgers", "poisson_boltzmann"]


class Rows:
    """r and J as they are given."""

    is_least_squares = True

    def __init__(self, r, jacobian):
        self.r, self.jacobian = torch.as_tensor(r), torch.as_tensor(jacobian)
        self.gradient, self.value = self.jacobian.T @ self.r, 0.5 * self.r @ self.r

    def gram(self):
        return self.jacobian.T @ self.jacobian


def system(r, jacobian):
    rows = Rows(r, jacobian)
    return DampedSystem(rows, rows.gradient, "gram")


def by_hand(r, jacobian, relative):
    """Decades between ½‖r‖² and ½‖r + Jd‖² at the damped d; the least squares solution without damping."""
    if relative:
        damping = relative * (jacobian**2).sum(0).max()
        d = -np.linalg.solve(jacobian.T @ jacobian + damping * np.eye(jacobian.shape[1]), jacobian.T @ r)
    else:
        d = -np.linalg.lstsq(jacobian, r)[0]
    return float(np.log10((r @ r) / np.sum((r + jacobian @ d) ** 2)))


@pytest.mark.parametrize("damping", [1e-7, 1e-9, 1e-10])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_a_damped_step_leaves_of_the_rows(monkeypatch, damping, seed):
    monkeypatch.setattr("pinnrun.optimizers.promise.DAMPING", damping)
    rng = np.random.default_rng(seed)
    jacobian = rng.normal(size=(30, 8)) * 10.0 ** -np.arange(8)
    r = jacobian @ rng.normal(size=8) * 10 + rng.normal(size=30)
    assert promise(system(r, jacobian)) == pytest.approx(by_hand(r, jacobian, damping), rel=1e-8)


def test_without_damping_it_is_least_squares():
    rng = np.random.default_rng(3)
    r, jacobian = rng.normal(size=30), rng.normal(size=(30, 8))
    assert promise(system(r, jacobian)) == pytest.approx(by_hand(r, jacobian, 0.0), rel=1e-10)


def test_a_residual_that_the_tangent_space_holds_is_promised_to_vanish_and_one_beside_it_to_stay():
    rng = np.random.default_rng(4)
    jacobian = rng.normal(size=(30, 8))
    outside = np.linalg.qr(np.column_stack([jacobian, rng.normal(size=30)]))[0][:, -1]
    assert promise(system(jacobian @ np.ones(8), jacobian)) == DECADES
    assert promise(system(outside, jacobian)) == pytest.approx(0.0, abs=1e-12)


def test_a_singular_system_is_damped_until_it_can_be_solved():
    """Two parameters do the same, a third does nothing."""
    rng = np.random.default_rng(5)
    jacobian = rng.normal(size=(30, 8))
    jacobian[:, 1], jacobian[:, 2] = jacobian[:, 0], 0.0
    r = rng.normal(size=30)
    assert promise(system(r, jacobian)) == pytest.approx(by_hand(r, jacobian, 0.0), rel=1e-6)


@pytest.mark.parametrize(
    ("r", "jacobian"),
    [(np.ones(7), np.ones((7, 8))), (np.zeros(30), np.ones((30, 8))), (np.ones(30), np.nan * np.ones((30, 8)))],
)
def test_nothing_is_promised_where_any_network_would_do_or_nothing_is_left_or_known(r, jacobian):
    assert isnan(promise(system(r, jacobian)))
    assert isnan(promise(None))


@pytest.mark.parametrize("name", NAMES)
def test_levenberg_marquardt_is_promised_by_the_system_of_its_last_step(name):
    case = CATALOGUE[name]()
    r, jacobian = (part.numpy() for part in naive(case, case.theta))
    optimizer = LevenbergMarquardt(PACE, form="gram")
    optimizer.step(case.objective, case.theta)
    seen = promised(optimizer, case.objective, torch.full_like(case.theta, torch.nan))
    if len(r) < jacobian.shape[1]:
        assert isnan(seen)
    else:
        assert seen == pytest.approx(by_hand(r, jacobian, DAMPING), rel=1e-5)


def test_asking_changes_no_step():
    case = CATALOGUE["fit"]()
    asked, quiet = LevenbergMarquardt(PACE), LevenbergMarquardt(PACE)
    one = other = case.theta
    for _ in range(5):
        one, _ = asked.step(case.objective, one)
        promised(asked, case.objective, one)
        other, _ = quiet.step(case.objective, other)
        assert torch.equal(one, other)
    assert asked.state() == quiet.state()


def test_another_network_and_a_saved_state_have_made_no_promise():
    case = CATALOGUE["fit"]()
    optimizer = LevenbergMarquardt(PACE)
    for forget in (lambda: optimizer.grow(None, 20), lambda: optimizer.load(optimizer.state())):
        optimizer.step(case.objective, case.theta)
        assert not isnan(promised(optimizer, case.objective, case.theta))
        forget()
        assert isnan(promised(optimizer, case.objective, case.theta))


def test_auto_passes_on_what_its_present_method_was_promised():
    case = CATALOGUE["fit"]()
    auto, alone = Auto(PACE), LevenbergMarquardt(PACE)
    assert isnan(promised(auto, case.objective, case.theta))
    for optimizer in (auto, alone):
        optimizer.step(case.objective, case.theta)
    seen = [promised(optimizer, case.objective, case.theta) for optimizer in (auto, alone)]
    assert seen[0] == seen[1] > 0.0


def test_a_method_that_keeps_no_system_is_promised_where_it_stands():
    case = CATALOGUE["fit"]()
    r, jacobian = (part.numpy() for part in naive(case, case.theta))
    seen = promised(EnergyNaturalGradient(PACE), case.objective, case.theta)
    assert seen == pytest.approx(by_hand(r, jacobian, DAMPING), rel=1e-6)


@pytest.mark.parametrize("method", [Adam, SelfScaledBroyden, Spring])
def test_nothing_is_promised_to_methods_that_solve_no_system_of_all_parameters(method):
    case = CATALOGUE["fit"]()
    assert isnan(promised(method(PACE), case.objective, case.theta))
