"""Multi-indices, and the products of derivatives that the rules of Leibniz and of Faà di Bruno make of them.

A multi-index α is a multiset of coordinates, written as a sorted tuple: (0, 0, 1) is ∂³/∂x_0²∂x_1.

    (ab)_α  = a_α b + a b_α + Σ a_β b_γ            over the ways to split α's places in two, neither part empty
    f(a)_α  = f'(a) a_α + Σ_m f⁽ᵐ⁾(a) Σ Π a_β      over the partitions of α's places into m ≥ 2 blocks β

The inner sum is a partial Bell polynomial (Hardy, Electronic Journal of Combinatorics 13 (2006) R1). Where indices
repeat, equal products are merged and counted: f(a)_xxx = f' a_xxx + 3 f'' a_x a_xx + f''' a_x³.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

MultiIndex = tuple[int, ...]
Combination = tuple[tuple[MultiIndex, float], ...]
"""A derivative, or a linear combination of several: Σ factor·∂_α as pairs (α, factor)."""
Factors = tuple[MultiIndex, ...]
Products = tuple[tuple[Factors, float], ...]
"""A sum of products: the factors of each, and how often it occurs."""


class Rules(NamedTuple):
    """How the channels of one order come about, beside what they owe to the factors' channels of the same order.

    Attributes:
        product: for each channel the terms a_β b_γ of a product.
        composition: for each channel, and m = 2, 3, …, the products that f⁽ᵐ⁾ multiplies.
    """

    product: tuple[Products, ...]
    composition: tuple[tuple[Products, ...], ...]


@lru_cache(maxsize=256)
def rules_of(order: int, operators: tuple[Combination, ...]) -> Rules:
    """The rules of the channels of one order."""
    blocks = [_combine(partitions, operator) for operator in operators]
    composition = (tuple(_of_length(m, products) for m in range(2, order + 1)) for products in blocks)
    return Rules(tuple(_combine(splits, operator) for operator in operators), tuple(composition))


def splits(index: MultiIndex) -> Counter[Factors]:
    """The pairs (β, γ) of Leibniz's rule, and how often each occurs."""
    places = range(len(index))
    found: Counter[Factors] = Counter()
    for chosen in range(1, 2 ** len(index) - 1):
        beta = tuple(index[p] for p in places if chosen >> p & 1)
        found[beta, tuple(index[p] for p in places if not chosen >> p & 1)] += 1
    return found


def partitions(index: MultiIndex) -> Counter[Factors]:
    """The products of Faà di Bruno's rule, blocks in order of length and index, and how often each occurs."""
    return Counter(
        tuple(sorted((tuple(index[p] for p in block) for block in blocks), key=lambda beta: (len(beta), beta)))
        for blocks in _set_partitions(len(index))
    )


def _set_partitions(size: int) -> Iterator[list[list[int]]]:
    """All partitions of {0, …, size − 1}: the last place joins a block, or is one."""
    if size == 0:
        yield []
        return
    last = size - 1
    for blocks in _set_partitions(last):
        for chosen in range(len(blocks)):
            yield [[*block, last] if number == chosen else block for number, block in enumerate(blocks)]
        yield [*blocks, [last]]


def _combine(rule: Callable[[MultiIndex], Counter[Factors]], operator: Combination) -> Products:
    """The products of Σ factor·∂_α together."""
    total: dict[Factors, float] = {}
    for index, factor in operator:
        for factors, count in rule(index).items():
            total[factors] = total.get(factors, 0.0) + factor * count
    return tuple(total.items())


def _of_length(m: int, products: Products) -> Products:
    return tuple((factors, count) for factors, count in products if len(factors) == m)
