"""How sure a fit is of its coefficients: the covariance that noise in the data leaves, by Gauss and Newton.

At a minimum of ½‖r‖² the gradient Jᵀr is zero. Noise ε of the N data, which enter as r_d = s (u − y), moves it by

    δθ = s H⁻¹ J_dᵀ ε,      H = JᵀJ over all rows,      Cov(c) = σ² S Sᵀ with S = s (H⁻¹ J_dᵀ) at the coefficients c

For data alone, J = J_d, that is the textbook's σ² (JᵀJ)⁻¹ / s²; the rows of the equation have no noise, so that they
stand in H and not in between (a "sandwich": White, Econometrica 50 (1982) 1). The variance of the noise is estimated
from what the fit leaves, σ² = Σ (u − y)² / (N − p), with p = tr(J_d H⁻¹ J_dᵀ) effective parameters (Hastie, Tibshirani
& Friedman, The Elements of Statistical Learning, 2nd ed. 2009, section 7.6). Directions of θ that no row sees are left
out of H⁻¹. What the network cannot represent, a bias, is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from pinnrun.calculus import Field, Objective, Points, Term

UNSEEN = 1e-13  # an eigenvalue of H below this share of the largest is none


@runtime_checkable
class Parametrised(Protocol):
    """A trained field whose parameters are known."""

    field: Field
    theta: Tensor


class Covariance(NamedTuple):
    """Cov of the chosen parameters ``(n, n)``, the standard deviation of the noise, the effective parameters p."""

    matrix: Tensor
    noise: float
    effective: float

    @property
    def standard_errors(self) -> list[float]:
        """The root of the diagonal."""
        return self.matrix.diagonal().sqrt().tolist()


def covariance(
    solution: Parametrised, blocks: Sequence[tuple[Term, Points]], data: str, chosen: Sequence[int]
) -> Covariance:
    """The covariance of some parameters of a fit.

    Args:
        solution: the fit.
        blocks: all terms of the objective, with points.
        data: name of the term whose rows are u − y.
        chosen: places in θ.
    """
    theta = solution.theta.detach().double()
    objective = Objective(solution.field, [(term, at.to(theta.device, theta.dtype)) for term, at in blocks])
    linear = objective.linearize(theta)
    first, scale, rows = 0, 1.0, slice(0)
    for term, at, factor in objective.blocks:
        if term.name == data:
            rows, scale = slice(first, first + len(at) * term.rows), factor
        first += len(at) * term.rows
    J = linear.J()
    values, vectors = torch.linalg.eigh(linear.gram())
    seen = values > UNSEEN * values[-1]
    inverse = (vectors[:, seen] / values[seen]) @ vectors[:, seen].T
    gain = inverse @ J[rows].T
    effective = float((J[rows] * gain.T).sum())
    left = max(rows.stop - rows.start - effective, 1.0)
    variance = float(linear.r[rows].square().sum()) / scale**2 / left
    sensitivity = scale * gain[list(chosen)]
    return Covariance(variance * sensitivity @ sensitivity.T, variance**0.5, effective)
