"""Prices of a step: counted operations, and ratios of them."""

import pytest

from pinnrun.scaleup.price import JETS, STEP, TERM, StepCost, scaled


def test_a_gradient_is_linear_in_the_size_and_a_dense_step_cubic():
    first = StepCost(rows=1000, jets=4000)
    assert first.operations(0) == STEP + TERM
    assert first.operations(100) - first.operations(0) == JETS * 3 * 4000 * 100
    assert StepCost(rows=1000, jets=4000, terms=3).operations(100) - first.operations(100) == 2 * TERM
    dense = StepCost(1000, 4000, "parameters")
    assert dense.operations(6) - first.operations(6) == 1000 * 6 + 1000 * 36 / 2 + 216 / 6
    kernel = StepCost(10, 40, "rows")
    gradient = StepCost(10, 40).operations(7)
    assert kernel.operations(7) - gradient == pytest.approx(10 * 7 + 100 * 7 / 2 + 1000 / 6)


def test_rows_grow_with_a_network_that_outgrows_them():
    cost = StepCost(rows=100, jets=400, rows_per_parameter=3.0)
    assert cost.operations(33) == StepCost(100, 400).operations(33)
    assert cost.operations(200) == StepCost(600, 2400).operations(200)


def test_prices_are_ratios_of_what_the_clock_saw():
    cost = StepCost(1000, 4000, "parameters")
    price = scaled(0.5, cost.operations(50), cost, lambda width, depth: width * depth)
    assert price(50, 1) == 0.5
    assert price(100, 2) / price(25, 2) == pytest.approx(cost.operations(200) / cost.operations(50))
