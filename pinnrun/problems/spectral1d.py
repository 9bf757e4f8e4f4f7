"""References in one periodic space dimension: Fourier in x, exponential time differencing in t (numpy alone).

u_t = L u + N(u), with L diagonal in Fourier space, is advanced by ETDRK4 (Cox & Matthews, J. Comput. Phys. 176 (2002)
430, eqs. 26-29), its coefficients taken as means over a circle in the complex plane, since the formulas themselves
cancel where hL is small (Kassam & Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214). Fourth order in the step h; what is
linear is exact, so that h need not resolve k⁴. Between the grid points the Fourier sum itself is evaluated, between
the times a polynomial of degree 7 through the nearest ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CIRCLE = 64  # points of the mean; the error falls as radius^n/n!
STENCIL = 8  # times that an interpolation sees
CHUNK = 2**20  # complex numbers held at once while points are evaluated

Nonlinear = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""N in Fourier space, from u on the grid ``(n,)`` and the wave numbers k ``(n/2,)``."""


@dataclass(frozen=True)
class Spectral1d:
    """A solution u(x, t) with t in [0, duration], periodic in x.

    Attributes:
        low: where the grid starts.
        wavenumbers: k ``(K,)``.
        coefficients: of e^{ik(x − low)} at evenly spaced times, ``(times, K)``; u is the real part of their sum.
        duration: the last of the times.
    """

    low: float
    wavenumbers: np.ndarray
    coefficients: np.ndarray
    duration: float

    def __call__(self, at: np.ndarray) -> np.ndarray:
        """U at ``(N, 2)`` coordinates x, t, ``(N,)``."""
        size = max(1, CHUNK // (STENCIL * len(self.wavenumbers)))
        parts = [self._evaluate(at[i : i + size, 0], at[i : i + size, 1]) for i in range(0, len(at), size)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _evaluate(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        first, weights = stencil(t / self.duration * (len(self.coefficients) - 1), len(self.coefficients))
        seen = self.coefficients[first[:, None] + np.arange(weights.shape[1])]
        waves = np.exp(1j * (x - self.low)[:, None] * self.wavenumbers)
        return np.einsum("ns,nsk,nk->n", weights, seen, waves, optimize=True).real


def stencil(position: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lagrange interpolation at ``position`` ``(N,)`` in a table with nodes 0 … count − 1.

    Returns the first node ``(N,)`` of each stencil of up to 8, and the weights ``(N, nodes)``.
    """
    nodes = min(STENCIL, count)
    first = np.clip(np.floor(position).astype(int) - (nodes // 2 - 1), 0, count - nodes)
    offset = position - first
    weights = np.ones((len(position), nodes))
    for j in range(nodes):
        for other in range(nodes):
            if other != j:
                weights[:, j] *= (offset - other) / (j - other)
    return first, weights


def solve(
    symbol: Callable[[np.ndarray], np.ndarray],
    nonlinear: Nonlinear,
    start: np.ndarray,
    low: float,
    period: float,
    duration: float,
    steps: int,
    every: int = 1,
) -> Spectral1d:
    """Advance ``start`` ``(n,)``, n even, given on the grid low + period·i/n, in ``steps`` steps of ETDRK4.

    Args:
        symbol: L(k) ``(K,)`` of the wave numbers.
        nonlinear: N in Fourier space.
        start: u at time zero.
        low: where the grid starts.
        period: of the grid.
        duration: time to be covered.
        steps: number of steps.
        every: how many steps lie between two times that are kept; divides ``steps``.
    """
    n = len(start)
    k = 2.0 * np.pi / period * np.arange(n // 2)  # the highest mode has no sine, and so no slope: it is left out
    step = _Step(symbol(k), duration / steps, lambda v: nonlinear(np.fft.irfft(v, n), k))
    v = modes(start)
    kept = [v]
    for index in range(steps):
        v = step(v)
        if (index + 1) % every == 0:
            kept.append(v)
    coefficients = 2.0 / n * np.array(kept)  # twice: for each mode and its conjugate
    coefficients[:, 0] *= 0.5
    return Spectral1d(low, k, coefficients, duration)


class _Step:
    """One step h of ETDRK4 for v' = L v + N(v)."""

    def __init__(self, symbol: np.ndarray, h: float, nonlinear: Callable[[np.ndarray], np.ndarray]) -> None:
        self.nonlinear = nonlinear
        z = h * symbol[:, None] + np.exp(2j * np.pi * (np.arange(CIRCLE) + 0.5) / CIRCLE)
        real = not np.iscomplexobj(symbol)

        def mean(values: np.ndarray) -> np.ndarray:
            average = h * values.mean(axis=1)
            return average.real if real else average

        self.whole, self.half = np.exp(h * symbol), np.exp(0.5 * h * symbol)
        self.q = mean((np.exp(0.5 * z) - 1.0) / z)
        self.f1 = mean((-4.0 - z + np.exp(z) * (4.0 - 3.0 * z + z * z)) / z**3)
        self.f2 = mean((2.0 + z + np.exp(z) * (z - 2.0)) / z**3)
        self.f3 = mean((-4.0 - 3.0 * z - z * z + np.exp(z) * (4.0 - z)) / z**3)

    def __call__(self, v: np.ndarray) -> np.ndarray:
        nv = self.nonlinear(v)
        a = self.half * v + self.q * nv
        na = self.nonlinear(a)
        b = self.half * v + self.q * na
        nb = self.nonlinear(b)
        c = self.half * a + self.q * (2.0 * nb - nv)
        return self.whole * v + self.f1 * nv + 2.0 * self.f2 * (na + nb) + self.f3 * self.nonlinear(c)


def modes(u: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` in Fourier space, ``(n/2,)``."""
    return np.fft.rfft(u)[: len(u) // 2]


def transport(u: np.ndarray, k: np.ndarray) -> np.ndarray:
    """−u u_x = −(u²/2)_x in Fourier space."""
    return -0.5j * k * modes(u * u)
