"""Gradient norms against autograd on plain tensors, and the moving average by hand."""

from dataclasses import replace

import pytest
import torch
from cases import CATALOGUE, naive

from pinnrun.calculus import Objective
from pinnrun.weighting.grad_norm import GradNorm

CASES = ["poisson_soft", "burgers", "flow", "poisson_boltzmann", "without_jets"]


def blocks_of(case):
    return [(block.term, block.points) for block in case.blocks]


def unweighted_rows(case):
    """Rows and Jacobian of each term with weight 1, by nested autograd."""
    for block in case.blocks:
        yield naive(replace(case, blocks=(replace(block, term=replace(block.term, weight=1.0)),)))


@pytest.mark.parametrize("name", CASES)
def test_weights_are_the_sum_of_the_gradient_norms_over_each(name):
    case = CATALOGUE[name]()
    weighting = GradNorm()
    weighting.measure(case.field, blocks_of(case), case.theta)
    norms = [(J.T @ r).norm() for r, J in unweighted_rows(case)]
    for (term, points), norm in zip(blocks_of(case), norms, strict=True):
        assert weighting.weight(term, points) == pytest.approx(float(sum(norms) / norm), rel=1e-10)


@pytest.mark.parametrize("name", ["poisson_soft", "burgers"])
def test_weighed_gradients_have_one_length(name):
    """The terms' own weights play no part: what they were is replaced."""
    case = CATALOGUE[name]()
    weighting = GradNorm()
    weighting.measure(case.field, blocks_of(case), case.theta)
    lengths = [
        Objective(case.field, [(replace(term, weight=weighting.weight(term, at)), at)]).gradient(case.theta)[1].norm()
        for term, at in blocks_of(case)
    ]
    assert torch.allclose(torch.stack(lengths), lengths[0], rtol=1e-12, atol=0)


def test_the_average_moves_from_the_first_weights():
    case = CATALOGUE["poisson_soft"]()
    weighting, fresh = GradNorm(momentum=0.8), GradNorm()
    first = weighting.measure(case.field, blocks_of(case), case.theta) or weighting.state()["weights"].copy()
    weighting.measure(case.field, blocks_of(case), 1.5 * case.theta)
    fresh.measure(case.field, blocks_of(case), 1.5 * case.theta)
    for name, value in weighting.state()["weights"].items():
        assert value == pytest.approx(0.8 * first[name] + 0.2 * fresh.state()["weights"][name], rel=1e-14)
    weighting.start()
    assert all(weighting.weight(term, at) == term.weight for term, at in blocks_of(case))


def test_a_term_without_a_gradient_has_a_large_weight_and_no_infinite_one():
    case = CATALOGUE["poisson_soft"]()
    (equation, at), boundary = blocks_of(case)
    solved = replace(equation, residual=lambda points, u: 0.0 * u.laplacian[..., 0])
    weighting = GradNorm()
    weighting.measure(case.field, [(solved, at), boundary], case.theta)
    assert weighting.weight(solved, at) == pytest.approx(1e8)
    assert weighting.weight(*boundary) == 1.0


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 0.0])
def test_gradients_that_are_no_numbers_or_all_zero_leave_the_weights_alone(factor):
    case = CATALOGUE["poisson_soft"]()
    weighting = GradNorm()
    weighting.measure(case.field, blocks_of(case), case.theta)
    before = weighting.state()
    broken = [
        (replace(term, residual=lambda points, u, term=term: factor * term.residual(points, u)), at)
        for term, at in blocks_of(case)
    ]
    weighting.measure(case.field, broken, case.theta)
    assert weighting.state() == before
