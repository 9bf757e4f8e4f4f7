"""What evolution equations in one space dimension share: u(x, t) from its start at t = 0, x in an interval.

    ∂_t^m u = F(u, u_x, u_xx, …),    u(x, 0) = u₀(x),  and ∂_t u(x, 0) = 0 where m = 2

with u = 0 at both ends, or periodic. The coordinates are x, then t: time is the last one. All conditions may be built
into the field (Lagaris, Likas & Fotiadis, IEEE Trans. Neural Networks 9 (1998) 987),

    u = u₀(x) + τ^m B(x) N(x, t),    τ = t/duration,

with B = 0 at the ends and 1 where u is periodic, or they are terms of the objective. A periodic field sees x by
cos and sin of k 2πx/period alone (Dong & Ni, J. Comput. Phys. 435 (2021) 110242), so that all its derivatives match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems.base import Problem, require_inside
from pinnrun.settings import setting


@dataclass(frozen=True)
class Evolution(Problem):
    """An equation for u(x, t), with u = 0 at both ends of its interval."""

    duration: float = setting(1.0, above=0, help="end of time; t runs from 0 to it")
    conditions: Literal["hard", "soft"] = setting(
        "hard", help="hard: start and ends are built into the field; soft: terms of the objective"
    )
    condition_points: int = setting(100, min=2, help="points of each condition that is a term (unused where hard)")
    condition_weight: float = setting(100.0, above=0, help="weight of each condition beside the equation's 1")

    time_order: ClassVar[int] = 1
    """m, the order of the time derivative."""

    # -- what an equation says of itself -------------------------------------------------------------------------

    @property
    def interval(self) -> tuple[float, float]:
        """Where x lies."""
        raise NotImplementedError

    @property
    def derivatives(self) -> Derivatives:
        """What the equation needs of u."""
        raise NotImplementedError

    def equation(self, points: Points, u: Jet) -> Tensor:
        """The equation's residual, ``(M, N)``."""
        raise NotImplementedError

    def start(self, x: Jet) -> Jet:
        """u₀ of x, in jet arithmetic."""
        raise NotImplementedError

    def place(self, uniform: Tensor) -> Tensor:
        """Points ``(N, 2)`` of the equation from numbers in [0, 1): evenly spread here."""
        low, high = self.interval
        return torch.stack([low + (high - low) * uniform[:, 0], self.duration * uniform[:, 1]], dim=-1)

    # -- the field -----------------------------------------------------------------------------------------------

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("x", "t")

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """X and t moved to [−1, 1]."""
        return points.cached("inputs", derivatives, lambda: self._scaled(points.coordinates(derivatives)))

    def _scaled(self, coordinates: Jet) -> Jet:
        low, high = self.interval
        x, t = coordinates[0], coordinates[1]
        return Jet.cat([(2.0 * x - (low + high)) / (high - low), (2.0 / self.duration) * t - 1.0])

    def envelope(self, x: Jet) -> Jet | float:
        """B, zero at the ends and one in the middle."""
        low, high = self.interval
        return (4.0 / (high - low) ** 2) * (x - low) * (high - x)

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        if self.conditions == "soft":
            return raw
        wanted = raw.derivatives
        lift = points.cached("lift", wanted, lambda: self.lifted(points.coordinates(wanted)))
        growth = points.cached("growth", wanted, lambda: self._growth(points.coordinates(wanted)))
        return lift + growth * raw

    def lifted(self, coordinates: Jet) -> Jet:
        """What the network is added to; it meets all conditions: here u₀, at all times."""
        return self.start(coordinates[0])

    def _growth(self, coordinates: Jet) -> Jet:
        """τ^m B, by which the network may move u away from its start."""
        tau = coordinates[1] / self.duration
        return (tau if self.time_order == 1 else tau * tau) * self.envelope(coordinates[0])

    # -- the objective -------------------------------------------------------------------------------------------

    def terms(self) -> Sequence[Term]:
        equation = Term("equation", self._interior, self.equation, self.derivatives, self.points)
        return (equation, *self._conditions()) if self.conditions == "soft" else (equation,)

    def _conditions(self) -> list[Term]:
        """The terms that hold the start, the slope in time there, and the ends."""
        count, weight = self.condition_points, self.condition_weight
        value = Derivatives()
        terms = [Term("start", self._at_start, lambda at, u: u.value[..., 0] - at["data"], value, count, weight)]
        if self.time_order == 2:
            slope = Derivatives(gradient=True)
            terms.append(Term("velocity", self._at_start, lambda at, u: u.d(1)[..., 0], slope, count, weight))
        if isinstance(self.envelope(Jet.coordinates(torch.zeros((1, 2)), value)[0]), Jet):
            terms.append(Term("ends", self._at_ends, lambda at, u: u.value[..., 0], value, count, weight))
        return terms

    def _uniform(self, generator: torch.Generator, count: int) -> Tensor:
        return torch.rand((count, 2), generator=generator, dtype=torch.float64)

    def _interior(self, generator: torch.Generator, count: int) -> Points:
        return Points(self.place(self._uniform(generator, count)))

    def _at_start(self, generator: torch.Generator, count: int) -> Points:
        x = self.place(self._uniform(generator, count))
        x[:, 1] = 0.0
        return Points(x, data=self.start_values(x[:, 0]))

    def _at_ends(self, generator: torch.Generator, count: int) -> Points:
        x = self.place(self._uniform(generator, count))
        x[:, 0] = torch.tensor(self.interval, dtype=x.dtype)[torch.arange(count) % 2]
        return Points(x)

    def start_values(self, x: Tensor) -> Tensor:
        """u₀ at ``(N,)`` numbers x."""
        return self.start(Jet.coordinates(x[:, None], Derivatives())).value[:, 0]

    # -- how good it is ------------------------------------------------------------------------------------------

    def locate(self, x: Tensor) -> Points:
        low, high = self.interval
        inside = (x[:, 0] >= low) & (x[:, 0] <= high) & (x[:, 1] >= 0) & (x[:, 1] <= self.duration)
        require_inside(inside, f"x from {low:g} to {high:g}, t from 0 to {self.duration:g}")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        """Spread evenly, wherever the training points are."""
        return Points(Evolution.place(self, self._uniform(generator, max(10_000, 2 * self.points))))


@dataclass(frozen=True)
class PeriodicEvolution(Evolution):
    """An equation whose u is periodic in x, with the length of its interval."""

    harmonics: int = setting(1, min=1, help="the network sees cos and sin of 2πkx/period for k = 1 … harmonics, and t")

    @property
    def even(self) -> bool:
        """Whether the cosines alone are seen, which makes u an even function of x."""
        return False

    @property
    def features(self) -> int:
        return (1 if self.even else 2) * self.harmonics + 1

    def envelope(self, x: Jet) -> Jet | float:
        return 1.0

    def _scaled(self, coordinates: Jet) -> Jet:
        low, high = self.interval
        angle, t = coordinates[0] * (2.0 * pi / (high - low)), coordinates[1]
        multiples = [k * angle for k in range(1, self.harmonics + 1)]
        cosines = [multiple.cos() for multiple in multiples]
        sines = [] if self.even else [multiple.sin() for multiple in multiples]
        return Jet.cat([*cosines, *sines, (2.0 / self.duration) * t - 1.0])
