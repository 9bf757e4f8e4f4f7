"""The lightning Laplace solver: harmonic functions on a polygon by poles that cluster at its corners.

    u(z) ≈ Re [ Σ_j a_j d_j/(z − z_j) + Σ_k b_k (z − z*)^k ],   a_j, b_k by least squares on the boundary

The poles z_j sit outside, on the bisector of each corner, at distances d_j that shrink like e^{σ(√j − √n)}; the error
falls like e^{−C√n} whatever singularities the corners have (Gopal & Trefethen, SIAM J. Numer. Anal. 57, 2019). By the
maximum principle the error inside is at most the largest misfit on the boundary, which is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SIGMA = 4.0  # how fast poles cluster, Gopal & Trefethen § 3


@dataclass(frozen=True)
class HarmonicFunction:
    """A harmonic function on a polygon.

    Attributes:
        poles, distances: z_j, and d_j by which their terms are scaled.
        centre, size: z* and the length by which the polynomial is scaled.
        coefficients: of the real parts, then of the imaginary ones.
        misfit: largest error on the boundary, hence anywhere.
    """

    poles: np.ndarray
    distances: np.ndarray
    centre: complex
    size: float
    degree: int
    coefficients: np.ndarray
    misfit: float = 0.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The values at ``(N, 2)``, ``(N,)``."""
        return self.basis(x[:, 0] + 1j * x[:, 1]) @ self.coefficients

    def basis(self, z: np.ndarray) -> np.ndarray:
        """All terms at complex ``(N,)``, ``(N, terms)``."""
        fractions = self.distances / (z[:, None] - self.poles)
        powers = ((z[:, None] - self.centre) / self.size) ** np.arange(self.degree + 1)
        return np.concatenate([fractions.real, fractions.imag, powers.real, powers.imag[:, 1:]], axis=1)


def solve_laplace(
    corners: np.ndarray, boundary: Callable[[np.ndarray], np.ndarray], poles: int = 30, degree: int = 24
) -> HarmonicFunction:
    """Δu = 0 in a polygon, u = ``boundary`` on its sides.

    Args:
        corners: complex, anticlockwise.
        boundary: values at complex ``(N,)``.
        poles: at each corner; twice as many at reentrant ones.
        degree: of the polynomial.
    """
    places, distances = _poles(corners, poles)
    centre = complex(np.mean(corners))
    size = float(np.abs(corners - centre).max())
    empty = HarmonicFunction(places, distances, centre, size, degree, np.zeros(0))
    fitted, checked = _samples(corners, 6 * poles), _samples(corners, 35 * poles + 1)
    coefficients = np.linalg.lstsq(empty.basis(fitted), boundary(fitted), rcond=1e-15)[0]
    misfit = float(np.abs(empty.basis(checked) @ coefficients - boundary(checked)).max())
    return HarmonicFunction(places, distances, centre, size, degree, coefficients, misfit)


def _poles(corners: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    size = np.abs(corners - corners.mean()).max()
    places, distances = [], []
    for corner, before, after in zip(corners, np.roll(corners, 1), np.roll(corners, -1), strict=True):
        ahead, back = (after - corner) / abs(after - corner), (before - corner) / abs(before - corner)
        reentrant = (np.conj(ahead) * back).imag < 0
        bisector = (ahead + back) / abs(ahead + back)
        n = 2 * count if reentrant else count
        d = size * np.exp(SIGMA * (np.sqrt(np.arange(1, n + 1)) - np.sqrt(n)))
        places.append(corner + (bisector if reentrant else -bisector) * d)
        distances.append(d)
    return np.concatenate(places), np.concatenate(distances)


def _samples(corners: np.ndarray, count: int) -> np.ndarray:
    """Points on the sides, crowded at both ends as the poles are."""
    near = 0.5 * np.exp(-np.linspace(0.0, 32.0, count))
    along = np.concatenate([near, 1.0 - near[1:]])
    return np.concatenate([a + (b - a) * along for a, b in zip(corners, np.roll(corners, -1), strict=True)])
