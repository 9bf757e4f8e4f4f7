"""Neurons chosen by the residual: true columns, a wise choice, a better next step."""

import pytest
import torch
from architectures.growth.networks import SIZES, brute_force, generator, objective, probe
from cases import close, parameters

from pinnrun.architectures import Mlp, deepen, widen
from pinnrun.architectures.growth import candidates
from pinnrun.architectures.growth.base import signals
from pinnrun.architectures.growth.candidates import _aim, _Pool
from pinnrun.architectures.growth.neurons import newcomers, silence
from pinnrun.architectures.growth.plain import zero_out
from pinnrun.architectures.growth.pursuit import Tangent, pursue
from pinnrun.calculus import Derivatives, Field, Objective, Term
from pinnrun.optimizers import Pace
from pinnrun.optimizers.lm import LevenbergMarquardt


def crowd(network, kind, seed=2):
    """A larger network with candidates, and its θ."""
    new = network.deeper() if kind == "deepen" else network.of_width(network.width + 6)
    theta = zero_out(network, parameters(network), new, generator(seed)).theta
    if kind == "widen":
        silence(network, new, theta)
    return new, theta


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("kind", ["widen", "deepen"])
def test_a_column_is_the_change_of_the_rows_along_steepest_descent(network, kind):
    """Against J from `vmap(jacrev)`, and against a finite difference of the residual."""
    new, theta = crowd(network, kind)
    at = objective(new)
    J, linear = at.linearize_rowwise(theta).J(), at.linearize(theta)
    gradient = J.T @ linear.r
    for group in newcomers(network, new).values():
        pool = _Pool(group)
        pool.add(new, theta, linear, linear.gradient)
        found = pool.candidates(1)
        for j, (out, own) in enumerate(zip(group.out, group.own, strict=True)):
            direction = gradient[out] / gradient[out].norm().clamp(min=1e-300)
            assert close(found.columns[:, j], J[:, out] @ direction, 1e-10)
            assert float(found.slopes[j]) == pytest.approx(float(gradient[out].norm()), rel=1e-9, abs=1e-12)
            assert torch.equal(pool.own[0][j], theta[own])
        moved = theta.clone()
        moved[group.out[0]] += 1e-6 * gradient[group.out[0]] / gradient[group.out[0]].norm().clamp(min=1e-300)
        assert close((at.residual(moved) - linear.r) / 1e-6, found.columns[:, 0], 1e-4)


@pytest.mark.parametrize("network", SIZES, ids=repr)
def test_candidates_cut_through_the_points_at_several_scales(network):
    """Each one's pre-activation is zero at a point that the layer below shows, and spreads as drawn."""
    theta = parameters(network)
    new, drawn = crowd(network, "widen")
    shown = signals(network, probe(network, theta))
    before = new.layout.split(drawn.clone())
    for group in newcomers(network, new).values():
        _aim(new, drawn, group, shown, generator(5))
        for name, first in group.rows:
            part = new.layout.split(drawn)[name]
            if part.dim() < 2:
                continue
            seen = shown[name]
            assert close(part[:first], before[name][:first])
            y = seen @ part[first:, : seen.shape[1]].T
            spread = y.std(0)
            assert float(spread.min()) >= 0.5 and float(spread.max()) <= 8.0
            bias = name.removesuffix("weight") + "bias"
            if name.endswith(".weight"):
                y = y + new.layout.split(drawn)[bias][first:]
                assert float(y.abs().min(0).values.max()) <= 1e-10
    assert {name for name, _ in network.layout.shapes} >= set(shown)


def trained(steps: int = 25):
    """A small network at the end of what it can do."""
    network = Mlp(2, 1, 4, 1)
    at, theta = objective(network, 200), network.initial(generator(1))
    optimizer = LevenbergMarquardt(Pace(10, 10, 10, 1, 1))
    for _ in range(steps):
        theta, _ = optimizer.step(at, theta)
    return network, theta


def next_losses(growth, steps: int = 3) -> torch.Tensor:
    """The logarithm of the loss after each of the steps that follow."""
    at, theta = objective(growth.architecture, 200), growth.theta
    optimizer, losses = LevenbergMarquardt(Pace(10, 10, 10, 1, 1)), []
    for _ in range(steps):
        theta, info = optimizer.step(at, theta)
        losses.append(info.loss)
    return torch.tensor(losses).log()


def seen(network, theta):
    return objective(network, 200).linearize(theta)


@pytest.mark.parametrize("kind", ["widen", "deepen"])
@pytest.mark.parametrize("rule", ["residual", "greedy"])
def test_the_next_step_gains_more_than_with_random_neurons(kind, rule):
    """On the mean of the logarithm over five draws, after one step and after three."""
    network, theta = trained()
    grow = {
        "widen": lambda rule, seed: widen(network, theta, 8, rule, generator(seed), seen),
        "deepen": lambda rule, seed: deepen(network, theta, rule, generator(seed), seen),
    }[kind]
    chosen, drawn = (
        torch.stack([next_losses(grow(name, seed)) for seed in range(5)]).mean(0) for name in (rule, "zero_out")
    )
    assert bool((chosen < drawn - 0.1).all())


def test_in_one_layer_the_whole_rule_is_a_selection_by_trial(monkeypatch):
    """A small case: the rule's neurons are those of a selection that fits every trial by least squares."""
    monkeypatch.setattr(candidates, "CANDIDATES", 4)
    network, theta = trained()
    growth = widen(network, theta, 7, "residual", generator(3), seen)
    random = generator(3)
    zero_out(network, theta, network.of_width(7), random)
    wide = network.of_width(4 + 12)
    drawn = zero_out(network, theta, wide, random).theta
    (group,) = newcomers(network, wide).values()
    _aim(wide, drawn, group, signals(network, seen(network, theta)), random)
    J = objective(wide, 200).linearize_rowwise(drawn).J()
    here = objective(network, 200).linearize_rowwise(theta)
    damping = 1e-6 * float(here.J().square().sum(0).max())
    ((*expected,),) = brute_force(here.r, here.J(), [J[:, group.out[:, 0]]], [3], damping)
    parts = growth.architecture.layout.split(growth.theta)
    assert torch.equal(parts["hidden1.weight"][4:], wide.layout.split(drawn)["hidden1.weight"][4:][expected])
    assert torch.equal(parts["hidden1.bias"][4:], wide.layout.split(drawn)["hidden1.bias"][4:][expected])


def test_a_network_without_factors_is_served_by_its_jacobian():
    """The same choice from J as a matrix, with incoming weights as any network draws them."""
    network = SIZES[1]
    theta = parameters(network)

    def dense(network, theta):
        return objective(network).linearize_rowwise(theta)

    def unaimed(network, theta):
        linear = objective(network).linearize(theta)
        linear.signals = dict
        return linear

    first, second = (widen(network, theta, 6, "residual", generator(4), at) for at in (dense, unaimed))
    assert close(first.theta, second.theta)


def test_portions_of_candidates_add_up(monkeypatch):
    """More candidates than are judged at once: each portion's neurons may be taken."""
    monkeypatch.setattr(candidates, "PORTION", 7)
    network = SIZES[0]
    calls = []

    def counted(network, theta):
        calls.append(network.width)
        return probe(network, theta)

    growth = widen(network, parameters(network), 6, "residual", generator(), counted)
    assert calls == [3] + [10] * 9  # 60 candidates, 7 at a time
    assert growth.architecture.width == 6


def test_loads_count():
    """An energy's slope has a load in it; a choice by the rows alone would not see it."""
    network = SIZES[0]
    square = Term(
        "energy", objective(network).blocks[0][0].sample, lambda points, u: u.d(0), Derivatives(gradient=True), 30
    )
    load = Term("load", square.sample, lambda points, u: u.value * points.x[..., :1], Derivatives(), 30, role="load")

    def at(network, theta):
        field = Field(network, lambda points, wanted: points.coordinates(wanted), lambda points, raw: raw)
        return Objective(field, [(term, term.sample(generator(), 30)) for term in (square, load)]).linearize(theta)

    theta = parameters(network)
    new, drawn = crowd(network, "widen")
    linear = at(new, drawn)
    (group,) = newcomers(network, new).values()
    pool = _Pool(group)
    pool.add(new, drawn, linear, linear.gradient)
    expected = [float(linear.gradient[out].norm()) for out in group.out]
    assert pool.candidates(1).slopes.tolist() == pytest.approx(expected)
    assert (
        max(abs(a - float((linear.rmv(linear.r)[out]).norm())) for a, out in zip(expected, group.out, strict=True))
        > 1e-3
    )
    tangent = Tangent(at(network, theta))
    gram = at(network, theta).J().T @ at(network, theta).J()
    step = torch.linalg.solve(
        gram + tangent.damping * torch.eye(network.size, dtype=gram.dtype), -at(network, theta).gradient
    )
    assert close(tangent.rows, at(network, theta).J() @ step, 1e-8)
    assert len(pursue([pool.candidates(2)], tangent)[0]) == 2
