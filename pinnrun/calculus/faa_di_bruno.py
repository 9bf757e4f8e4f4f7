"""The rules of Leibniz and of Faà di Bruno on tensors: what products of derivatives add to channels of order 2 to 4.

What a channel owes to the factors' own channels, a_α b + a b_α or f'(a) a_α, is the same for all and left to the jet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from pinnrun.calculus.derivatives import Derivatives
from pinnrun.calculus.multi_index import Factors, MultiIndex, Products

Orders = Sequence[Tensor]
"""A field's channels order by order, the value first; each ``(s, ..., k)``."""


def leibniz(wanted: Derivatives, a: Orders, b: Orders) -> Iterator[Tensor]:
    """Σ a_β b_γ of the channels of order 2, 3, …, as far as they are carried; each ``(s, ..., k)``."""
    rows, others = derivative_rows(wanted, a), derivative_rows(wanted, b)
    for order, rules in enumerate(wanted.rules, start=2):
        sums = [
            _weighted([(rows[beta], others[gamma], count) for (beta, gamma), count in terms]) for terms in rules.product
        ]
        if order == 2 and wanted.laplacian:
            sums.append(2.0 * (wanted.curved(a[1]) * wanted.curved(b[1])).sum(0))
        yield _stack(sums)


def faa_di_bruno(wanted: Derivatives, derivatives: Sequence[Tensor], a: Orders) -> Iterator[Tensor]:
    """Σ_m f⁽ᵐ⁾ Σ Π a_β of the channels of order 2, 3, …, given f', f'', … at a; each ``(s, ..., k)``."""
    rows = derivative_rows(wanted, a)
    known: dict[Factors, Tensor] = {}
    for order, rules in enumerate(wanted.rules, start=2):
        sums = []
        for by_blocks in rules.composition:
            bells = [_bell(terms, rows, known) for terms in by_blocks]
            total = derivatives[1] * bells[0]
            for df, bell in zip(derivatives[2:], bells[1:], strict=False):
                total = torch.addcmul(total, df, bell)
            sums.append(total)
        if order == 2 and wanted.laplacian:
            slopes = wanted.curved(a[1])
            sums.append(derivatives[1] * (slopes * slopes).sum(0))
        yield _stack(sums)


def derivative_rows(wanted: Derivatives, orders: Orders) -> dict[MultiIndex, Tensor]:
    """The derivatives that others are made of, one by one, each ``(..., k)``: all but those of the highest order."""
    if not (wanted.operator or wanted.singles[0]):
        return {}
    rows: dict[MultiIndex, Tensor] = {(i,): row for i, row in enumerate(orders[1].unbind())}
    for singles, part in zip(wanted.singles, orders[2:-1], strict=False):
        rows.update(zip(singles, part.unbind(), strict=False))
    return rows


def _bell(terms: Products, rows: Mapping[MultiIndex, Tensor], known: dict[Factors, Tensor]) -> Tensor:
    """Σ count·Π a_β; products that lower orders have formed are ``known``."""
    if len(terms) == 1 and terms[0][1] == 1:
        return _product(terms[0][0], rows, known)
    return _weighted([(_product(blocks[:-1], rows, known), rows[blocks[-1]], count) for blocks, count in terms])


def _product(blocks: Factors, rows: Mapping[MultiIndex, Tensor], known: dict[Factors, Tensor]) -> Tensor:
    if len(blocks) == 1:
        return rows[blocks[0]]
    if blocks not in known:
        known[blocks] = _product(blocks[:-1], rows, known) * rows[blocks[-1]]
    return known[blocks]


def _weighted(terms: Sequence[tuple[Tensor, Tensor, float]]) -> Tensor:
    """Σ count·a·b."""
    (a, b, count), *others = terms
    total = a * b if count == 1 else (count * a) * b
    for a, b, count in others:
        total = torch.addcmul(total, a, b, value=count)
    return total


def _stack(channels: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(channels)) if len(channels) > 1 else channels[0][None]
