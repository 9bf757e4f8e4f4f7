"""A randomized Nyström approximation of a positive semidefinite matrix G, as preconditioner of G + λI.

    Y = G Ω for ℓ random orthonormal columns Ω,      Ĝ = Y (ΩᵀY)⁻¹ Yᵀ = U Λ Uᵀ,      rank ℓ
    M⁻¹ v = (λ_ℓ + λ) U (Λ + λI)⁻¹ Uᵀ v + (v − U Uᵀ v)

G is known by its products alone, ℓ of which are all that is spent. Y is shifted by a rounding error ν of itself, so
that ΩᵀY has a Cholesky factor; ν is taken off Λ again (Frangella, Tropp & Udell, "Randomized Nyström preconditioning",
SIAM J. Matrix Anal. Appl. 44 (2023) 718, arXiv 2110.02820, algorithm 2.1 and equation 1.3). For networks trained on
differential equations: Rathore et al., ICML 2024, arXiv 2402.01868; Bioli, Marcati & Sangalli, arXiv 2505.11638.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Nystrom:
    """Ĝ = U Λ Uᵀ: orthonormal columns ``vectors`` ``(P, ℓ)``, ``eigenvalues`` ``(ℓ,)`` from the largest down."""

    vectors: Tensor
    eigenvalues: Tensor

    def apply_inverse(self, v: Tensor, damping: float) -> Tensor:
        """M⁻¹ v for the preconditioner M of G + λI, which is 1 where Ĝ sees nothing."""
        weights = (self.eigenvalues[-1] + damping) / (self.eigenvalues + damping) - 1.0
        return v + self.vectors @ (weights * (self.vectors.T @ v))


def sketch(product: Callable[[Tensor], Tensor], like: Tensor, rank: int, generator: torch.Generator) -> Nystrom:
    """Ĝ from ``rank`` products with G.

    Args:
        product: v ↦ G v, both ``(P,)``.
        like: a vector ``(P,)`` of the wanted device and precision.
        rank: ℓ; no more than P are used.
        generator: on the CPU, so that the draw is the same on every device.
    """
    shape = (like.shape[0], min(rank, like.shape[0]))
    columns = torch.randn(shape, generator=generator, dtype=torch.float64).to(like)
    columns = torch.linalg.qr(columns)[0]
    image = torch.stack([product(column) for column in columns.T.contiguous()], dim=1)
    root, shift = _root(columns, image)
    vectors, singular, _ = torch.linalg.svd(root, full_matrices=False)
    return Nystrom(vectors, (singular.square() - shift).clamp(min=0.0))


def _root(columns: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """B with BBᵀ = Y (ΩᵀY)⁻¹ Yᵀ for Y shifted by ν, and ν: a rounding error, or as many as ΩᵀY needs."""
    limits = torch.finfo(image.dtype)
    shift = (limits.eps * image.norm()).clamp(min=limits.tiny)
    for _ in range(6):
        shifted = image + shift * columns
        core = columns.T @ shifted
        factor, failed = torch.linalg.cholesky_ex(0.5 * (core + core.T))
        if not bool(failed):
            return torch.linalg.solve_triangular(factor, shifted.T, upper=False).T, shift
        shift = 10.0 * shift
    return torch.zeros_like(image), torch.zeros_like(shift)  # nothing to be learned from such products: M = I
