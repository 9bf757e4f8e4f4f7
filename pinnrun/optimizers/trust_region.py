"""Trust-region steps of a linear least-squares model for many radii, from one singular value decomposition.

J = U S Vᵀ,   g = S Uᵀ r  (or Vᵀ∇L, where no rows give the gradient),   p(λ) = −V g / (S² + λ)
λ(Δ) ≥ 0 solves |p(λ)| = Δ; it is zero where already the undamped step is shorter
λ ← λ + (|p|/Δ − 1) |p|² / Σ p²/(S² + λ)     Newton's method on 1/|p|, which is nearly linear and concave: from the
                                             left it never passes the root (Moré & Sorensen 1983; Hebden 1973)
predicted decrease −(gᵀp + ½ |Sp|²) = ½ Σ g² (S² + 2λ) / (S² + λ)²
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pinnrun.optimizers.sketches import ColumnSketch

ITERATIONS, PRECISION = 100, 1e-10  # of Newton's method; relative, of the steps' lengths
FINE = 512  # points at which an interpolated ratio is read


class TrustRegion:
    """The model ½|Jp + r|², or ½|Jp|² + gᵀp.

    Args:
        jacobian: J ``(N, P)``.
        r: ``(N,)``, or None.
        gradient: of the objective, ``(P,)``; used where there is no r.
        omega: the sketch whose columns the P here are; steps come back in the space that it was drawn from.

    Raises:
        LinAlgError: the decomposition does not converge.
    """

    def __init__(self, jacobian: Tensor, r: Tensor | None, gradient: Tensor, omega: ColumnSketch | None = None) -> None:
        rows, size = jacobian.shape
        self.omega = omega
        if rows > size:  # the triangular factor has all that is needed of J and r
            both = jacobian if r is None else torch.column_stack([jacobian, r])
            triangle = torch.linalg.qr(both, mode="r").R
            jacobian, r = triangle[:size, :size], None if r is None else triangle[:size, size]
        u, s, self.vt = torch.linalg.svd(jacobian, full_matrices=False)
        self.squares = s.square()
        self.g = self.vt @ gradient if r is None else s * (u.T @ r)

    def steps(self, radii: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For radii ``(K,)`` the steps ``(K, P)``, the decreases that they promise and their λ, ``(K,)`` each."""
        damping = self._dampings(radii)
        weights = 1.0 / (self.squares + damping[:, None])
        p = -(self.g * weights) @ self.vt
        predicted = 0.5 * (self.g.square() * weights.square() * (self.squares + 2.0 * damping[:, None])).sum(1)
        return p if self.omega is None else self.omega.lift(p), predicted, damping

    def _dampings(self, radii: Tensor) -> Tensor:
        limits = torch.finfo(radii.dtype)
        floor = (limits.eps**2 * self.squares[0]).clamp(min=limits.tiny)
        enough = max(PRECISION, 10.0 * limits.eps)
        damping = torch.full_like(radii, float(floor))
        for _ in range(ITERATIONS):
            total = self.squares + damping[:, None]
            p = (self.g / total).square()
            length = p.sum(1).sqrt()
            excess = length / radii - 1.0
            if not bool((excess > enough).any()):
                break
            damping = damping + excess.clamp(min=0.0) * p.sum(1) / (p / total).sum(1)
        return damping


def largest_radius(radii: Sequence[float] | np.ndarray, ratios: Sequence[float] | np.ndarray, wanted: float) -> float:
    """The largest radius whose ratio is as wanted, read off a curve through the running minimum of the ratios.

    Between the radii the curve is a monotone cubic in their logarithms (Fritsch & Carlson 1980). Where the ratio is as
    wanted everywhere it is the last radius, where nowhere the first.
    """
    from scipy.interpolate import PchipInterpolator  # a quarter of torch's own time to import

    known = np.clip(np.nan_to_num(np.asarray(ratios), nan=-1.0), -1.0, 1.0)
    places = np.log(radii)
    fine = np.linspace(places[0], places[-1], FINE)
    above = PchipInterpolator(places, np.minimum.accumulate(known))(fine) >= wanted
    if above.all() or not above[0]:
        return float(radii[-1] if above.all() else radii[0])
    last = int(np.argmin(above)) - 1  # the first that falls short, less one
    return float(np.exp(0.5 * (fine[last] + fine[last + 1])))
