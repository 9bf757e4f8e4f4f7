"""Chebyshev collocation in the radius, element by element: the radial part of the Poisson-Boltzmann equation.

Every element carries the Chebyshev-Lobatto points x_k = -cos(pi k / n) with the differentiation matrix of
Trefethen (Spectral Methods in MATLAB, 2000, ch. 6) and the barycentric interpolation of Berrut & Trefethen
(SIAM Rev. 46, 501, 2004). Neighbouring elements keep their own copy of a shared point; its two rows ask for
equal values and equal slopes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike


@lru_cache(maxsize=32)
def lobatto(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev-Lobatto points and differentiation matrix.

    Args:
        order: n >= 1, the degree of the interpolating polynomial.

    Returns:
        The points, ascending in [-1, 1], shape (n+1,), and D, shape (n+1, n+1): D f is the derivative of the
        interpolant of f at the points. Both are read-only, since calls share them.
    """
    k = np.arange(order + 1)
    # sin keeps the points exactly symmetric about 0, where cos does not.
    points = np.sin(np.pi * (2 * k - order) / (2 * order))
    scale = np.where((k == 0) | (k == order), 2.0, 1.0) * (-1.0) ** k
    distance = points[:, None] - points[None, :] + np.eye(order + 1)
    derivative = np.outer(scale, 1 / scale) / distance
    # The derivative of a constant is zero: this sum is more accurate than the closed form of the diagonal.
    derivative -= np.diag(derivative.sum(axis=1))
    points.setflags(write=False)
    derivative.setflags(write=False)
    return points, derivative


def interpolation_matrix(order: int, x: ArrayLike) -> np.ndarray:
    """Barycentric interpolation from the Chebyshev-Lobatto points to x (P,) in [-1, 1]: (P, order+1)."""
    points, _ = lobatto(order)
    weights = (-1.0) ** np.arange(order + 1)
    weights[[0, -1]] *= 0.5
    distance = np.asarray(x, dtype=float)[:, None] - points[None, :]
    hit = distance == 0
    quotient = weights / np.where(hit, 1.0, distance)
    matrix = quotient / quotient.sum(axis=1, keepdims=True)
    return np.where(hit.any(axis=1, keepdims=True), hit, matrix)


@lru_cache(maxsize=32)
def _coefficient_matrix(order: int) -> np.ndarray:
    """The matrix from values at the Chebyshev-Lobatto points to coefficients of T_0 ... T_n."""
    points, _ = lobatto(order)
    return np.linalg.inv(np.polynomial.chebyshev.chebvander(points, order))


def graded_edges(
    start: float,
    end: float,
    *,
    breakpoints: Sequence[float] = (),
    first: float,
    growth: float = 1.5,
    longest: float,
) -> np.ndarray:
    """Edges of elements from start to end through all breakpoints, as lengths, angstrom.

    Elements grow from `first` by the factor `growth` up to `longest`; one may exceed its nominal length by a
    third, so that no sliver remains before a breakpoint. Breakpoints outside (start, end) are left out.
    """
    edges, step = [start], first
    for stop in (*(r for r in sorted(breakpoints) if start < r < end), end):
        while stop - edges[-1] > 4 / 3 * step:
            edges.append(edges[-1] + step)
            step = min(step * growth, longest)
        edges.append(stop)
    return np.array(edges)


@dataclass(frozen=True, eq=False)
class RadialMesh:
    """Elements [edges[e], edges[e+1]], each with order + 1 points: N = E (order + 1) nodes in all.

    Attributes:
        edges: (E+1,) ascending radii, angstrom.
        order: polynomial degree in every element.
    """

    edges: np.ndarray
    order: int

    @property
    def elements(self) -> int:
        """Number of elements E."""
        return len(self.edges) - 1

    @cached_property
    def nodes(self) -> np.ndarray:
        """Radii of all nodes, shape (N,), element by element; a shared point appears twice."""
        return self._spread(lobatto(self.order)[0])

    @cached_property
    def interior(self) -> np.ndarray:
        """Mask (N,) of the nodes that carry the differential equation: all but the ends of the elements."""
        inside = np.ones((self.elements, self.order + 1), dtype=bool)
        inside[:, [0, -1]] = False
        return inside.ravel()

    @cached_property
    def derivative(self) -> np.ndarray:
        """The derivative with respect to r, element by element, shape (N, N), block diagonal."""
        return self._block_diagonal(1)

    @cached_property
    def _laplacian(self) -> np.ndarray:
        """Rows of u'' + (2/r) u' at interior nodes, of the matching conditions at shared points, (N, N)."""
        first = self.derivative
        matrix = self._block_diagonal(2) + (2 / self.nodes)[:, None] * first
        matrix[~self.interior] = 0.0
        points = self.order + 1
        for right in range(points, len(self.nodes), points):  # first node of every element but the first
            matrix[right, [right - 1, right]] = -1.0, 1.0
            matrix[right - 1] = first[right - 1] - first[right]
        return matrix

    def operator(self, absorption: np.ndarray, inner: ArrayLike, outer: ArrayLike | None) -> np.ndarray:
        """Collocation of u'' + (2/r) u' - absorption u with its boundary and matching conditions.

        Interior rows carry the equation; the first row is u' - inner u, the last u (outer None) or
        u' + outer u; the two rows of a shared point are the jumps of u' and of u.

        Args:
            absorption: (..., N), 1/angstrom^2; leading axes make a batch of operators.
            inner: (...), 1/angstrom.
            outer: (...), 1/angstrom, or None for a prescribed value.

        Returns:
            Matrices of shape (..., N, N).
        """
        matrix = np.broadcast_to(self._laplacian, (*absorption.shape, len(self.nodes))).copy()
        diagonal = np.einsum("...ii->...i", matrix)  # a view
        diagonal -= np.where(self.interior, absorption, 0.0)
        matrix[..., 0, :] = self.derivative[0]
        matrix[..., 0, 0] -= inner
        if outer is None:
            matrix[..., -1, -1] = 1.0
        else:
            matrix[..., -1, :] = self.derivative[-1]
            matrix[..., -1, -1] += outer
        return matrix

    def interpolate(self, values: np.ndarray, r: np.ndarray) -> np.ndarray:
        """Values (..., N) at the nodes, interpolated to radii r (P,) within the mesh: shape (..., P)."""
        element = np.clip(np.searchsorted(self.edges, r, side="right") - 1, 0, self.elements - 1)
        lower, upper = self.edges[element], self.edges[element + 1]
        weights = interpolation_matrix(self.order, 2 * (r - lower) / (upper - lower) - 1)
        blocks = self._blocks(values)
        result = np.empty((*values.shape[:-1], len(r)))
        for e in np.unique(element):
            here = element == e
            result[..., here] = blocks[..., e, :] @ weights[here].T
        return result

    def clip(self, r: np.ndarray, *, infinite: bool) -> np.ndarray:
        """Radii r moved onto the mesh, for those that rounding, or infinite solvent, carries beyond its ends.

        Raises:
            ValueError: a radius is below the mesh or, unless infinite, above.
        """
        lower, upper = self.edges[[0, -1]]
        if (r < lower * (1 - 1e-9)).any() or (not infinite and (r > upper * (1 + 1e-9)).any()):
            raise ValueError(f"the solvent reaches from r = {lower:g} to {upper:g} angstrom")
        return np.clip(r, lower, upper)

    def quadrature(self) -> tuple[np.ndarray, np.ndarray]:
        """Gauss-Legendre radii and weights of the integral over r, both (2 order E,)."""
        points, weights = np.polynomial.legendre.leggauss(2 * self.order)
        return self._spread(points), np.outer(np.diff(self.edges) / 2, weights).ravel()

    def tails(self, values: np.ndarray) -> np.ndarray:
        """Size of the last three Chebyshev coefficients of values (..., N) in every element, shape (..., E).

        Coefficients of a resolved function have decayed to rounding there: this is what the mesh misses.
        """
        last = _coefficient_matrix(self.order)[-3:]
        return np.abs(self._blocks(values) @ last.T).max(axis=-1)

    def split(self, elements: np.ndarray) -> RadialMesh:
        """The mesh with every element marked in the mask (E,) cut in two halves."""
        middles = (self.edges[:-1] + self.edges[1:]) / 2
        return RadialMesh(np.sort(np.concatenate([self.edges, middles[elements]])), self.order)

    def slope_rounding(self) -> float:
        """Relative rounding error of a derivative at the ends of the shortest element, 1/angstrom."""
        return float(4 * np.finfo(float).eps * self.order**2 / np.diff(self.edges).min())

    def _blocks(self, values: np.ndarray) -> np.ndarray:
        """Values (..., N) by element: (..., E, order+1)."""
        return values.reshape(*values.shape[:-1], self.elements, self.order + 1)

    def _block_diagonal(self, power: int) -> np.ndarray:
        """The derivative of the given order in every element, shape (N, N)."""
        points = self.order + 1
        reference = np.linalg.matrix_power(lobatto(self.order)[1], power)
        matrix = np.zeros((self.elements, points, self.elements, points))
        for e, length in enumerate(np.diff(self.edges)):
            matrix[e, :, e, :] = reference * (2 / length) ** power
        return matrix.reshape(len(self.nodes), len(self.nodes))

    def _spread(self, points: np.ndarray) -> np.ndarray:
        """Points (G,) of [-1, 1] in every element, shape (E G,); its ends fall on the edges exactly."""
        lower, upper = self.edges[:-1, None], self.edges[1:, None]
        return (lower * (1 - points) / 2 + upper * (1 + points) / 2).ravel()


def scale_rows(matrix: np.ndarray) -> np.ndarray:
    """Factors (..., N, 1) that give every row of a matrix (..., N, N) a largest entry of 1.

    Rows of the equation, with second derivatives, are many orders larger than those of the conditions; the
    scaling lets the pivots of the elimination compare like with like.
    """
    return 1 / np.abs(matrix).max(axis=-1, keepdims=True)


def solve_rows(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Solve matrix (..., N, N) x = rows (..., N, K) with scaled rows."""
    scale = scale_rows(matrix)
    return np.linalg.solve(matrix * scale, rows * scale)
