"""The counts of both rules against textbook numbers and formulae."""

from collections import Counter
from itertools import combinations_with_replacement
from math import comb

import pytest

from pinnrun.calculus.multi_index import partitions, rules_of, splits

BELL = {1: 1, 2: 2, 3: 5, 4: 15}  # set partitions of n places
STIRLING = {(3, 2): 3, (4, 2): 7, (4, 3): 6}  # those with m blocks


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_distinct_indices_are_partitioned_in_all_ways(order):
    found = partitions(tuple(range(order)))
    assert set(found.values()) == {1}
    assert len(found) == BELL[order]
    for (n, m), count in STIRLING.items():
        if n == order:
            assert sum(len(blocks) == m for blocks in found) == count


@pytest.mark.parametrize("index", [(0, 0, 0), (0, 1, 1), (0, 0, 0, 0), (0, 0, 1, 1), (0, 1, 2, 2)])
def test_equal_products_are_merged_and_none_is_lost(index):
    found = partitions(index)
    assert sum(found.values()) == BELL[len(index)]
    for blocks in found:
        assert Counter(i for block in blocks for i in block) == Counter(index)
        assert list(blocks) == sorted(blocks, key=lambda block: (len(block), block))


def test_fourth_derivative_of_a_composition():
    """f(u)_xxxx = f' u₄ + f'' (4 u₁ u₃ + 3 u₂²) + 6 f''' u₁² u₂ + f'''' u₁⁴."""
    x, xx, xxx = (0,), (0, 0), (0, 0, 0)
    assert partitions((0,) * 4) == {((0,) * 4,): 1, (x, xxx): 4, (xx, xx): 3, (x, x, xx): 6, (x, x, x, x): 1}
    [by_blocks] = rules_of(4, ((((0,) * 4, 1.0),),)).composition
    assert [dict(products) for products in by_blocks] == [
        {(x, xxx): 4.0, (xx, xx): 3.0},
        {(x, x, xx): 6.0},
        {(x, x, x, x): 1.0},
    ]


@pytest.mark.parametrize("order", [2, 3, 4])
def test_splits_of_a_repeated_index_are_binomial(order):
    found = splits((0,) * order)
    assert found == {((0,) * k, (0,) * (order - k)): comb(order, k) for k in range(1, order)}


@pytest.mark.parametrize("index", list(combinations_with_replacement(range(3), 4)))
def test_splits_are_products_of_binomials(index):
    """∂^α(ab) = Σ_β Π_i C(α_i, β_i) a_β b_{α−β}."""
    for (beta, gamma), count in splits(index).items():
        expected = 1
        for i in set(index):
            expected *= comb(index.count(i), beta.count(i))
            assert beta.count(i) + gamma.count(i) == index.count(i)
        assert count == expected
    assert sum(splits(index).values()) == 2**4 - 2


def test_an_operator_has_the_sum_of_its_entries_rules():
    [product], [(squares,)] = rules_of(2, ((((0, 0), 1.5), ((0, 1), -0.4)),))
    x, y = (0,), (1,)
    assert dict(product) == {(x, x): 3.0, (x, y): -0.4, (y, x): -0.4}
    assert dict(squares) == {(x, x): 1.5, (x, y): -0.4}
