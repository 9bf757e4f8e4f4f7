"""Activation functions with the two derivatives that second-order jets need."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import torch
from torch import Tensor

from pinnrun.calculus import Jet

Activation = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]


def tanh(y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The hyperbolic tangent, 1 − tanh², −2 tanh (1 − tanh²)."""
    f = torch.tanh(y)
    df = 1.0 - f * f
    return f, df, -2.0 * f * df


def sin(y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The sine, cos y, −sin y."""
    f = torch.sin(y)
    return f, torch.cos(y), -f


def softplus(y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log(1 + e^y), σ(y), σ(1 − σ) with the logistic σ."""
    s = torch.sigmoid(y)
    return torch.nn.functional.softplus(y), s, s * (1.0 - s)


def gelu(y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The product y Φ(y), Φ + y φ, (2 − y²) φ; normal distribution Φ with density φ (Hendrycks & Gimpel 2016)."""
    cdf = 0.5 * (1.0 + torch.erf(y / sqrt(2.0)))
    pdf = torch.exp(-0.5 * y * y) / sqrt(2.0 * pi)
    return y * cdf, cdf + y * pdf, (2.0 - y * y) * pdf


ACTIVATIONS: dict[str, Activation] = {"tanh": tanh, "sin": sin, "softplus": softplus, "gelu": gelu}


def activate(name: str, jet: Jet) -> Jet:
    """σ(jet) for the activation of that name."""
    return jet.compose(*ACTIVATIONS[name](jet.value))
