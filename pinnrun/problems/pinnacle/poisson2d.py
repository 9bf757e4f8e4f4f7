"""PINNacle's "Poisson 2d-C": Δu = 0 on [−½, ½]² without four discs, u = 1 on the square, u = 0 on the discs.

The discs have radius 0.1 and their centres at (±0.3, ±0.3). Around each of them u behaves as ln|x − c|, so the network
sees these four logarithms beside the coordinates, if it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from torch import Tensor

from pinnrun.calculus import Jet, Points
from pinnrun.problems.pinnacle.perforated import Perforated
from pinnrun.settings import setting

CENTRES = ((0.3, 0.3), (0.3, -0.3), (-0.3, 0.3), (-0.3, -0.3))
RADIUS = 0.1


@lru_cache(maxsize=1)
def harmonic_series(degree: int = 80, order: int = 26) -> Callable[[np.ndarray], np.ndarray]:
    """The solution as Re Σ a_k z^k + Σ_i (b_i ln|z − c_i| + Re Σ_n b_in (R/(z − c_i))^n), fitted on the boundary.

    Every term is harmonic, so that the error is at most the misfit on the boundary: 1e-9.
    """
    centres = np.array([x + 1j * y for x, y in CENTRES])

    def basis(z: np.ndarray) -> np.ndarray:
        powers = (z[:, None] * 2**0.5) ** np.arange(degree + 1)
        columns = [powers.real, powers.imag[:, 1:]]
        for centre in centres:
            poles = (RADIUS / (z[:, None] - centre)) ** np.arange(1, order + 1)
            columns += [np.log(np.abs(z[:, None] - centre)), poles.real, poles.imag]
        return np.concatenate(columns, axis=1)

    side = 0.5 * np.cos(np.linspace(0.0, np.pi, 400))
    square = np.concatenate([side + 0.5j, side - 0.5j, 0.5 + 1j * side, -0.5 + 1j * side])
    circle = RADIUS * np.exp(2j * np.pi * np.arange(200) / 200)
    rim = (centres[:, None] + circle).ravel()
    values = np.concatenate([np.ones(square.size), np.zeros(rim.size)])
    coefficients = np.linalg.lstsq(basis(np.concatenate([square, rim])), values, rcond=1e-15)[0]
    return lambda x: basis(x[:, 0] + 1j * x[:, 1]) @ coefficients


@dataclass(frozen=True)
class PinnaclePoisson2d(Perforated):
    """Δu = 0 between a square and four discs."""

    disc_features: Literal["log", "none"] = setting(
        "log", help="what the network sees beside x and y: log: ln(|x - c|/R) for every disc; none: nothing"
    )

    half_side = 0.5
    discs = tuple((*centre, RADIUS) for centre in CENTRES)
    outer_value, disc_value = 1.0, 0.0
    table_name = "pinnacle_poisson2d"

    @property
    def features(self) -> int:
        return 6 if self.disc_features == "log" else 2

    def _inputs(self, x: Jet) -> Jet:
        scaled = super()._inputs(x)
        return Jet.cat([scaled, *(hole.log_radius(x) for hole in self.holes)]) if self.features == 6 else scaled

    def residual(self, points: Points, u: Jet) -> Tensor:
        return u.laplacian[..., 0]

    def series(self) -> Callable[[np.ndarray], np.ndarray]:
        return harmonic_series()
