"""The complex Ginzburg-Landau equation in one space dimension, periodic: two real fields A = a + ib.

    A_t = A + (1 + iα) A_xx − (1 + iβ) |A|² A,    A(x, 0) = cos qx + ½ i sin qx,    q = 2π/L

(Aranson & Kramer, Rev. Mod. Phys. 74 (2002) 99, eq. 1.) The start is an ellipse in the complex plane that winds once
about zero; it turns into the travelling wave R e^{i(qx − ωt)}, R² = 1 − q², ω = β + (α − β) q². That wave is stable
against long waves for small q where 1 + αβ > 0 (Benjamin & Feir; Newell).

    A = A(x, 0) + (t/T) N(cos qx, sin qx, t)

holds the start exactly, and the period with all its derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.errors import UserError
from pinnrun.geometry.sampling import uniform
from pinnrun.problems.base import Observable, Problem, Reference, Solution, require_inside
from pinnrun.settings import setting


@dataclass(frozen=True)
class GinzburgLandau(Problem):
    """The real and the imaginary part of A."""

    points: int = setting(700, min=1, help="points in space and time; each leaves two rows")
    alpha: float = setting(2.0, help="α, linear dispersion")
    beta: float = setting(-0.4, help="β, nonlinear dispersion")
    length: float = setting(10.0, above=0, help="L, the period in x")
    duration: float = setting(2.0, above=0, help="T, end of time")

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("x", "t")

    @property
    def features(self) -> int:
        return 3

    @property
    def outputs(self) -> int:
        return 2

    @property
    def components(self) -> tuple[str, ...]:
        return ("a", "b")

    @property
    def wavenumber(self) -> float:
        """Of the start: 2π/L."""
        return 2.0 * pi / self.length

    # -- the field -----------------------------------------------------------------------------------------------

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """Cosine and sine of qx, and time moved to [−1, 1]."""
        return points.cached("inputs", derivatives, lambda: self._inputs(points, derivatives))

    def _inputs(self, points: Points, wanted: Derivatives) -> Jet:
        x, t = (points.coordinates(wanted)[i] for i in (0, 1))
        angle = self.wavenumber * x
        return Jet.cat([angle.cos(), angle.sin(), (2.0 / self.duration) * t - 1.0])

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        wanted = raw.derivatives
        start = points.cached("start", wanted, lambda: self._start(points, wanted))
        elapsed = points.cached("elapsed", wanted, lambda: points.coordinates(wanted)[1] / self.duration)
        return start + elapsed * raw

    def _start(self, points: Points, wanted: Derivatives) -> Jet:
        angle = self.wavenumber * points.coordinates(wanted)[0]
        return Jet.cat([angle.cos(), 0.5 * angle.sin()])

    # -- the equation --------------------------------------------------------------------------------------------

    def terms(self) -> Sequence[Term]:
        wanted = Derivatives(gradient=True, pairs=((0, 0),))
        return [Term("equation", self._interior, self._equation, wanted, self.points, rows=2, time=1)]

    def _equation(self, points: Points, field: Jet) -> Tensor:
        """Real and imaginary part of A_t − A − (1 + iα) A_xx + (1 + iβ) |A|² A, ``(N, 2)``."""
        value, bend = field.value[0], field.dd(0, 0)[0]
        square = value.square().sum(-1, keepdim=True)
        diffusion = bend + self.alpha * times_i(bend)
        saturation = square * (value + self.beta * times_i(value))
        return field.d(1)[0] - value - diffusion + saturation

    def _interior(self, generator: torch.Generator, count: int) -> Points:
        draw = uniform(generator, count, 2)
        return Points(draw * torch.tensor([self.length, self.duration], dtype=torch.float64))

    # -- how good it is ------------------------------------------------------------------------------------------

    def locate(self, x: Tensor) -> Points:
        require_inside((x[:, 1] >= 0) & (x[:, 1] <= self.duration), f"any x, t from 0 to {self.duration:g}")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        return self._interior(generator, 10_000)

    def reference(self) -> Reference:
        return Reference(spectral(self.alpha, self.beta, self.length, self.duration), "Fourier modes, Runge-Kutta")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """At the end: A at x = 0, and the mean of |A|² (1 − q² in the travelling wave)."""
        x = torch.zeros((256, 2), dtype=torch.float64)
        x[:, 0], x[:, 1] = self.length * torch.arange(256) / 256.0, self.duration
        found = solution(Points(x), Derivatives()).value[0].cpu().double().numpy()
        exact = self.reference().field(x.numpy())
        values = [(*map(float, field[0]), float((field**2).sum(-1).mean())) for field in (found, exact)]
        size = float(np.hypot(*exact[0]))
        return {
            name: Observable(value, "", reference, scale)
            for name, value, reference, scale in zip(("a", "b", "intensity"), *values, (size, size, None), strict=True)
        }


def times_i(field: Tensor) -> Tensor:
    """Times i, that is −b + ia, ``(..., 2)``."""
    a, b = field.unbind(-1)
    return torch.stack([-b, a], -1)


@dataclass(frozen=True, eq=False)
class FourierSolution:
    """A solved A(x, t): called with points ``(P, 2)`` it gives (a, b), ``(P, 2)``.

    Attributes:
        wavenumbers: k ``(K,)``.
        modes: the coefficients of e^{ikx} at times in [0, T], ``(P,)`` to ``(K, P)``.
    """

    wavenumbers: np.ndarray
    modes: Callable[[np.ndarray], np.ndarray]

    def __call__(self, at: np.ndarray) -> np.ndarray:
        waves = np.exp(1j * at[:, 0] * self.wavenumbers[:, None])
        field = (waves * self.modes(at[:, 1])).sum(0)
        return np.stack([field.real, field.imag], -1)


@lru_cache(maxsize=4)
def spectral(alpha: float, beta: float, length: float, duration: float, grid: int = 64) -> FourierSolution:
    """The equation's Fourier modes in time, by an explicit Runge-Kutta method of order 8 (scipy's DOP853).

    Â_k' = (1 − (1 + iα) k²) Â_k − (1 + iβ) (|A|² A)^_k, with the product taken on the grid; modes beyond two thirds of
    the grid's are left out (Orszag's rule).
    """
    order = np.fft.fftfreq(grid, 1.0 / grid)
    kept = np.abs(order) <= grid // 3
    k = 2.0 * pi / length * order[kept]
    rate = 1.0 - (1.0 + 1j * alpha) * k**2

    def slope(t: float, modes: np.ndarray) -> np.ndarray:
        padded = np.zeros(grid, complex)
        padded[kept] = modes
        field = grid * np.fft.ifft(padded)
        return rate * modes - (1.0 + 1j * beta) * (np.fft.fft(np.abs(field) ** 2 * field) / grid)[kept]

    start = np.zeros(len(k), complex)
    start[order[kept] == 1], start[order[kept] == -1] = 0.75, 0.25  # cos + ½ i sin
    solved = solve_ivp(slope, (0.0, duration), start, "DOP853", rtol=1e-10, atol=1e-12, dense_output=True)
    if not solved.success:
        raise UserError(f"duration: no reference up to {duration:g} was found ({solved.message}); take a shorter one")
    return FourierSolution(k, solved.sol)
