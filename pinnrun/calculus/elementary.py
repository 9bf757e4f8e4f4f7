"""Elementary functions with as many of their derivatives as are asked for: ``sin(y, 2)`` is (sin y, cos y, −sin y).

Each is written as the sequence of its derivatives, of which no more is computed than is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from itertools import count, islice
from typing import Protocol

import torch
from torch import Tensor


class Differentiable(Protocol):
    """A function of one variable with its derivatives."""

    def __call__(self, y: Tensor, order: int = 0) -> tuple[Tensor, ...]:
        """f, f', …, up to the derivative of that order, each of y's shape."""
        ...


def differentiable(sequence: Callable[[Tensor], Iterator[Tensor]]) -> Differentiable:
    """Make a function out of the sequence f, f', f'', …; a jet needs it up to the fourth derivative."""

    @wraps(sequence)
    def function(y: Tensor, order: int = 0) -> tuple[Tensor, ...]:
        return tuple(islice(sequence(y), order + 1))

    return function


@differentiable
def exp(y: Tensor) -> Iterator[Tensor]:
    """The exponential, which is all of its derivatives."""
    f = torch.exp(y)
    while True:
        yield f


@differentiable
def log(y: Tensor) -> Iterator[Tensor]:
    """The logarithm: log y, 1/y, −1/y², 2/y³, …"""
    yield torch.log(y)
    yield from _reciprocal(y)


def _reciprocal(y: Tensor) -> Iterator[Tensor]:
    """The reciprocal: 1/y, −1/y², 2/y³, …"""
    f = df = 1.0 / y
    for n in count(1):
        yield df
        df = -n * f * df


reciprocal = differentiable(_reciprocal)


@differentiable
def sin(y: Tensor) -> Iterator[Tensor]:
    """The sine: sin y, cos y, −sin y, −cos y, …"""
    yield (s := torch.sin(y))
    c = torch.cos(y)
    while True:
        yield from (c, -s, -c, s)


@differentiable
def cos(y: Tensor) -> Iterator[Tensor]:
    """The cosine: cos y, −sin y, −cos y, sin y, …"""
    yield (c := torch.cos(y))
    s = torch.sin(y)
    while True:
        yield from (-s, -c, s, c)


@differentiable
def tanh(y: Tensor) -> Iterator[Tensor]:
    """The hyperbolic tangent: t = tanh y, p = 1 − t², −2tp, p (4 − 6p), −2tp (4 − 12p)."""
    yield (t := torch.tanh(y))
    yield (p := 1.0 - t * t)
    yield (q := -2.0 * t * p)
    yield p * (4.0 - 6.0 * p)
    yield q * (4.0 - 12.0 * p)


@differentiable
def sqrt(y: Tensor) -> Iterator[Tensor]:
    """√y, ½ y^−½, −¼ y^−3/2, …"""
    yield (f := torch.sqrt(y))
    yield 0.5 / f
    df = -0.25 / (f * y)
    for n in count(2):
        yield df
        df = (0.5 - n) * df / y


def power(exponent: int | float) -> Differentiable:
    """y^n, n y^(n−1), n (n − 1) y^(n−2), …: zeros once a whole n ≥ 0 has been used up."""

    @differentiable
    def function(y: Tensor) -> Iterator[Tensor]:
        yield y**exponent
        factor = exponent
        for n in count(1):
            yield factor * y ** (exponent - n) if factor else torch.zeros_like(y)
            factor *= exponent - n

    return function
