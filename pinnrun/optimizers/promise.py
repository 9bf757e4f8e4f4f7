"""What the linearization at θ promises: the decades by which L would fall if the rows were linear in θ.

    p = log10(L / L*),    L* = min over d of ½‖r + J d‖²

L* is what of the residual lies outside the tangent space of the network, so no Gauss-Newton step removes it; L − L* is
the predicted reduction of trust-region methods (Conn, Gould & Toint 2000, Trust-Region Methods, 6.1) without a trust
region. Where p is near zero, training stands at a point that it cannot leave; where p is large, it has somewhere to go,
whatever its loss did lately. What comes of a promise is measured in `pinnrun.koopman.promised_trend`.

Of a system that a step has formed anyway p costs one more factorisation, with a λ as small as rounding allows:

    (JᵀJ + λI) d = −Jᵀr,    L* = L + ½ dᵀJᵀr − ½ λ‖d‖²
"""

from __future__ import annotations

from math import log10, nan
from typing import Any

from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.lm import DampedSystem

DAMPING = 1e-13  # λ relative to the largest diagonal entry of JᵀJ: about the rounding errors of its entries
RAISED, LARGEST = 10.0, 1e-6  # where a system cannot be factorized, and where that is given up
DECADES = 12.0  # p at most: L* is not known to more digits


def promise(system: DampedSystem | None) -> float:
    """P in decades, 0 to `DECADES`; NaN where there is none: fewer rows than parameters can be met by any network."""
    if system is None or not system.linear.is_least_squares:
        return nan
    rows, size = system.linear.r.shape[0], system.gradient.shape[0]
    loss = float(system.linear.value)
    if rows < size or not loss > 0.0:
        return nan
    relative = DAMPING
    while relative <= LARGEST:
        damping = relative * system.scale
        d = system.solve(damping)
        if d is not None:
            left = loss + 0.5 * float(d.dot(system.gradient)) - 0.5 * damping * float(d.dot(d))
            return min(max(log10(loss / max(left, loss * 10.0**-DECADES)), 0.0), DECADES)
        relative *= RAISED
    return nan


def promised(optimizer: Any, objective: Objective, theta: Tensor) -> float:
    """P of the system that the optimizer's last step has solved, or of one that is formed for it at ``theta``.

    NaN for methods that solve no P × P system: they do not get to all of the tangent space.
    """
    if hasattr(optimizer, "latest_system"):
        return promise(optimizer.latest_system)
    solves = getattr(optimizer, "system", "none") == "parameters"
    if not solves or not objective.is_least_squares or objective.rows < theta.shape[0]:
        return nan
    linear = objective.linearize(theta)
    return promise(DampedSystem(linear, linear.gradient, "gram"))
