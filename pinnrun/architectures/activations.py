"""Activation functions with their derivatives, of which a jet takes as many as it carries orders, four at most."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi, sqrt

import torch
from torch import Tensor

from pinnrun.calculus import Jet
from pinnrun.calculus.elementary import Differentiable, differentiable, sin, tanh


@differentiable
def softplus(y: Tensor) -> Iterator[Tensor]:
    """log(1 + e^y), the logistic s, p = s (1 − s), p (1 − 2s), p (1 − 6p)."""
    yield torch.nn.functional.softplus(y)
    yield (s := torch.sigmoid(y))
    yield (p := s * (1.0 - s))
    yield p * (1.0 - 2.0 * s)
    yield p * (1.0 - 6.0 * p)


@differentiable
def gelu(y: Tensor) -> Iterator[Tensor]:
    """The product y Φ(y), Φ + y φ, (2 − y²) φ, (y³ − 4y) φ, (7y² − y⁴ − 4) φ.

    Φ is the normal distribution with density φ (Hendrycks & Gimpel 2016).
    """
    cdf = 0.5 * (1.0 + torch.erf(y / sqrt(2.0)))
    yield y * cdf
    pdf = torch.exp(-0.5 * y * y) / sqrt(2.0 * pi)
    yield cdf + y * pdf
    square = y * y
    yield (2.0 - square) * pdf
    yield (square - 4.0) * y * pdf
    yield ((7.0 - square) * square - 4.0) * pdf


ACTIVATIONS: dict[str, Differentiable] = {"tanh": tanh, "sin": sin, "softplus": softplus, "gelu": gelu}


def activate(name: str, jet: Jet) -> Jet:
    """σ(jet) for the activation of that name."""
    return jet.compose(*ACTIVATIONS[name](jet.value, jet.derivatives.order))
