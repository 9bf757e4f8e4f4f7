"""Newton's method for the nonlinear part of the potential around a charged sphere, with preconditioned GMRES.

Newton-Krylov for the Poisson-Boltzmann equation is due to Holst & Saied (J. Comput. Chem. 16, 337, 1995).
Here the equation is that of the correction v to the linear solution,

    Laplace v - kappa^2 lambda v = kappa^2 lambda (sinh phi - phi),   phi = phi_linear + v,

in spherical harmonics on a radial Chebyshev mesh; products are formed on a grid of the sphere.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse.linalg import LinearOperator, gmres

from pinnrun.errors import UserError
from pinnrun.problems.npbe.charged_sphere import ChargedSphere
from pinnrun.problems.npbe.chebyshev import RadialMesh, scale_rows
from pinnrun.problems.npbe.harmonics import SphereGrid
from pinnrun.problems.npbe.solvent import charge_doublings

_TOLERANCE = 1e-11  # of Newton's method, relative to the largest potential
_GMRES_REDUCTION = 1e-3  # of the residual, in one Newton step
_STALE = 0.1  # relative change of the mean of cosh at which the preconditioner is made anew
_ITERATIONS = 60


def latitudes_for(degree: int) -> int:
    """Rings of a grid for a degree: half as many again as the harmonics need, for the products in sinh."""
    return 3 * degree // 2 + 4


class NewtonKrylov:
    """The correction v, at the nodes that carry the equation and that ions reach.

    With c = cosh phi - 1 and its mean c0(r) over the sphere, a Newton step d from v solves

        (Laplace - kappa^2 lambda (1 + c0)) d - kappa^2 lambda (c - c0) d = rest.

    The first operator is inverted exactly, harmonic by harmonic, and preconditions GMRES: it carries the
    steep radial growth of cosh phi, and all of it around a centred ion.

    Args:
        sphere: the problem.
        mesh: of N nodes, A of which are active.
        linear: flat coefficients (K', N) of the linear solution, of whatever degree, kT/e.
        degree: L, highest degree of v.
    """

    def __init__(self, sphere: ChargedSphere, mesh: RadialMesh, linear: np.ndarray, degree: int) -> None:
        self._sphere, self._mesh, self._degree = sphere, mesh, degree
        screening = sphere.solvent.screening(mesh.nodes)
        self._active = np.flatnonzero(mesh.interior & (screening > 0))
        self._screening = screening
        latitudes = latitudes_for(degree)
        self._grid = SphereGrid(degree, latitudes)
        full_grid = SphereGrid(math.isqrt(len(linear)) - 1, latitudes)
        self._background = full_grid.synthesize(full_grid.table(linear[:, self._active]))

    def solve(self) -> np.ndarray:
        """Flat coefficients (K, N) of v, kT/e, doubling the charges up to their full size.

        Raises:
            UserError: Newton's method does not converge.
        """
        table = np.zeros((2 * self._degree + 1, self._degree + 1, len(self._active)))
        doublings = charge_doublings(float(np.abs(self._background).max()))
        for doubling in range(doublings, 0, -1):
            table, _, _ = self._iterate(0.5**doubling * self._background, table)
            table = 2 * table
        _, inverse, source = self._iterate(self._background, table)
        return self._grid.flat(_apply(inverse[:, :, self._active], source))

    def _iterate(self, background: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Solve with phi_linear = background on the grid, from the guess v = table (2L+1, L+1, A).

        Returns:
            v at the active nodes; the inverse (L+1, N, N) last used; the source s (2L+1, L+1, A) with
            v = inverse s, which gives v at all nodes.
        """
        screening, grid, active = self._screening[self._active], self._grid, self._active
        scale = max(1.0, float(np.abs(background).max()))
        mean, inverse = self._preconditioner(np.zeros_like(screening))
        for _ in range(_ITERATIONS):
            with np.errstate(over="ignore"):
                potential = background + grid.synthesize(table)
                growth = np.cosh(potential) - 1
            if not np.isfinite(growth).all():
                break
            new_mean = grid.mean(growth)
            if (np.abs(new_mean - mean) > _STALE * (1 + new_mean)).any():
                mean, inverse = self._preconditioner(new_mean)
            between_active = inverse[:, active[:, None], active]
            source = grid.analyze(screening * (np.sinh(potential) - potential)) - screening * mean * table
            rest = _apply(between_active, source) - table
            if np.abs(rest).max() <= _TOLERANCE * scale:
                return table, inverse, source
            jacobian = _Jacobian(between_active, screening * (growth - mean), grid)
            step, _ = gmres(jacobian, rest.ravel(), rtol=_GMRES_REDUCTION, restart=40, maxiter=5)
            table = table + step.reshape(table.shape)
        raise UserError(
            "No reference solution: Newton's method for these charges does not converge.\n"
            "Take smaller charges, or a larger radius or ion_radius."
        )

    def _preconditioner(self, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean (A,) of cosh phi - 1, and inverses (L+1, N, N) of the operators screened by it."""
        screening = self._screening.copy()
        screening[self._active] *= 1 + mean
        matrices = self._sphere.operators(self._mesh, self._degree, screening)
        scale = scale_rows(matrices)
        return mean, np.linalg.inv(matrices * scale) * scale.swapaxes(-1, -2)


class _Jacobian(LinearOperator):
    """The map d -> d - inverse (variation d) on flattened tables (2L+1, L+1, A) of coefficients."""

    def __init__(self, inverse: np.ndarray, variation: np.ndarray, grid: SphereGrid) -> None:
        self._inverse, self._variation, self._grid = inverse, variation, grid
        self._table = (2 * grid.degree + 1, grid.degree + 1, variation.shape[-1])
        size = math.prod(self._table)
        super().__init__(np.dtype(float), (size, size))

    def _matvec(self, x: np.ndarray) -> np.ndarray:
        table = x.reshape(self._table)
        product = self._grid.analyze(self._variation * self._grid.synthesize(table))
        return (table - _apply(self._inverse, product)).ravel()


def _apply(matrices: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Matrices (L+1, N, A), one a degree, times coefficients (2L+1, L+1, A): (2L+1, L+1, N)."""
    return (table.swapaxes(0, 1) @ matrices.swapaxes(-1, -2)).swapaxes(0, 1)
