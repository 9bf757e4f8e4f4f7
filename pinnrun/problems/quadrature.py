"""Gauss-Legendre points on a box, for integrals that sampling noise would spoil: energies and Rayleigh quotients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Points


def gauss_box(low: float, high: float, dimension: int, count: int) -> Points:
    """A tensor grid with about ``count`` points on [low, high]^d, exact for polynomials of degree 2n − 1 in each x_i.

    The points carry ``root_weight`` √(N ω_n / volume) ``(N,)``: a mean over squared rows scaled by it is the mean over
    the box.
    """
    n = max(2, round(count ** (1.0 / dimension)))
    nodes, weights = np.polynomial.legendre.leggauss(n)
    axis = torch.as_tensor(0.5 * (low + high) + 0.5 * (high - low) * nodes)
    x = torch.cartesian_prod(*[axis] * dimension).reshape(-1, dimension)
    product = torch.cartesian_prod(*[torch.as_tensor(0.5 * n * weights)] * dimension).reshape(-1, dimension).prod(-1)
    return Points(x, root_weight=product.sqrt())


def square_weights(points: Points) -> Tensor:
    """N ω_n / volume ``(M, N)``, by which a mean over the points becomes the mean over the box."""
    return points["root_weight"].square()
