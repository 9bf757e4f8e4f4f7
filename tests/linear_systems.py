"""Histories of linear systems with known eigenvalues and a known fixed point."""

import numpy as np
from scipy import linalg


def block(eigenvalues):
    """A real matrix with the given real numbers and, for each complex one, its pair as eigenvalues."""
    parts = []
    for value in eigenvalues:
        re, im = np.real(value), np.imag(value)
        parts.append(np.array([[re, -im], [im, re]]) if im else np.array([[re]]))
    return linalg.block_diag(*parts)


def trajectory(eigenvalues, size=200, count=60, seed=0, noise=0.0):
    """Snapshots (count, size) of w(k+1) = w* + A (w(k) - w*), with non-normal A of low rank, and w*."""
    rng = np.random.default_rng(seed)
    core = block(eigenvalues)
    basis = rng.normal(size=(size, len(core)))
    fixed = rng.normal(size=size)
    state, rows = rng.uniform(1, 2, size=len(core)), []
    for _ in range(count):
        rows.append(fixed + basis @ state)
        state = core @ state
    return np.array(rows) + noise * rng.normal(size=(count, size)), fixed
