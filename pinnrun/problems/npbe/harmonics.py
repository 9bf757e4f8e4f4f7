"""Real spherical harmonics, and the transform between their coefficients and values on a grid of the sphere.

Y_lm = N_lm P_l^|m|(cos theta) * (sqrt 2 cos(m phi) | 1 | sqrt 2 sin(|m| phi)) for m > 0, m = 0, m < 0,
orthonormal over the sphere. A flat list of coefficients up to degree L has them in the order l^2 + l + m.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np


def degrees_of(degree: int) -> np.ndarray:
    """The degree l of every harmonic in the flat order, shape (K,) with K = (degree+1)^2."""
    return np.repeat(np.arange(degree + 1), 2 * np.arange(degree + 1) + 1)


def legendre(degree: int, x: np.ndarray) -> np.ndarray:
    """Associated Legendre functions, scaled to unit norm over the sphere, without the Condon-Shortley phase.

    The usual upward recurrences in the degree, stable for unit norm (Press et al., Numerical Recipes, 2007,
    section 6.7).

    Args:
        degree: L.
        x: (P,) cosines of the polar angle.

    Returns:
        Array (L+1, L+1, P) of P_l^m indexed [m, l], zero for l < m.
    """
    sine = np.sqrt(np.maximum(0.0, 1 - x**2))
    table = np.zeros((degree + 1, degree + 1, len(x)))
    table[0, 0] = math.sqrt(1 / (4 * math.pi))
    for m in range(1, degree + 1):
        table[m, m] = math.sqrt(1 + 0.5 / m) * sine * table[m - 1, m - 1]
    for l in range(1, degree + 1):
        m = np.arange(l)[:, None]
        rise = np.sqrt((4 * l**2 - 1) / (l**2 - m**2))
        # The factor is zero at m = l - 1, where table[m, l-2] is not a function that exists.
        fall = np.sqrt(np.maximum(0, (l - 1) ** 2 - m**2) / (4 * (l - 1) ** 2 - 1))
        table[:l, l] = rise * (x * table[:l, l - 1] - fall * table[:l, max(l - 2, 0)])
    return table


def azimuthal(degree: int, angle: np.ndarray) -> np.ndarray:
    """Azimuthal factors at angles (P,): rows 1, sqrt 2 cos(m phi), m = 1..L, then sqrt 2 sin(m phi)."""
    multiples = np.arange(1, degree + 1)[:, None] * angle
    root = math.sqrt(2)
    return np.concatenate([np.ones((1, len(angle))), root * np.cos(multiples), root * np.sin(multiples)])


def real_harmonics(degree: int, directions: np.ndarray) -> np.ndarray:
    """All real spherical harmonics up to a degree.

    Args:
        degree: L.
        directions: (P, 3) vectors of any length; a zero vector counts as one along z.

    Returns:
        (K, P), K = (L+1)^2, in the flat order.
    """
    length = np.linalg.norm(directions, axis=1)
    cosine = np.divide(directions[:, 2], length, out=np.ones_like(length), where=length > 0)
    angle = np.arctan2(directions[:, 1], directions[:, 0])
    layout = _Layout(degree)
    polar = legendre(degree, np.clip(cosine, -1, 1))[layout.orders[layout.rows], layout.columns]
    return polar * azimuthal(degree, angle)[layout.rows]


@dataclass(frozen=True)
class _Layout:
    """Where the flat coefficients sit in a table (2L+1, L+1) indexed [azimuthal factor, l]."""

    degree: int

    @cached_property
    def orders(self) -> np.ndarray:
        """|m| of every row of the table, shape (2L+1,)."""
        m = np.arange(self.degree + 1)
        return np.concatenate([m, m[1:]])

    @cached_property
    def columns(self) -> np.ndarray:
        """Column (degree) of every flat coefficient, shape (K,)."""
        return degrees_of(self.degree)

    @cached_property
    def rows(self) -> np.ndarray:
        """Row of every flat coefficient, shape (K,)."""
        m = np.arange(len(self.columns)) - self.columns * (self.columns + 1)
        return np.where(m >= 0, m, self.degree - m)


class SphereGrid:
    """Gauss-Legendre x equispaced points on the sphere with the transforms to and from coefficients.

    The transforms work along latitudes and longitudes one after the other, on N functions at once. Their
    coefficients are tables (2L+1, L+1, N), see `table` and `flat`; their values (longitudes, latitudes, N).

    Args:
        degree: L, the highest degree transformed.
        latitudes: number of rings; the grid integrates products of harmonics exactly if their degrees sum up
            to 2 latitudes - 1 at most. There are twice as many points on a ring.
    """

    def __init__(self, degree: int, latitudes: int) -> None:
        self.degree = degree
        self._layout = _Layout(degree)
        self._cosines, ring_weights = np.polynomial.legendre.leggauss(latitudes)
        self._angles = np.arange(2 * latitudes) * (math.pi / latitudes)
        self._ring_weights = ring_weights
        polar = legendre(degree, self._cosines)[self._layout.orders]  # (2L+1, L+1, latitudes)
        around = azimuthal(degree, self._angles)  # (2L+1, longitudes)
        self._polar_up = np.ascontiguousarray(polar.transpose(0, 2, 1))
        self._polar_down = polar * ring_weights
        self._around_up = np.ascontiguousarray(around.T)
        self._around_down = around * (math.pi / latitudes)

    @property
    def directions(self) -> np.ndarray:
        """Unit vectors to the points, shape (longitudes, latitudes, 3)."""
        sine = np.sqrt(1 - self._cosines**2)
        x, y = np.outer(np.cos(self._angles), sine), np.outer(np.sin(self._angles), sine)
        return np.stack([x, y, np.broadcast_to(self._cosines, x.shape)], axis=-1)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Averages (N,) over the sphere of functions with values (longitudes, latitudes, N) on the grid."""
        return 0.5 * self._ring_weights @ values.mean(axis=0)

    def table(self, flat: np.ndarray) -> np.ndarray:
        """Flat coefficients (K, N) as a table (2L+1, L+1, N)."""
        table = np.zeros((2 * self.degree + 1, self.degree + 1, flat.shape[-1]))
        table[self._layout.rows, self._layout.columns] = flat
        return table

    def flat(self, table: np.ndarray) -> np.ndarray:
        """A table (2L+1, L+1, N) as flat coefficients (K, N)."""
        return table[self._layout.rows, self._layout.columns]

    def synthesize(self, table: np.ndarray) -> np.ndarray:
        """Values (longitudes, latitudes, N) on the grid of the functions with coefficients (2L+1, L+1, N)."""
        rings = self._polar_up @ table
        values = self._around_up @ rings.reshape(len(rings), -1)
        return values.reshape(len(self._angles), len(self._cosines), -1)

    def analyze(self, values: np.ndarray) -> np.ndarray:
        """Coefficients (2L+1, L+1, N) of the functions with values (longitudes, latitudes, N) on the grid."""
        rings = self._around_down @ values.reshape(len(values), -1)
        return self._polar_down @ rings.reshape(len(rings), len(self._cosines), -1)
