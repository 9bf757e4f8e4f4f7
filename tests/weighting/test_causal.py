"""Causal weights by hand, in numpy, and what they do to rows, gradient and schedule."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close

from pinnrun.calculus import Derivatives, Objective, Points, Term
from pinnrun.weighting.base import ROOT
from pinnrun.weighting.causal import Causal
from pinnrun.weighting.weighed import weighed


@pytest.fixture
def heat():
    case = CATALOGUE["heat"]()
    return case, [(block.term, block.points) for block in case.blocks]


def by_hand(case, blocks, epsilon, chunks):
    """w of every point of the equation: sort, cut, add up."""
    equation, at = blocks[0]
    rows = Objective(case.field, [(replace(equation, weight=1.0), at)]).residual(case.theta).numpy()
    squares = rows**2 * len(at)
    order = np.argsort(at.x[0, :, 0].numpy())
    w, before = np.empty(len(at)), 0.0
    for part in (order[-(-k * len(at) // chunks) : -(-(k + 1) * len(at) // chunks)] for k in range(chunks)):
        w[part] = np.exp(-epsilon * before)
        before += squares[part].mean()
    return w


@pytest.mark.parametrize("chunks", [2, 3, 9])
@pytest.mark.parametrize("epsilon", [0.5, 3.0])
def test_weights_by_hand(heat, epsilon, chunks):
    case, blocks = heat
    weighting = Causal(epsilon=(epsilon,), chunks=chunks)
    weighting.measure(case.field, blocks, case.theta)
    expected = by_hand(case, blocks, epsilon, chunks)
    assert len(set(expected)) == chunks
    np.testing.assert_allclose(weighting.weight(*blocks[0]), expected, rtol=1e-10)
    assert weighting.weight(*blocks[1]) == blocks[1][0].weight, "values on the sides and at the start are not in time"
    columns = weighting.columns(blocks)
    assert columns["weight/equation"] == pytest.approx(expected.mean(), rel=1e-10)
    assert columns["causal/smallest"] == pytest.approx(expected.min(), rel=1e-10)
    assert columns["causal/epsilon"] == epsilon


def test_equations_in_time_share_the_weights():
    """Two terms: their losses in a chunk add up, each with its own weight."""
    case, generator = CATALOGUE["burgers"](), torch.Generator().manual_seed(0)
    terms = [
        Term(name, CATALOGUE_sampler, residual, Derivatives(), 4, weight, time=1)
        for name, residual, weight in (
            ("first", lambda points, u: u.value[..., 0], 2.0),
            ("second", lambda points, u: torch.stack([u.value[0, :, 0], 3.0 * u.value[0, :, 0]], 1), 5.0),
        )
    ]
    terms[1] = replace(terms[1], rows=2)
    blocks = [(term, term.sample(generator, 4)) for term in terms]
    weighting = Causal(epsilon=(0.3,), chunks=2)
    weighting.measure(case.field, blocks, case.theta)
    early = blocks[0][1].x[0, :, 1] < 0.5
    u = case.network.value(case.theta, blocks[0][1].x[0])[:, 0]
    before = float((2.0 + 5.0 * (1.0 + 9.0)) * u[early].square().mean())
    for term, points in blocks:
        w = weighting.weight(term, points) / term.weight
        assert torch.equal(w[early], torch.ones(2, dtype=w.dtype))
        assert w[~early].tolist() == pytest.approx(2 * [np.exp(-0.3 * before)], rel=1e-12)


def CATALOGUE_sampler(generator, count):
    return Points(torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.4, 0.3], [0.6, 0.7]], dtype=torch.float64))


def test_rows_carry_the_root_of_the_weight(heat):
    """The gradient is that of ½ mean w r² with w held fast, and J that of the scaled rows."""
    case, blocks = heat
    weighting = Causal(epsilon=(0.2,), chunks=4)
    weighting.measure(case.field, blocks, case.theta)
    objective = Objective(case.field, [weighed(*block) for block in blocks])
    weighting.write(blocks)
    plain = Objective(case.field, blocks).linearize(case.theta)
    root = torch.cat([torch.as_tensor(by_hand(case, blocks, 0.2, 4)).sqrt(), torch.ones(len(blocks[1][1]))])
    for linear in (objective.linearize(case.theta), objective.linearize_rowwise(case.theta)):
        assert close(linear.r, root * plain.r)
        assert close(linear.J(), root[:, None] * plain.J())
    assert close(objective.gradient(case.theta)[1], plain.J().T @ (root.square() * plain.r))


def test_epsilon_follows_the_list_and_the_end_is_the_plain_loss(heat):
    case, blocks = heat
    weighting = Causal(epsilon=(1e-6, 5.0, 10.0), chunks=3, delta=0.9)
    weighting.measure(case.field, blocks, case.theta)
    assert weighting.state()["index"] == 1 and min(weighting.state()["weights"]) > 0.9
    for _ in range(3):
        weighting.measure(case.field, blocks, case.theta)
        assert weighting.state()["index"] == 1 and min(weighting.state()["weights"]) < 0.9
    solved = [(replace(term, residual=lambda points, u: 1e-4 * u.value[..., 0]), at) for term, at in blocks]
    for index, moves in ((2, True), (3, False)):
        assert weighting.moves
        weighting.measure(case.field, solved, case.theta)
        assert (weighting.state()["index"], weighting.moves) == (index, moves)
    [weighed(*block) for block in blocks]
    weighting.write(blocks)
    assert all(bool((points[ROOT] == term.weight**0.5).all()) for term, points in blocks)
    assert weighting.columns(blocks)["causal/smallest"] == 1.0
    weighting.start()
    assert weighting.moves and weighting.columns(blocks)["causal/epsilon"] == 1e-6


def test_weights_of_late_times_never_vanish_altogether(heat):
    case, blocks = heat
    weighting = Causal(epsilon=(1e6,), chunks=3)
    weighting.measure(case.field, blocks, case.theta)
    assert weighting.columns(blocks)["causal/smallest"] == 1e-24
