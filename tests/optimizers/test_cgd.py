"""Competitive gradient descent against the papers' formulas in dense numpy, and on a game whose path is known."""

from math import sqrt

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, cube, make, naive
from torch.func import jacrev

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Term
from pinnrun.optimizers import CompetitiveGradientDescent, Outcome, Pace
from pinnrun.optimizers.cgd import competitive_step, critic_of

PACE = Pace(2, 2, 2, 1, 1)
INPUTS = {"burgers": lambda x: x, "poisson_soft": lambda x: 2.0 * x - 1.0, "flow": lambda x: x}
EXACT = {"tolerance": 1e-13, "iterations": 1000}


def bets(case, shape, omega, inputs):
    """d `(N,)` and K `(N, Q)` by `jacrev`, from the critic in plain tensors."""

    def rows(omega):
        parts = []
        for output, block in enumerate(case.blocks):
            x = block.points.x[0]
            parts.append(sqrt(block.term.weight / len(x)) * shape.value(omega, inputs(x))[:, output])
        return torch.cat(parts)

    return rows(omega).numpy(), jacrev(rows)(omega).numpy()


def first_critic(inputs, outputs, width=4, depth=2, activation="sin", seed=5):
    """The critic as the settings below start it."""
    shape = Mlp(inputs, outputs, width, depth, activation)
    return shape, shape.initial(torch.Generator().manual_seed(seed))


SMALL = {"critic_width": 4, "critic_depth": 2, "critic_activation": "sin", "critic_seed": 5}


def by_hand(case, theta, omega, shape, inputs, rates):
    """Both systems of Schäfer & Anandkumar's algorithm 1 for a zero-sum game, each solved on its own, in a metric."""
    r, jacobian = (part.numpy() for part in naive(case, theta))
    d, critic_jacobian = bets(case, shape, omega, inputs)
    slope, gain, mixed = jacobian.T @ d, critic_jacobian.T @ r, jacobian.T @ critic_jacobian
    down, up = (np.diag(rate) for rate in rates(slope, gain))
    move = -np.linalg.solve(np.linalg.inv(down) + mixed @ up @ mixed.T, slope + mixed @ up @ gain)
    counter = np.linalg.solve(np.linalg.inv(up) + mixed.T @ down @ mixed, gain - mixed.T @ down @ slope)
    return torch.as_tensor(move), torch.as_tensor(counter)


@pytest.mark.parametrize("name", INPUTS)
def test_steps_are_the_dense_formula(name):
    """θ and ω after each of three steps."""
    case, rate = CATALOGUE[name](), 0.7
    shape, omega = first_critic(2, len(case.blocks))
    optimizer = CompetitiveGradientDescent(PACE, learning_rate=rate, adaptive=False, **SMALL, **EXACT)
    theta = case.theta

    def rates(slope, gain):
        return np.full_like(slope, rate), np.full_like(gain, rate)

    for _ in range(3):
        move, counter = by_hand(case, theta, omega, shape, INPUTS[name], rates)
        new, info = optimizer.step(case.objective, theta)
        assert info.outcome is Outcome.ACCEPTED
        assert info.loss == pytest.approx(float(case.objective.value(new)), rel=1e-12)
        assert close(new - theta, move, 1e-9)
        assert close(optimizer.state()["omega"] - omega, counter, 1e-9)
        theta, omega = new, optimizer.state()["omega"]


def test_adaptive_steps_are_the_formula_with_each_parameter_s_own_rate():
    """ACGD: η √(1 − βᵗ) / (√v + …) with v the decaying mean of the squares."""
    case, rate, beta, epsilon = CATALOGUE["burgers"](), 0.3, 0.9, 1e-6
    shape, omega = first_critic(2, 2)
    settings = {"learning_rate": rate, "decay": beta, "epsilon": epsilon}
    optimizer, theta, squares = CompetitiveGradientDescent(PACE, **settings, **SMALL, **EXACT), case.theta, [0.0, 0.0]
    for t in (1, 2, 3):

        def rates(*gradients, t=t):
            for player, gradient in enumerate(gradients):
                squares[player] = beta * squares[player] + (1 - beta) * gradient**2
            return [rate / (np.sqrt(square / (1 - beta**t)) + epsilon) for square in squares]

        move, counter = by_hand(case, theta, omega, shape, INPUTS["burgers"], rates)
        new, _ = optimizer.step(case.objective, theta)
        assert close(new - theta, move, 1e-8)
        assert close(optimizer.state()["omega"] - omega, counter, 1e-8)
        theta, omega = new, optimizer.state()["omega"]


@pytest.mark.parametrize("rate", [0.2, 1.0, 5.0])
def test_the_bilinear_game_converges_where_gradients_diverge(rate):
    """f = xy from (1, 1): one step multiplies the distance by 1/√(1 + η²), that of descent and ascent by √(1 + η²)."""
    eta, x, y = (torch.tensor([value], dtype=torch.float64) for value in (rate, 1.0, 1.0))
    plain = np.array([1.0, 1.0])
    for step in range(1, 40):
        dx, dy, _ = competitive_step(
            y, x, lambda v: v, lambda v: v, eta[0], eta[0], start=None, tolerance=1e-12, iterations=9
        )
        x, y = x + dx, y + dy
        plain = plain + rate * np.array([-plain[1], plain[0]])
        distance = sqrt(2.0) * (1.0 + rate**2) ** (-step / 2)
        assert float(torch.cat([x, y]).norm()) == pytest.approx(distance, rel=1e-9)
        assert np.linalg.norm(plain) == pytest.approx(sqrt(2.0) * (1.0 + rate**2) ** (step / 2), rel=1e-9)


@pytest.mark.parametrize("settings", [{"adaptive": True}, {"adaptive": False, "learning_rate": 1.0}])
def test_the_loss_falls_though_it_is_not_what_is_minimised(settings):
    case = CATALOGUE["fit"]()
    optimizer, theta, losses = (
        CompetitiveGradientDescent(PACE, critic_width=8, **settings),
        case.theta,
        [float(case.objective.value(case.theta))],
    )
    for _ in range(150):
        theta, info = optimizer.step(case.objective, theta)
        losses.append(info.loss)
    assert losses[-1] < 0.2 * losses[0]


def test_the_critic_sees_the_first_place_and_bets_on_every_row():
    """A condition across an interface, at two places; a term with two rows a point."""
    case = CATALOGUE["poisson_boltzmann"]()
    features = case.field.inputs(case.blocks[0].points, Derivatives()).channels.shape[-1]
    shape, omega = first_critic(features, len(case.blocks))
    expected = []
    for output, block in enumerate(case.blocks):
        seen = case.field.inputs(block.points, Derivatives()).channels[0, 0]
        scale = sqrt(block.term.weight / len(block.points))
        expected.append(scale * shape.value(omega, seen)[:, output])
    assert {len(block.points.x) for block in case.blocks} == {1, 2}
    assert close(critic_of(case.objective, shape).residual(omega), torch.cat(expected))

    gradient = Term("gradient", cube(2, 3), lambda points, u: u.gradient[:, 0, :, 0].T, Derivatives(True), 6, 3.0, 2)
    value = Term("value", cube(2, 4), lambda points, u: u.value[..., 0], Derivatives(), 5)
    case = make("rows", Mlp(2, 1, 3, 1), [(gradient, None), (value, None)])
    shape, omega = first_critic(2, 3)
    bet = [shape.value(omega, block.points.x[0]) for block in case.blocks]
    expected = [sqrt(3.0 / 6) * bet[0][:, 0], sqrt(3.0 / 6) * bet[0][:, 1], sqrt(1.0 / 5) * bet[1][:, 2]]
    critic = critic_of(case.objective, shape)
    assert close(critic.residual(omega), torch.cat(expected))
    assert critic.rows == case.objective.rows == 17


def test_a_growth_keeps_the_critic_and_what_is_known_of_old_parameters():
    case = CATALOGUE["fit"]()
    optimizer, theta = CompetitiveGradientDescent(PACE, **SMALL), case.theta
    for _ in range(3):
        theta, _ = optimizer.step(case.objective, theta)
    old, places = optimizer.state(), torch.tensor([0, 1, 2, 5, 6, 7, 10, 11, 12, 15])
    optimizer.grow(places, 16)
    new = optimizer.state()
    assert torch.equal(new["omega"], old["omega"])
    for before, after in (
        (old["solution"], new["solution"]),
        *zip(old["players"]["network"], new["players"]["network"], strict=True),
    ):
        assert torch.equal(after[places], before)
        assert torch.count_nonzero(before) == torch.count_nonzero(after) == 10
    assert all(map(torch.equal, new["players"]["critic"], old["players"]["critic"]))


def test_a_start_afresh_begins_with_another_critic():
    case = CATALOGUE["fit"]()
    optimizer = CompetitiveGradientDescent(PACE, **SMALL)
    optimizer.step(case.objective, case.theta)
    optimizer.grow(None, 10)
    assert optimizer.state()["players"] == {}
    again = CompetitiveGradientDescent(PACE, **SMALL)
    again.load(optimizer.state())
    omegas = []
    for each in (optimizer, again, CompetitiveGradientDescent(PACE, **SMALL)):
        each.step(case.objective, case.theta)
        omegas.append(each.state()["omega"])
    assert torch.equal(omegas[0], omegas[1])
    assert not torch.equal(omegas[0], omegas[2])


def test_a_solution_is_where_the_next_one_starts():
    """At the same θ and ω it solves the system with no iteration at all."""
    case = CATALOGUE["burgers"]()
    optimizer = CompetitiveGradientDescent(PACE, adaptive=False, learning_rate=0.5, **SMALL, **EXACT)
    optimizer.step(case.objective, case.theta)
    before = optimizer.state()
    _, omega = first_critic(2, 2)
    optimizer.load({**before, "omega": omega})
    optimizer.iterations = 0
    optimizer.step(case.objective, case.theta)
    assert close(optimizer.state()["solution"], before["solution"], 1e-14)
    assert close(optimizer.state()["omega"], before["omega"], 1e-14)
