"""Which candidates to take: greedy forward selection in the linearized objective, what is chosen projected out.

Near θ the objective is L + g·δ + ½‖J δ + C a‖² with J of the parameters that there are and one column c_j of C for each
candidate, of slope b_j = ∂L/∂a_j. With a damping λ of every coordinate, minimising over δ leaves of the candidates

    K = Cᵀ C − Eᵀ E,   E = M⁻¹ Jᵀ C,   M Mᵀ = JᵀJ + λ 1            b ← b − Eᵀ M⁻¹ g

and taking candidate j in lowers the minimum by ½ b_j² / (K_jj + λ). The best one is taken, and eliminated in turn:

    K ← K − K_j K_jᵀ / (K_jj + λ)        b ← b − K_j b_j / (K_jj + λ)

This is orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993) in the form that judges a candidate by what
it adds to those before it, orthogonal least squares (Chen, Billings & Luo, Int. J. Control 50 (1989) 1873), with the
tangent space of the network chosen beforehand. One column of K is formed for each one taken, at 2 N C operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnrun.calculus import Linearization

DAMPING = 1e-6  # λ relative to the largest diagonal entry of JᵀJ


@dataclass(frozen=True)
class Candidates:
    """Columns of one layer's candidates.

    Attributes:
        columns: C, ``(N, C)``.
        slopes: b, ``(C,)``.
        quota: how many are wanted.
    """

    columns: Tensor
    slopes: Tensor
    quota: int


class Tangent:
    """The tangent space of a network at θ, and the damped step that its own parameters would make.

    Args:
        linear: the objective there.
        use: False leaves the tangent space out: then nothing is projected out, and the step is zero.
    """

    def __init__(self, linear: Linearization, *, use: bool = True) -> None:
        self.scale = float(linear.gram_diagonal().max())
        self.damping = DAMPING * self.scale
        self.rows = torch.zeros_like(linear.r)  # J δ
        self._jacobian: Tensor | None = None
        if not use:
            return
        self._jacobian = linear.J().double()
        self._factor = self._factorized(self._jacobian.T @ self._jacobian)
        step = -torch.cholesky_solve(linear.gradient.double()[:, None], self._factor)[:, 0]
        self.rows = (self._jacobian @ step).to(linear.r)

    def _factorized(self, gram: Tensor) -> Tensor:
        """The Cholesky factor of JᵀJ + λI, λ as small as rounding in J lets it be."""
        gram.diagonal().add_(self.damping)
        factor, failed = torch.linalg.cholesky_ex(gram)
        while failed and self.damping < self.scale:
            gram.diagonal().add_(9.0 * self.damping)
            self.damping *= 10.0
            factor, failed = torch.linalg.cholesky_ex(gram)
        return factor

    def images(self, columns: Tensor) -> Tensor:
        """E = M⁻¹ Jᵀ C; nothing where the tangent space is left out."""
        if self._jacobian is None:
            return columns.new_zeros((0, columns.shape[1]))
        return torch.linalg.solve_triangular(self._factor, self._jacobian.T @ columns, upper=False)


def pursue(pools: Sequence[Candidates], tangent: Tangent) -> list[list[int]]:
    """The candidates of each pool that are taken, best first; all pools compete until each has its quota.

    Slopes are those after the step of ``tangent``.
    """
    columns = torch.cat([pool.columns for pool in pools], 1).double()
    b = torch.cat([pool.slopes for pool in pools]).double()
    images = tangent.images(columns)
    k = columns.square().sum(0) - images.square().sum(0)
    owner = torch.cat([torch.full_like(pool.slopes, index, dtype=torch.long) for index, pool in enumerate(pools)])
    starts = [0]
    for pool in pools:
        starts.append(starts[-1] + len(pool.slopes))
    taken: list[list[int]] = [[] for _ in pools]
    eliminated: list[Tensor] = []
    barred = torch.zeros_like(b, dtype=torch.bool)
    for _ in range(sum(pool.quota for pool in pools)):
        gains = b.square() / (k.clamp(min=0.0) + tangent.damping)
        best = int(torch.where(barred, -1.0, torch.nan_to_num(gains, nan=0.0)).argmax())
        pool = int(owner[best])
        taken[pool].append(best - starts[pool])
        barred[best] = True
        if len(taken[pool]) == pools[pool].quota:
            barred |= owner == pool
        column = columns.T @ columns[:, best] - images.T @ images[:, best]
        for earlier in eliminated:
            column -= earlier * earlier[best]
        pivot = float(k[best].clamp(min=0.0)) + tangent.damping
        column /= pivot**0.5
        eliminated.append(column)
        k = k - column.square()
        b = b - column * (b[best] / pivot**0.5)
    return taken
