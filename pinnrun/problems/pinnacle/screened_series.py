"""The solution of "Poisson 2d-CG" to 1e-8, by functions that solve its equation exactly, fitted on the boundary.

    u = u_f + 0.2 w + Σ_m I_m(κr)(a_m cos mθ + b_m sin mθ) + Σ_i Σ_m K_m(κr_i)(c_im cos mθ_i + d_im sin mθ_i)

u_f solves the equation with its source (in closed form), w solves it without, w = 1 on the sides of the square (a
Fourier series: its corners are singular, r² ln r, and would spoil the fit of the rest).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from scipy.special import ive, kve

KAPPA, A, B = 8.0, np.pi, 4.0 * np.pi
EIGENVALUE = A**2 + B**2 + KAPPA**2
DISCS = ((0.5, 0.5, 0.2), (0.4, -0.4, 0.4), (-0.2, -0.7, 0.1), (-0.6, 0.5, 0.3))
REACH = 2.0**0.5  # largest r in the square


def particular(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The function u_f with −Δu + κ²u = 10 (17 + x² + y²) s and s = sin ax sin by.

    With L = −Δ + κ²: L s = λs, L(x s_x) = λ x s_x + 2a² s and L(x² s) = λ x² s − 2s − 4x s_x, likewise for y.
    """
    s = np.sin(A * x) * np.sin(B * y)
    x_slope, y_slope = A * x * np.cos(A * x) * np.sin(B * y), B * y * np.sin(A * x) * np.cos(B * y)
    constant = 17.0 + sum((2.0 - 8.0 * n**2 / EIGENVALUE) / EIGENVALUE for n in (A, B))
    return 10.0 / EIGENVALUE * (constant * s + (x**2 + y**2) * s + 4.0 / EIGENVALUE * (x_slope + y_slope))


def frame(x: np.ndarray, y: np.ndarray, count: int = 2000) -> np.ndarray:
    """The function w with −Δw + κ²w = 0 and w = 1 on the sides: cosh κx/cosh κ, and a cosine series for the rest."""
    w = np.cosh(KAPPA * x) / np.cosh(KAPPA)
    for m in range(count):
        mu = (m + 0.5) * np.pi
        amplitude = 2.0 * (-1.0) ** m * (1.0 / mu - mu / (mu**2 + KAPPA**2))
        gamma = np.hypot(mu, KAPPA)
        inward = np.exp(gamma * (np.abs(y) - 1.0)) * (1.0 + np.exp(-2.0 * gamma * np.abs(y)))
        w = w + amplitude * np.cos(mu * x) * inward / (1.0 + np.exp(-2.0 * gamma))
    return w


def basis(x: np.ndarray, y: np.ndarray, order: int, disc_order: int) -> np.ndarray:
    """The terms I_m and K_m, each of size 1 where it is largest, ``(N, terms)``."""
    columns = list(_around(ive, +1, x, y, order, REACH))
    for cx, cy, radius in DISCS:
        columns += _around(kve, -1, x - cx, y - cy, 4 + int(disc_order * radius / 0.4), radius)
    return np.stack(columns, axis=1)


def _around(bessel, sign: int, x: np.ndarray, y: np.ndarray, order: int, scale: float) -> Iterator[np.ndarray]:
    """Functions f_m(κr) cos mθ and sin mθ with f_m = 1 at r = ``scale``; ``bessel`` is scaled by e^{∓κr}."""
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    for m in range(order + 1):
        radial = bessel(m, KAPPA * r) / bessel(m, KAPPA * scale) * np.exp(sign * KAPPA * (r - scale))
        yield radial * np.cos(m * angle)
        if m:
            yield radial * np.sin(m * angle)


@lru_cache(maxsize=1)
def screened_series(order: int = 90, disc_order: int = 70) -> Callable[[np.ndarray], np.ndarray]:
    """The solution at ``(N, 2)``, ``(N,)``."""
    side, ones = np.cos((np.arange(400) + 0.5) * np.pi / 400), np.ones(400)
    angle = 2.0 * np.pi * np.arange(500) / 500
    edge_x, edge_y = np.concatenate([side, side, ones, -ones]), np.concatenate([ones, -ones, side, side])
    rim_x = np.concatenate([cx + radius * np.cos(angle) for cx, _, radius in DISCS])
    rim_y = np.concatenate([cy + radius * np.sin(angle) for _, cy, radius in DISCS])
    edge = -particular(edge_x, edge_y)
    rim = 1.0 - particular(rim_x, rim_y) - 0.2 * frame(rim_x, rim_y, 400)  # away from the sides it converges fast
    terms = basis(np.concatenate([edge_x, rim_x]), np.concatenate([edge_y, rim_y]), order, disc_order)
    coefficients = np.linalg.lstsq(terms, np.concatenate([edge, rim]), rcond=1e-15)[0]

    def solution(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        return particular(x, y) + 0.2 * frame(x, y) + basis(x, y, order, disc_order) @ coefficients

    return solution
