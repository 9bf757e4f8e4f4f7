"""Initial value problems u' = f(t, u), u(0) = u₀ on [0, T]: one base class, and three systems with a few lines each.

The start is built into the field, and time runs from 0 to 1 for the network:

    u(t) = u₀ + (t/T) S N(t),      S = diag(scale),      residual  (T/S)(u' − f(t, u)), one row a component

so that network and residual are of order one whatever the units. The reference is an explicit Runge-Kutta method of
order 8 (DOP853: Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. 1993, section II.10).

Another system is a subclass: its constants as settings, the names of its components, and its right-hand side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.errors import UserError
from pinnrun.problems.base import Observable, Problem, Reference, Solution, require_inside
from pinnrun.settings import setting


@dataclass(frozen=True)
class InitialValueProblem(Problem):
    """u' = f(t, u), u(0) = u₀ for 0 ≤ t ≤ T; t is the only coordinate."""

    points: int = setting(200, min=1, help="times at which the equation is asked for")
    duration: float = setting(1.0, above=0, help="T, the end of the time interval that begins at 0")
    initial: tuple[float, ...] = setting((), help="u₀, one number a component")
    scale: tuple[float, ...] = setting((), above=0, help="how far each component moves from u₀, roughly; []: 1 for all")

    names: ClassVar[tuple[str, ...]] = ()
    """Names of the components."""

    def rate(self, t: Tensor, u: tuple[Tensor, ...]) -> Sequence[Tensor]:
        """The right-hand side f by component, each ``(...)`` as ``t`` and the components of ``u`` are."""
        raise NotImplementedError

    def problems(self) -> Iterator[str]:
        """Lists of the wrong length."""
        k = len(self.names)
        for name, given in (("initial", self.initial), ("scale", self.scale)):
            if len(given) != k and (given or name == "initial"):
                yield f"{name}: {len(given)} numbers for {k} components; give one for each of {', '.join(self.names)}"

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("t",)

    @property
    def outputs(self) -> int:
        return len(self.names)

    @property
    def components(self) -> tuple[str, ...]:
        return self.names

    # -- the field -----------------------------------------------------------------------------------------------

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """Time moved to [−1, 1]."""
        return points.cached(
            "inputs", derivatives, lambda: (2.0 / self.duration) * points.coordinates(derivatives) - 1.0
        )

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        part = points.coordinates(raw.derivatives) * (1.0 / self.duration)
        return part * (raw * self._scale(raw.value)) + raw.value.new_tensor(self.initial)

    def _scale(self, like: Tensor) -> Tensor:
        return like.new_tensor(self.scale or (1.0,) * self.outputs)

    def terms(self) -> Sequence[Term]:
        def equation(points: Points, u: Jet) -> Tensor:
            f = torch.stack(tuple(self.rate(points.x[..., 0], u.value[..., : self.outputs].unbind(-1))), dim=-1)
            return (self.duration / self._scale(f) * (u.d(0)[..., : self.outputs] - f))[0]

        return (Term("equation", self._times, equation, Derivatives(gradient=True), self.points, rows=self.outputs),)

    def _times(self, generator: torch.Generator, count: int) -> Points:
        """One random time in each of ``count`` equal parts of the interval: no gap for the field to swing in."""
        shares = (torch.arange(count) + torch.rand(count, generator=generator, dtype=torch.float64)) / count
        return Points(self.duration * shares[:, None])

    def locate(self, x: Tensor) -> Points:
        require_inside(((x >= 0) & (x <= self.duration)).all(-1), f"times 0 to {self.duration:g}")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        return self._times(generator, max(2_000, 2 * self.points))

    # -- how good it is ------------------------------------------------------------------------------------------

    def integrate(self, t: np.ndarray) -> np.ndarray:
        """The solution at times ``(N,)`` by DOP853 at a relative tolerance of 1e-12, ``(N, k)``."""

        def rate(time: float, u: np.ndarray) -> list[float]:
            parts = torch.as_tensor(u, dtype=torch.float64).unbind()
            return [float(part) for part in self.rate(torch.tensor(time, dtype=torch.float64), parts)]

        times, where = np.unique(t, return_inverse=True)
        size = self.scale or (1.0,) * self.outputs
        done = solve_ivp(
            rate, (0.0, self.duration), self.initial, "DOP853", times, rtol=1e-12, atol=1e-13 * np.asarray(size)
        )
        if not done.success:
            raise UserError(f"problem: no reference on [0, {self.duration:g}]: {done.message} Try a shorter duration.")
        return done.y.T[where]

    def reference(self) -> Reference:
        return Reference(lambda x: self.integrate(x[:, 0]), "DOP853, rtol 1e-12")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """Every component at the end of the interval; errors are relative to its scale."""
        end = torch.tensor([[self.duration]], dtype=torch.float64)
        values = solution(Points(end), Derivatives()).value[0, 0].tolist()
        exact = (self.reference().field(end.numpy()))[0].tolist()
        sizes = self.scale or (1.0,) * self.outputs
        return {
            f"{name}_at_end": Observable(value, "", reference, size)
            for name, value, reference, size in zip(self.names, values, exact, sizes, strict=False)
        }


@dataclass(frozen=True)
class Oscillator(InitialValueProblem):
    """x' = v, v' = −2ζω v − ω² x: the damped harmonic oscillator as a system, with its closed form."""

    duration: float = setting(2.0, above=0, help="T, the end of the time interval that begins at 0")
    initial: tuple[float, ...] = setting((1.0, 0.0), help="x and v at t = 0")
    scale: tuple[float, ...] = setting((2.0, 6.0), above=0, help="how far x and v move, roughly; []: 1 for both")
    frequency: float = setting(6.0, above=0, help="ω of the undamped oscillator, in radians a unit of time")
    damping: float = setting(0.1, min=0, help="ζ: below 1 it oscillates, at 1 it is critically damped, above 1 it creeps")

    names = ("x", "v")

    def rate(self, t: Tensor, u: tuple[Tensor, ...]) -> Sequence[Tensor]:
        x, v = u
        return v, -2.0 * self.damping * self.frequency * v - self.frequency**2 * x

    def reference(self) -> Reference:
        """The solution e^{−γt} [(cos μt + γ sin μt / μ) x₀ + (sin μt / μ) v₀], μ² = ω² − γ² of either sign, γ = ζω."""
        gamma, (x0, v0) = self.damping * self.frequency, self.initial
        mu = np.sqrt(complex(self.frequency**2 - gamma**2))

        def field(x: np.ndarray) -> np.ndarray:
            t = x[:, 0]
            decay, cosine, sine = np.exp(-gamma * t), np.cos(mu * t).real, (t * np.sinc(mu * t / np.pi)).real
            position = decay * (cosine * x0 + sine * (v0 + gamma * x0))
            velocity = decay * (cosine * v0 - sine * (gamma * v0 + self.frequency**2 * x0))
            return np.stack([position, velocity], axis=1)

        return Reference(field, "closed form")


@dataclass(frozen=True)
class LotkaVolterra(InitialValueProblem):
    """x' = αx − βxy, y' = δxy − γy: prey x and predators y (Lotka 1925, Volterra 1926)."""

    duration: float = setting(4.0, above=0, help="T, the end of the time interval that begins at 0")
    initial: tuple[float, ...] = setting((1.0, 1.0), help="prey and predators at t = 0")
    scale: tuple[float, ...] = setting((4.0, 2.0), above=0, help="how far either moves, roughly; []: 1 for both")
    growth: float = setting(1.5, min=0, help="α, of the prey")
    predation: float = setting(1.0, min=0, help="β, prey lost to each predator")
    gain: float = setting(1.0, min=0, help="δ, predators gained from each prey")
    death: float = setting(3.0, min=0, help="γ, of the predators")

    names = ("prey", "predators")

    def rate(self, t: Tensor, u: tuple[Tensor, ...]) -> Sequence[Tensor]:
        x, y = u
        return self.growth * x - self.predation * x * y, self.gain * x * y - self.death * y


@dataclass(frozen=True)
class Lorenz(InitialValueProblem):
    """x' = σ(y − x), y' = x(ρ − z) − y, z' = xy − βz (Lorenz, J. Atmos. Sci. 20 (1963) 130).

    Errors grow by e^{0.9t} on its attractor: keep the interval short.
    """

    duration: float = setting(0.6, above=0, help="T, the end of the time interval that begins at 0")
    initial: tuple[float, ...] = setting((1.0, 1.0, 1.0), help="x, y and z at t = 0")
    scale: tuple[float, ...] = setting((20.0, 25.0, 45.0), above=0, help="how far x, y and z move, roughly; []: 1 each")
    prandtl: float = setting(10.0, help="σ, the Prandtl number")
    rayleigh: float = setting(28.0, help="ρ, the Rayleigh number over its critical value")
    aspect: float = setting(8.0 / 3.0, help="β, from the aspect ratio of the rolls")

    names = ("x", "y", "z")

    def rate(self, t: Tensor, u: tuple[Tensor, ...]) -> Sequence[Tensor]:
        x, y, z = u
        return self.prandtl * (y - x), x * (self.rayleigh - z) - y, x * y - self.aspect * z
