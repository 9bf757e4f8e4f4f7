"""Burgers' equation u_t + u u_x = ν u_xx on [−1, 1], from −sin πx to a layer of width ν at x = 0.

With ν = 0.01/π, the benchmark of Basdevant et al. (Computers & Fluids 14 (1986) 23) and since then of physics-informed
networks (Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686); "Burgers 1d-C" of PINNacle (Hao et al.,
arXiv 2306.08827). Reference: the transform of Cole (Q. Appl. Math. 9 (1951) 225) and Hopf (CPAM 3 (1950) 201),

    u(x, t) = − ∫ sin π(x − η) f(x − η) e^{−η²/4νt} dη / ∫ f(x − η) e^{−η²/4νt} dη,    f(y) = e^{−cos(πy)/2πν}

by Gauss-Hermite quadrature in z = η/√(4νt). The solution is odd: it may be trained for x ≥ 0 alone, and is then
−u(−x) on the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose, pi
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from scipy.special import roots_hermite
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.base import Observable, Reference, Solution
from pinnrun.problems.evolution import Evolution
from pinnrun.settings import setting

NODES = 200  # of the quadrature


@dataclass(frozen=True)
class Burgers(Evolution):
    """u_t + u u_x = ν u_xx, u = 0 at x = −1 and 1."""

    viscosity: float = setting(0.01 / pi, above=0, help="ν")
    concentration: float = setting(3.0, min=1, help="points are drawn as |x| = uniform^concentration, dense at x = 0")
    symmetry: Literal["odd", "none"] = setting("odd", help="odd: u(−x) = −u(x) by construction; none: it is learnt")

    @property
    def interval(self) -> tuple[float, float]:
        return -1.0, 1.0

    @property
    def derivatives(self) -> Derivatives:
        return Derivatives(gradient=True, pairs=((0, 0),))

    def equation(self, points: Points, u: Jet) -> Tensor:
        return (u.d(1) + u.value * u.d(0) - self.viscosity * u.dd(0, 0))[..., 0]

    def start(self, x: Jet) -> Jet:
        return -(pi * x).sin()

    def place(self, uniform: Tensor) -> Tensor:
        s = 2.0 * uniform[:, 0] - 1.0
        return torch.stack([s.sign() * s.abs() ** self.concentration, self.duration * uniform[:, 1]], dim=-1)

    # -- an odd field --------------------------------------------------------------------------------------------

    def _scaled(self, coordinates: Jet) -> Jet:
        if self.symmetry == "none":
            return super()._scaled(coordinates)
        x, t = coordinates[0], coordinates[1]
        return Jet.cat([2.0 * x * x.value.sign() - 1.0, (2.0 / self.duration) * t - 1.0])

    def envelope(self, x: Jet) -> Jet:
        """1 − x², or the odd 4x(1 − |x|) that turns a network of |x| into an odd field."""
        return 1.0 - x * x if self.symmetry == "none" else 4.0 * x * (1.0 - x * x.value.sign())

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        if self.symmetry == "odd" and self.conditions == "soft":
            return raw * points.x[..., :1].sign()
        return super().ansatz(points, raw)

    # -- how good it is ------------------------------------------------------------------------------------------

    def reference(self) -> Reference:
        return Reference(lambda at: cole_hopf(at[:, 0], at[:, 1], self.viscosity), "Cole-Hopf, Gauss-Hermite")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """The slope of the layer; and for PINNacle's case the distances at its nodes from the truth and its file."""
        half = 0.5 * self.duration
        jet = solution(Points(torch.tensor([[0.0, half]], dtype=torch.float64)), Derivatives(gradient=True))
        slope = Observable(float(jet.d(0)), "", layer_slope(half, self.viscosity))
        if not (isclose(self.viscosity, 0.01 / pi) and self.duration >= 1.0):
            return {"slope_at_half": slope}
        at, file = benchmark()
        u = solution(Points(torch.as_tensor(at)), Derivatives()).value[0, :, 0].cpu().double().numpy()
        exact = cole_hopf(at[:, 0], at[:, 1], self.viscosity)
        return {
            "slope_at_half": slope,
            "error_at_nodes": Observable(float(np.linalg.norm(u - exact) / np.linalg.norm(exact))),
            "distance_to_pinnacle": Observable(float(np.linalg.norm(u - file) / np.linalg.norm(file))),
        }


def cole_hopf(x: np.ndarray, t: np.ndarray, viscosity: float, nodes: int = NODES) -> np.ndarray:
    """U at ``(N,)`` places and times, ``(N,)``; the start itself at t = 0.

    The weights and f are multiplied as exponentials, since f alone runs over e^{±1/2πν}.
    """
    z, weights = roots_hermite(nodes)
    z, logs = z[weights > 0], np.log(weights[weights > 0])
    y = x[:, None] - np.sqrt(4.0 * viscosity * t)[:, None] * z
    exponent = logs - np.cos(pi * y) / (2.0 * pi * viscosity)
    measure = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    u = -(np.sin(pi * y) * measure).sum(1) / measure.sum(1)
    return np.where(t > 0, u, -np.sin(pi * x))


def layer_slope(t: float, viscosity: float, h: float = 1e-4) -> float:
    """U_x at x = 0, from two values of the odd solution (fourth order in h)."""
    near, far = cole_hopf(np.array([h, 2.0 * h]), np.array([t, t]), viscosity)
    return float((8.0 * near - far) / (6.0 * h))


def benchmark() -> tuple[np.ndarray, np.ndarray]:
    """PINNacle's nodes x, t ``(1111, 2)`` and its u there, a finite-element solution ``(1111,)``.

    The mesh is too coarse for the layer: the file lies 1.33e-2 (relative L2) from the Cole-Hopf solution, which is as
    much as the best errors that are reported against it.
    """
    with np.load(Path(__file__).parent / "data" / "burgers1d.npz") as file:
        x, t, u = file["x"], file["t"], file["u"]
    return np.stack(np.meshgrid(x, t, indexing="ij"), -1).reshape(-1, 2), u.reshape(-1)
