"""Random sketches of a matrix: fewer columns by a subsampled cosine transform, fewer rows by a count sketch.

    Ω = D Π F_s      D random signs, Π a random permutation, F_s s columns of the orthogonal cosine transform: ΩᵀΩ = I
    C                every row of a matrix, times a random ±1/√4, is added to 4 random rows of the sketch

Subsampled transforms: Ailon & Chazelle, SIAM J. Comput. 39 (2009) 302; Tropp, Adv. Adapt. Data Anal. 3 (2011) 115.
Count sketch: Clarkson & Woodruff, J. ACM 63 (2017) 54, with several entries a column: Kane & Nelson, ibid. 61 (2014) 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor

HASHES = 4  # rows of the sketch that a row is added to


@dataclass(frozen=True)
class ColumnSketch:
    """Ω ``(P, s)``, never formed.

    Attributes:
        signs: of the columns, ``(P,)``.
        order: the permutation, ``(P,)``.
        kept: which columns of the transform are kept, ``(s,)``.
    """

    signs: Tensor
    order: Tensor
    kept: Tensor

    @classmethod
    def draw(cls, size: int, kept: int, like: Tensor, generator: torch.Generator) -> ColumnSketch:
        """A random sketch from ``size`` to ``kept`` columns, on the device and in the precision of ``like``."""
        signs = 2.0 * torch.randint(2, (size,), generator=generator) - 1.0
        order = torch.randperm(size, generator=generator)
        chosen = torch.randperm(size, generator=generator)[:kept]
        return cls(signs.to(like), order.to(like.device), chosen.to(like.device))

    def project(self, x: Tensor) -> Tensor:
        """The product x Ω, ``(..., P)`` to ``(..., s)``."""
        return cosine_transform((x * self.signs)[..., self.order], self.kept)

    def lift(self, y: Tensor) -> Tensor:
        """The product y Ωᵀ, ``(..., s)`` to ``(..., P)``."""
        spectrum = y.new_zeros((*y.shape[:-1], len(self.signs)))
        spectrum[..., self.kept] = y
        out = torch.empty_like(spectrum)
        out[..., self.order] = inverse_cosine_transform(spectrum)
        return out * self.signs


def cosine_transform(x: Tensor, kept: Tensor | None = None) -> Tensor:
    """The orthonormal DCT-II along the last axis, by one Fourier transform of the same length (Makhoul 1980).

    With ``kept``, those entries alone.
    """
    size = x.shape[-1]
    folded = torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], dim=-1)
    half = torch.fft.rfft(folded)  # the other half is conjugate to it, from the end
    kept = torch.arange(size, device=x.device) if kept is None else kept
    mirrored = kept > size // 2
    part = half[..., torch.where(mirrored, size - kept, kept)]
    angle = kept.to(x.dtype) * (pi / (2.0 * size))
    length = torch.full_like(angle, sqrt(2.0 / size))
    length[kept == 0] *= sqrt(0.5)
    real, imaginary = length * torch.cos(angle), length * torch.sin(angle)
    imaginary[mirrored] *= -1.0
    return part.real * real + part.imag * imaginary


def inverse_cosine_transform(x: Tensor) -> Tensor:
    """The inverse of ``cosine_transform``, which is its transpose."""
    size = x.shape[-1]
    x = x * sqrt(size / 2.0)
    x[..., 0] *= sqrt(2.0)
    mirrored = torch.cat([torch.zeros_like(x[..., :1]), x[..., 1:].flip(-1)], dim=-1)
    angle = torch.arange(size, dtype=x.dtype, device=x.device) * (pi / (2.0 * size))
    folded = torch.fft.ifft(torch.complex(x, -mirrored) * torch.polar(torch.ones_like(angle), angle)).real
    out = torch.empty_like(x)
    half = (size + 1) // 2
    out[..., ::2], out[..., 1::2] = folded[..., :half], folded[..., half:].flip(-1)
    return out


@dataclass(frozen=True)
class RowSketch:
    """C ``(m, N)``, never formed; E CᵀC = I.

    Attributes:
        rows: m.
        targets: the rows that a row is added to, ``(4, N)``.
        positive: whether it is added or taken off there, ``(4, N)``.
    """

    rows: int
    targets: Tensor
    positive: Tensor

    @classmethod
    def draw(cls, size: int, rows: int, like: Tensor, generator: torch.Generator) -> RowSketch:
        """A random sketch from ``size`` to ``rows`` rows, on the device of ``like``."""
        positive = torch.randint(2, (HASHES, size), generator=generator) > 0
        targets = torch.randint(rows, (HASHES, size), generator=generator)
        return cls(rows, targets.to(like.device), positive.to(like.device))

    def apply(self, x: Tensor) -> Tensor:
        """The product C x, ``(N, ...)`` to ``(m, ...)``."""
        out = x.new_zeros((self.rows, *x.shape[1:]))
        for target, positive in zip(self.targets, self.positive, strict=True):
            for chosen, sign in ((positive, 1.0), (~positive, -1.0)):
                out.index_add_(0, target[chosen], x[chosen], alpha=sign / sqrt(HASHES))
        return out
