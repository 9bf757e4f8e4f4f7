"""The steady incompressible Navier-Stokes equations in the plane, for fields (u, v, p).

    (u ∂_x + v ∂_y) u + p_x − Δu/Re = 0
    (u ∂_x + v ∂_y) v + p_y − Δv/Re = 0
    u_x + v_y = 0

Lengths and velocities are in units of the problem's own, the pressure in units of density times velocity squared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.rectangle import OnRectangle

DERIVATIVES = Derivatives(laplacian=True)
ROWS = 3
COMPONENTS = ("u", "v", "p")


def steady(points: Points, field: Jet, reynolds: float) -> Tensor:
    """The residuals of both momentum equations and of continuity, ``(N, 3)``."""
    value, slope_x, slope_y = field.value[0], field.d(0)[0], field.d(1)[0]
    u, v = value[:, 0:1], value[:, 1:2]
    pressure = torch.stack([slope_x[:, 2], slope_y[:, 2]], -1)
    transport = u * slope_x[:, :2] + v * slope_y[:, :2]
    momentum = transport + pressure - field.laplacian[0, :, :2] / reynolds
    return torch.cat([momentum, slope_x[:, 0:1] + slope_y[:, 1:2]], -1)


def align_pressure(value: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(u, v, p), ``(N, 3)``, with p moved to the reference's mean: its constant is open."""
    shift = np.array([0.0, 0.0, reference[:, 2].mean() - value[:, 2].mean()])
    return value + shift


@dataclass(frozen=True)
class Flow(OnRectangle):
    """Velocity and pressure on a rectangle; the pressure's constant is open and not judged."""

    @property
    def outputs(self) -> int:
        return len(COMPONENTS)

    @property
    def components(self) -> tuple[str, ...]:
        return COMPONENTS

    def align(self, value: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return align_pressure(value, reference)
