"""Extended dynamic mode decomposition: the Koopman operator on the span of a dictionary, and whom to believe of it.

A system x -> T(x) is seen through observables psi = (psi_1 .. psi_N): the rows of X are psi(x_i), those of Y
psi(T(x_i)), both (M, N). On the span of the dictionary the operator U g = g o T becomes the matrix

    K = X^+ Y,      K g = lambda g,      eigenfunction phi(x) = psi(x) g

(Williams, Kevrekidis & Rowley 2015, J. Nonlinear Sci. 25, 1307, section 2). With the identity as dictionary it is
dynamic mode decomposition. K is formed among orthonormal functions of the data, X = Q S V^T, so that observables that
say nearly the same (singular values below `tolerance` of the largest) are cut instead of amplified.

Where the dictionary is not invariant, K has eigenvalues that U has not. Residual DMD tells them by how far an
eigenpair is from being one of U itself (Colbrook & Townsend 2024, Comm. Pure Appl. Math. 77, 221; arXiv 2111.14889):

    res(lambda, g)^2 = g*[L - lambda A* - conj(lambda) A + |lambda|^2 G]g / g*Gg = |Y g - lambda X g|^2 / |X g|^2

with G = X*X, A = X*Y, L = Y*Y; the right-hand form keeps all digits. 0 belongs to a true eigenpair; lambda lies in the
residual-pseudospectrum of U whatever the residual is. It is a statement about many data: with as many functions as
pairs every residual vanishes, whatever was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnrun.koopman.curve import Array

TOLERANCE = 1e-10  # singular values of the dictionary below this share of the largest are rounding

Complex = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Edmd:
    """Eigenpairs of the Koopman operator on a dictionary's span.

    Attributes:
        eigenvalues: (r,) per step of the data; conjugates follow each other.
        functions: (N, r) coefficients g of the eigenfunctions, phi_j(x) = psi(x) functions[:, j].
        modes: (r, N) such that psi(x) = sum_j phi_j(x) modes[j] on the kept part of the dictionary.
        residuals: (r,) >= 0 of residual DMD.
    """

    eigenvalues: Complex
    functions: Complex
    modes: Complex
    residuals: Array

    @property
    def rank(self) -> int:
        """How many independent observables the data had."""
        return len(self.eigenvalues)

    def predict(self, psi: ArrayLike, steps: ArrayLike, *, clip: bool = False) -> Array:
        """The dictionary so many steps after it was `psi` (N,), (k, N); `clip` brings growing modes to |lambda| = 1."""
        values = clipped(self.eigenvalues) if clip else self.eigenvalues
        powers = values ** np.asarray(steps, dtype=np.float64)[:, None]
        return ((np.asarray(psi) @ self.functions * powers) @ self.modes).real


def edmd(before: ArrayLike, after: ArrayLike, *, tolerance: float = TOLERANCE, max_rank: int | None = None) -> Edmd:
    """The decomposition from `before` = X and `after` = Y, (M, N) each, M >= 1.

    Args:
        before: the dictionary at the states.
        after: the dictionary at the states that follow.
        tolerance: share of the largest singular value below which directions of X are cut.
        max_rank: the most directions to keep; None: all.

    Raises:
        ValueError: the shapes differ, or a value is not finite.
    """
    x, y = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if x.ndim != 2 or x.shape != y.shape or not len(x):
        raise ValueError(f"EDMD needs two (M, N) arrays of one shape, not {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("the observables are not all finite")
    q, singular, vt = np.linalg.svd(x, full_matrices=False)
    rank = int(np.sum(singular > tolerance * singular[0])) if len(singular) else 0
    rank = min(rank, max_rank or rank)
    q, singular, vt = q[:, :rank], singular[:rank], vt[:rank]
    image = y @ (vt.T / singular)  # the orthonormal functions, one step later
    values, vectors = np.linalg.eig(q.T @ image)
    values, vectors = values.astype(np.complex128), vectors.astype(np.complex128)
    return Edmd(
        eigenvalues=values,
        functions=((vt.T / singular) @ vectors).astype(np.complex128),
        modes=(np.linalg.pinv(vectors, rcond=1e-13) @ (singular[:, None] * vt)).astype(np.complex128),
        residuals=residuals(q @ vectors, image @ vectors, values),
    )


def residuals(now: ArrayLike, later: ArrayLike, eigenvalues: ArrayLike) -> Array:
    """Residuals of residual DMD, (r,), of functions with the values `now` and `later`, (M, r), at the pairs."""
    phi, image = np.asarray(now), np.asarray(later)
    norms = np.linalg.norm(phi, axis=0)
    return np.linalg.norm(image - phi * np.asarray(eigenvalues), axis=0) / np.where(norms > 0, norms, 1.0)


def clipped(eigenvalues: Complex) -> Complex:
    """Growing eigenvalues brought to the unit circle, the others as they are."""
    return eigenvalues / np.maximum(np.abs(eigenvalues), 1.0)
