"""Linear systems with given eigenvalues, and their orbits: what dynamic mode decomposition must find exactly."""

import numpy as np
from scipy import linalg


def system(values, size, seed=0):
    """A matrix (size, size) with the given eigenvalues, complex ones with their conjugates, and zeros; and its rank."""
    blocks = [np.array([[np.real(v), -np.imag(v)], [np.imag(v), np.real(v)]]) if np.imag(v) else [[v]] for v in values]
    core = linalg.block_diag(*blocks)
    basis = np.random.default_rng(seed).normal(size=(size, size))
    return basis @ linalg.block_diag(core, np.zeros((size - len(core),) * 2)) @ np.linalg.inv(basis), len(core)


def orbit(matrix, count, seed=1):
    """States (count, size) of w(t + 1) = A w(t), from one that has no part in the kernel."""
    rows = [matrix @ np.random.default_rng(seed).normal(size=len(matrix))]
    for _ in range(count - 1):
        rows.append(matrix @ rows[-1])
    return np.array(rows)
