"""PINNacle's "Poisson 2d-CG", a linear Poisson-Boltzmann equation on [−1, 1]² without four discs of different sizes:

    −Δu + 64u = 10 (17 + x² + y²) sin(πx) sin(4πy),    u = 0.2 on the square, u = 1 on the discs.

The solution screens each disc within a length of 1/8: it falls like e^{−8d} with the distance d to it. The network can
be shown these four functions, and the source over 170, beside the coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Jet, Points
from pinnrun.problems.pinnacle.perforated import Perforated
from pinnrun.problems.pinnacle.screened_series import screened_series
from pinnrun.settings import setting

KAPPA = 8.0
DISCS = ((0.5, 0.5, 0.2), (0.4, -0.4, 0.4), (-0.2, -0.7, 0.1), (-0.6, 0.5, 0.3))


@dataclass(frozen=True)
class PinnaclePoissonBoltzmann2d(Perforated):
    """−Δu + 64u = f between a square and four discs."""

    known_features: Literal["screening", "none"] = setting(
        "screening", help="what the network sees beside x and y: screening: f and e^(-8 d) of every disc; none: nothing"
    )

    half_side = 1.0
    discs = DISCS
    outer_value, disc_value = 0.2, 1.0
    table_name = "pinnacle_poisson_boltzmann2d"

    @property
    def features(self) -> int:
        return 7 if self.known_features == "screening" else 2

    def _inputs(self, x: Jet) -> Jet:
        if self.known_features == "none":
            return x
        away = [hole.offset(x).squared_norm().sqrt() - hole.radius for hole in self.holes]
        waves = (pi * x[0]).sin() * (4.0 * pi * x[1]).sin()
        return Jet.cat([x, (1.0 + x.squared_norm() * (1.0 / 17.0)) * waves, *((-KAPPA * d).exp() for d in away)])

    def interior_data(self, x: Tensor) -> dict[str, Tensor]:
        source = 10.0 * (17.0 + x.square().sum(-1)) * torch.sin(pi * x[:, 0]) * torch.sin(4.0 * pi * x[:, 1])
        return {"source": source}

    def residual(self, points: Points, u: Jet) -> Tensor:
        return -u.laplacian[..., 0] + KAPPA**2 * u.value[..., 0] - points["source"]

    def series(self) -> Callable[[np.ndarray], np.ndarray]:
        return screened_series()
