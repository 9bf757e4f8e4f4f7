"""A matrix times its own transpose, of which only half has to be computed."""

from __future__ import annotations

from torch import Tensor

STRIP = 192  # columns of JᵀJ formed at once: wide enough for full speed, narrow enough to skip almost half of it


def gram(J: Tensor) -> Tensor:
    """JᵀJ, ``(P, P)``, of a ``(N, P)`` matrix: the upper triangle in strips, the lower one as its mirror image."""
    size = J.shape[1]
    if size <= STRIP or J.is_cuda:  # there one large product is faster than its half in pieces
        return J.T @ J
    out = J.new_empty((size, size))
    for start in range(0, size, STRIP):
        strip = slice(start, min(start + STRIP, size))
        out[strip, start:] = J[:, strip].T @ J[:, start:]
        out[strip, strip] = out[strip, strip].triu() + out[strip, strip].triu(1).T  # some libraries round it unevenly
        out[strip.stop :, strip] = out[strip, strip.stop :].T
    return out
