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
        return cosine_transform((x * self.signs)[..., self.order])[..., self.kept]

    def lift(self, y: Tensor) -> Tensor:
        """The product y Ωᵀ, ``(..., s)`` to ``(..., P)``."""
        spectrum = y.new_zeros((*y.shape[:-1], len(self.signs)))
        spectrum[..., self.kept] = y
        out = torch.empty_like(spectrum)
        out[..., self.order] = inverse_cosine_transform(spectrum)
        return out * self.signs


def cosine_transform(x: Tensor) -> Tensor:
    """The orthonormal DCT-II along the last axis, by one Fourier transform of the same length (Makhoul 1980)."""
    size = x.shape[-1]
    folded = torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], dim=-1)
    turned = (torch.fft.fft(folded) * _turn(size, -1.0, x)).real * sqrt(2.0 / size)
    turned[..., 0] *= sqrt(0.5)
    return turned


def inverse_cosine_transform(x: Tensor) -> Tensor:
    """The inverse of ``cosine_transform``, which is its transpose."""
    size = x.shape[-1]
    x = x * sqrt(size / 2.0)
    x[..., 0] *= sqrt(2.0)
    mirrored = torch.cat([torch.zeros_like(x[..., :1]), x[..., 1:].flip(-1)], dim=-1)
    folded = torch.fft.ifft(torch.complex(x, -mirrored) * _turn(size, 1.0, x)).real
    out = torch.empty_like(x)
    half = (size + 1) // 2
    out[..., ::2], out[..., 1::2] = folded[..., :half], folded[..., half:].flip(-1)
    return out


def _turn(size: int, sign: float, like: Tensor) -> Tensor:
    angle = sign * pi / (2.0 * size) * torch.arange(size, dtype=like.dtype, device=like.device)
    return torch.polar(torch.ones_like(angle), angle)


def count_sketch(x: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    """C x, ``(N, k)`` to ``(rows, k)``; E CᵀC = I."""
    out = x.new_zeros((rows, x.shape[1]))
    for _ in range(HASHES):
        signs = 2.0 * torch.randint(2, (len(x), 1), generator=generator) - 1.0
        target = torch.randint(rows, (len(x),), generator=generator)
        out.index_add_(0, target.to(x.device), x * (signs / sqrt(HASHES)).to(x))
    return out
