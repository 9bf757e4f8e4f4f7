"""The flow in a lid-driven cavity by Chebyshev collocation, for velocity and pressure, with Newton's method.

Velocities are polynomials of degree N in x and in y on the Gauss-Lobatto grid, whose outer nodes hold the walls'
velocities; the pressure is one of degree N − 2 on the inner nodes, where momentum and continuity are collocated. This
pair has no other spurious pressure than the constant (P_N − P_{N−2}: Botella, Computers & Fluids 26 (1997) 107), which
is fixed to a mean of zero over the nodes. For large Reynolds numbers the flow of half of it is where Newton starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
from scipy.interpolate import BarycentricInterpolator
from scipy.linalg import lu_factor, lu_solve

from pinnrun.errors import UserError

EASY = 200.0  # Newton's method finds the flow of this Reynolds number from that of none
ITERATIONS = 20


@dataclass(frozen=True, eq=False)
class CavityFlow:
    """A solved flow.

    Attributes:
        nodes: Gauss-Lobatto nodes on [0, 1], ``(N + 1,)``; the pressure's are those between the first and the last.
        velocity: ``(2, N + 1, N + 1)``, the first axis of the grid is x.
        pressure: ``(N − 1, N − 1)``.
    """

    nodes: np.ndarray
    velocity: np.ndarray
    pressure: np.ndarray

    def at(self, x: np.ndarray) -> np.ndarray:
        """(u, v, p) at points ``(P, 2)``, ``(P, 3)``."""
        fields = ((self.nodes, self.velocity[0]), (self.nodes, self.velocity[1]), (self.nodes[1:-1], self.pressure))
        return np.stack([interpolate(nodes, values, x) for nodes, values in fields], -1)


def interpolate(nodes: np.ndarray, values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The polynomial through values ``(n, n)`` on the grid of the nodes, at points ``(P, 2)``, ``(P,)``."""
    cardinal = BarycentricInterpolator(nodes, np.eye(len(nodes)))
    return np.einsum("pi,ij,pj->p", cardinal(x[:, 0]), values, cardinal(x[:, 1]), optimize=True)


def derivative_matrix(nodes: np.ndarray) -> np.ndarray:
    """D with (D f)_i = f'(x_i) for the polynomial through all f_j (Berrut & Trefethen, SIAM Review 46 (2004) 501)."""
    gaps = nodes[:, None] - nodes[None]
    np.fill_diagonal(gaps, 1.0)
    weights = 1.0 / np.prod(4.0 * gaps, axis=1)  # by 4, the inverse capacity of [0, 1], they stay near one
    matrix = weights[None] / weights[:, None] / gaps
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(1))
    return matrix


@lru_cache(maxsize=4)
def solve(reynolds: float, lid: int | None, order: int = 28) -> CavityFlow:
    """The flow under a lid that moves with (1 − (2x − 1)^lid)², or with 1 all along for None.

    Raises:
        UserError: Newton's method does not converge.
    """
    grid = _Grid(order, lid)
    start = np.zeros(grid.size) if reynolds <= EASY else grid.pack(solve(0.5 * reynolds, lid, order))
    return grid.unpack(_newton(grid, reynolds, start))


def _newton(grid: _Grid, reynolds: float, state: np.ndarray) -> np.ndarray:
    for _ in range(ITERATIONS):
        residual, jacobian = grid.linearize(state, reynolds)
        step = lu_solve(lu_factor(jacobian, overwrite_a=True), residual)
        state = state - step
        if np.abs(step).max() < 1e-10:
            return state
    raise UserError(f"reynolds: no steady flow was found for {reynolds:g}; take a smaller one")


class _Grid:
    """The collocated equations; the state is u, v and p at the inner nodes, and the multiplier of the mean of p."""

    def __init__(self, order: int, lid: int | None) -> None:
        self.nodes = 0.5 - 0.5 * np.cos(pi * np.arange(order + 1) / order)
        self.inner = order - 1
        self.count = self.inner**2
        self.size = 3 * self.count + 1
        self.walls = np.zeros((2, order + 1, order + 1))
        self.walls[0, :, -1] = 1.0 if lid is None else (1.0 - (2.0 * self.nodes - 1.0) ** lid) ** 2
        first = derivative_matrix(self.nodes)
        self.first, self.second = first, first @ first
        eye, within = np.eye(self.inner), slice(1, -1)
        pressure_slope = derivative_matrix(self.nodes[within])
        self.to_x, self.to_y = np.kron(first[within, within], eye), np.kron(eye, first[within, within])
        self.curvature = np.kron(self.second[within, within], eye) + np.kron(eye, self.second[within, within])
        self.p_x, self.p_y = np.kron(pressure_slope, eye), np.kron(eye, pressure_slope)

    def linearize(self, state: np.ndarray, reynolds: float) -> tuple[np.ndarray, np.ndarray]:
        """Residuals ``(size,)`` of momentum, continuity and mean pressure, and their Jacobian."""
        n, inside = self.count, slice(1, -1)
        velocity, p, multiplier = self._velocity(state), state[2 * n : 3 * n], state[-1]
        (u, v), (u_x, v_x), (u_y, v_y), (bend_u, bend_v) = (
            part[:, inside, inside].reshape(2, n)
            for part in (
                velocity,
                self.first @ velocity,
                velocity @ self.first.T,
                self.second @ velocity + velocity @ self.second.T,
            )
        )
        along_x = u * u_x + v * u_y + self.p_x @ p - bend_u / reynolds
        along_y = u * v_x + v * v_y + self.p_y @ p - bend_v / reynolds
        residual = np.concatenate([along_x, along_y, u_x + v_y + multiplier, [p.mean()]])

        jacobian = np.zeros((self.size, self.size))
        first, second, third = slice(0, n), slice(n, 2 * n), slice(2 * n, 3 * n)
        transport = u[:, None] * self.to_x + v[:, None] * self.to_y - self.curvature / reynolds
        jacobian[first, first] = transport + np.diag(u_x)
        jacobian[first, second] = np.diag(u_y)
        jacobian[second, first] = np.diag(v_x)
        jacobian[second, second] = transport + np.diag(v_y)
        jacobian[first, third], jacobian[second, third] = self.p_x, self.p_y
        jacobian[third, first], jacobian[third, second] = self.to_x, self.to_y
        jacobian[third, -1], jacobian[-1, third] = 1.0, 1.0 / n
        return residual, jacobian

    def _velocity(self, state: np.ndarray) -> np.ndarray:
        velocity = self.walls.copy()
        velocity[:, 1:-1, 1:-1] = state[: 2 * self.count].reshape(2, self.inner, self.inner)
        return velocity

    def unpack(self, state: np.ndarray) -> CavityFlow:
        """A state as a flow."""
        pressure = state[2 * self.count : 3 * self.count].reshape(self.inner, self.inner)
        return CavityFlow(self.nodes, self._velocity(state), pressure)

    def pack(self, flow: CavityFlow) -> np.ndarray:
        """A flow on this grid as a state."""
        return np.concatenate([flow.velocity[:, 1:-1, 1:-1].ravel(), flow.pressure.ravel(), [0.0]])
