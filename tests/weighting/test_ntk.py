"""The trace of the neural tangent kernel against a dense J by nested autograd."""

from dataclasses import replace

import pytest
from cases import CATALOGUE, naive

from pinnrun.weighting.ntk import Ntk


@pytest.mark.parametrize("name", ["poisson_soft", "burgers", "heat", "flow", "poisson_boltzmann", "without_jets"])
def test_weights_are_the_sum_of_the_traces_over_each(name):
    case = CATALOGUE[name]()
    blocks = [(block.term, block.points) for block in case.blocks]
    weighting = Ntk()
    weighting.measure(case.field, blocks, case.theta)
    traces = []
    for block in case.blocks:
        _, J = naive(replace(case, blocks=(replace(block, term=replace(block.term, weight=1.0)),)))
        traces.append(float((J @ J.T).trace()))
    for (term, points), trace in zip(blocks, traces, strict=True):
        assert weighting.weight(term, points) == pytest.approx(sum(traces) / trace, rel=1e-10)


def test_the_weight_of_a_term_falls_as_its_kernel_grows():
    """Not the other way round: a term with ten times the residual has a hundred times the trace."""
    case = CATALOGUE["poisson_soft"]()
    (equation, at), boundary = [(block.term, block.points) for block in case.blocks]
    larger = replace(equation, residual=lambda points, u: 10.0 * equation.residual(points, u))
    weightings = Ntk(), Ntk()
    for weighting, term in zip(weightings, (equation, larger), strict=True):
        weighting.measure(case.field, [(term, at), boundary], case.theta)
    ratios = [weighting.weight(equation, at) / weighting.weight(*boundary) for weighting in weightings]
    assert ratios[0] / ratios[1] == pytest.approx(100.0, rel=1e-12)


def test_the_number_of_points_plays_no_part():
    case = CATALOGUE["poisson_soft"]()
    (equation, at), boundary = [(block.term, block.points) for block in case.blocks]
    twice = at.take([*range(len(at)), *range(len(at))])
    weightings = Ntk(), Ntk()
    for weighting, points in zip(weightings, (at, twice), strict=True):
        weighting.measure(case.field, [(equation, points), boundary], case.theta)
    assert weightings[0].weight(equation, at) == pytest.approx(weightings[1].weight(equation, twice), rel=1e-12)
