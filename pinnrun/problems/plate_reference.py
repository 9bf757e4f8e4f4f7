"""Deflections of square plates without a network: Navier's series and a Galerkin method in Legendre polynomials.

Both write w = Σ c_mn φ_m(x) φ_n(y). For a simply supported plate φ_m = sin mπx and the equation is diagonal,

    c_mn = q_mn / (π⁴ (m² + n²)²)                 (Timoshenko & Woinowsky-Krieger 1959, eq. 131: Navier's solution).

For a clamped one φ_m are the polynomials of Shen, SIAM J. Sci. Comput. 15 (1994) 1489, eq. 3.2, on s = 2x − 1,

    φ_k = L_k − 2(2k + 5)/(2k + 7) L_{k+2} + (2k + 3)/(2k + 7) L_{k+4},

which vanish with their slopes at both ends, and c solves ∫ Δw Δv = ∫ q v for all products v.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
from numpy.polynomial import legendre

TERMS = 100  # odd sines of Navier's series for each coordinate
DEGREE = 30  # clamped polynomials for each coordinate

Basis = Callable[[np.ndarray, int], np.ndarray]
"""All φ_m, or a derivative of them of the given order, at ``(P,)`` numbers x, ``(P, K)``."""


@dataclass(frozen=True, eq=False)
class Deflection:
    """w, in units of q₀ a⁴/D.

    Attributes:
        basis: φ.
        coefficients: c, ``(K, K)``.
    """

    basis: Basis
    coefficients: np.ndarray

    def at(self, x: np.ndarray, orders: tuple[int, int] = (0, 0)) -> np.ndarray:
        """A derivative of w, or w itself, at points ``(P, 2)``, ``(P,)``."""
        first, second = (self.basis(x[:, i], orders[i]) for i in (0, 1))
        return np.einsum("pm,mn,pn->p", first, self.coefficients, second, optimize=True)


@lru_cache
def simply_supported(load: str) -> Deflection:
    """Navier's solution for a uniform load or for sin πx sin πy."""
    if load == "sine":
        return Deflection(_sines(np.ones(1)), np.full((1, 1), 1.0 / (4.0 * pi**4)))
    m = 2.0 * np.arange(TERMS) + 1.0
    along = 4.0 / (pi * m)  # the sine series of 1
    return Deflection(_sines(m), np.outer(along, along) / (pi**4 * np.add.outer(m**2, m**2) ** 2))


@lru_cache
def clamped(load: str, count: int = DEGREE) -> Deflection:
    """The Galerkin solution, by Gauss quadrature that is exact for its polynomials."""
    nodes, weights = legendre.leggauss(count + 20)
    x, weights = 0.5 + 0.5 * nodes, 0.5 * weights
    basis = _clamped_polynomials(count)
    mass, slope, bending = ((basis(x, n).T * weights) @ basis(x, n) for n in (0, 1, 2))
    stiffness = np.kron(bending, mass) + 2.0 * np.kron(slope, slope) + np.kron(mass, bending)
    along = basis(x, 0).T @ (weights * (np.sin(pi * x) if load == "sine" else 1.0))
    coefficients = np.linalg.solve(stiffness, np.outer(along, along).ravel())
    return Deflection(basis, coefficients.reshape(count, count))


def _sines(m: np.ndarray) -> Basis:
    def basis(x: np.ndarray, order: int) -> np.ndarray:
        return (pi * m) ** order * np.sin(pi * m * x[:, None] + 0.5 * pi * order)

    return basis


def _clamped_polynomials(count: int) -> Basis:
    k = np.arange(count)
    combination = np.zeros((count + 4, count))
    combination[k, k] = 1.0
    combination[k + 2, k] = -2.0 * (2 * k + 5) / (2 * k + 7)
    combination[k + 4, k] = (2 * k + 3) / (2 * k + 7)
    combination /= (k + 1.5) ** 2.5  # so that all bend alike: the stiffness stays well conditioned

    def basis(x: np.ndarray, order: int) -> np.ndarray:
        return legendre.legval(2.0 * x - 1.0, 2.0**order * legendre.legder(combination, order)).T

    return basis
