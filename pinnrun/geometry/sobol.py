"""Scrambled Sobol points: spread more evenly than random ones, so that fewer of them pin a smooth residual down.

The mean of a smooth function over N of them misses its integral by about 1/N, where random points miss it by 1/√N
(Sobol 1967; the scrambling, by which every draw differs and none is biased, is Matoušek's: J. Complexity 14, 1998).
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor


def sobol(generator: torch.Generator, count: int, dimension: int) -> Tensor:
    """``(count, dimension)`` numbers in [0, 1), float64; one number of the generator scrambles them."""
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    if count == 0:  # which torch's engine refuses
        return torch.empty((0, dimension), dtype=torch.float64)
    return torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed).draw(count, dtype=torch.float64)


def on_sphere(u: Tensor) -> Tensor:
    """Unit vectors ``(N, 3)`` from ``(N, 2)`` numbers in [0, 1), by Archimedes' map, which keeps areas."""
    height, angle = 1.0 - 2.0 * u[:, 0], 2.0 * pi * u[:, 1]
    rim = (1.0 - height * height).clamp(min=0.0).sqrt()
    return torch.stack([rim * angle.cos(), rim * angle.sin(), height], dim=-1)
