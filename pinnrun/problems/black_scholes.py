"""The Black-Scholes equation for a European call, in spot price S and calendar time t.

    V_t + ½ σ² S² V_SS + r S V_S − r V = 0,    V(S, T) = max(S − K, 0)

(Black & Scholes, J. Political Economy 81 (1973) 637; Merton, Bell J. Economics 4 (1973) 141.) The payoff has a kink,
and just before expiry T the price bends within a distance of σ√τ about it, τ = T − t. The field meets the payoff
exactly and carries that length scale with it: with the discounted moneyness m = S/K − e^{−rτ},

    V = K (½ (m + R) + (cτ/R) N),    R = √(m² + cτ),    c = 2σ²/π

R is |m| at expiry and smooth before it; c gives the leading order of the price at the money, V ≈ K σ √(τ/2π). cτ/R
vanishes at expiry everywhere. N sees log(S/K), √τ and the similarity variable m/R, of which the price near the kink
is a smooth function. Nothing of the solution's own formula, the normal distribution function, is built in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log, pi, sqrt

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.geometry.sampling import uniform
from pinnrun.problems.base import Observable, Problem, Reference, Solution, require_inside
from pinnrun.settings import setting

ROUNDING = 1e-12  # what R is where it would be zero, at expiry exactly at the strike; added to τ under its root
NEAR = 4.0  # standard deviations of log S around the discounted strike that half of the points are drawn from
DEVIATIONS = 5.0  # of log S until expiry, within which the domain must not end


@dataclass(frozen=True)
class BlackScholes(Problem):
    """The price V of a call."""

    points: int = setting(800, min=1, help="points inside")
    strike: float = setting(100.0, above=0, help="K, in units of currency")
    expiry: float = setting(1.0, above=0, help="T, years")
    rate: float = setting(0.05, help="risk-free interest rate r, 1/year")
    volatility: float = setting(0.2, above=0, help="σ, 1/√year")
    width: float = setting(1.0, above=0, help="the spot lies between K e^(−width) and K e^width")
    boundary_points: int = setting(100, min=2, help="points at the smallest and at the largest spot")
    boundary_weight: float = setting(10.0, above=0, help="weight of the boundary term beside the equation's 1")

    def problems(self) -> Iterator[str]:
        """Domains that end where the price is not yet what it is far away."""
        least = DEVIATIONS * self.volatility * sqrt(self.expiry)
        if self.width < least:
            yield f"width: {self.width:g} is less than {DEVIATIONS:g} σ√T = {least:.3g}; take at least that"

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("S", "t")

    @property
    def features(self) -> int:
        return 3

    @property
    def components(self) -> tuple[str, ...]:
        return ("V",)

    @property
    def spread(self) -> float:
        """The c of R, 1/year."""
        return 2.0 * self.volatility**2 / pi

    # -- the field -----------------------------------------------------------------------------------------------

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """Log-moneyness and √τ moved to [−1, 1], and the similarity variable m/R."""
        return points.cached("inputs", derivatives, lambda: self._inputs(points, derivatives))

    def _inputs(self, points: Points, wanted: Derivatives) -> Jet:
        place = (points.coordinates(wanted)[0] / self.strike).log() / self.width
        tau, moneyness, root = self._scales(points, wanted)
        return Jet.cat([place, 2.0 * ((tau + ROUNDING) / self.expiry).sqrt() - 1.0, moneyness / root])

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        wanted = raw.derivatives
        lift = points.cached("lift", wanted, lambda: self._lift(points, wanted))
        return lift + points.cached("factor", wanted, lambda: self._factor(points, wanted)) * raw

    def _scales(self, points: Points, wanted: Derivatives) -> tuple[Jet, Jet, Jet]:
        """τ, m and R."""
        spot, t = (points.coordinates(wanted)[i] for i in (0, 1))
        tau = self.expiry - t
        moneyness = spot / self.strike - (-self.rate * tau).exp()
        root = (moneyness * moneyness + self.spread * tau + ROUNDING**2).sqrt()
        return tau, moneyness, root

    def _lift(self, points: Points, wanted: Derivatives) -> Jet:
        _, moneyness, root = self._scales(points, wanted)
        return (0.5 * self.strike) * (moneyness + root)

    def _factor(self, points: Points, wanted: Derivatives) -> Jet:
        tau, _, root = self._scales(points, wanted)
        return (self.strike * self.spread) * (tau / root)

    # -- the terms -----------------------------------------------------------------------------------------------

    def terms(self) -> Sequence[Term]:
        equation = Term(
            "equation",
            self._interior,
            self._equation,
            Derivatives(gradient=True, pairs=((0, 0),)),
            self.points,
            time=1,
        )
        boundary = Term(
            "boundary",
            self._ends,
            lambda points, price: (price.value[..., 0] - points["price"]) / self.strike,
            Derivatives(),
            self.boundary_points,
            self.boundary_weight,
        )
        return equation, boundary

    def _equation(self, points: Points, price: Jet) -> Tensor:
        """The equation over ½σ²K, times √(τ/T): V_SS grows like 1/√τ at the strike."""
        spot, value = points.x[..., 0], price.value[..., 0]
        diffusion = 0.5 * self.volatility**2
        slope, curvature = price.d(0)[..., 0], price.dd(0, 0)[..., 0]
        left = price.d(1)[..., 0] + diffusion * spot**2 * curvature + self.rate * (spot * slope - value)
        return points["root_time"] * left / (diffusion * self.strike)

    def _interior(self, generator: torch.Generator, count: int) -> Points:
        """Uniform in √τ; every other point uniform in log S, the rest where the payoff's kink has spread by then."""
        draw = uniform(generator, count, 2)
        root_time, across = draw[:, 0], 2.0 * draw[:, 1] - 1.0
        tau = self.expiry * root_time**2
        spread = NEAR * self.volatility * tau.sqrt() * across - self.rate * tau
        place = torch.where(torch.arange(count) % 2 == 0, self.width * across, spread.clamp(-self.width, self.width))
        return Points(torch.stack([self.strike * torch.exp(place), self.expiry - tau], -1), root_time=root_time)

    def _ends(self, generator: torch.Generator, count: int) -> Points:
        """Where the call is worth nothing, or as much as the share less the discounted strike."""
        draw = uniform(generator, count, 1)[:, 0]
        above = (torch.arange(count) % 2).to(draw.dtype)
        spot = self.strike * torch.exp(self.width * (2.0 * above - 1.0))
        x = torch.stack([spot, self.expiry * draw], -1)
        forward = x[:, 0] - self.strike * torch.exp(-self.rate * (self.expiry - x[:, 1]))
        return Points(x, price=above * forward)

    # -- how good it is ------------------------------------------------------------------------------------------

    def locate(self, x: Tensor) -> Points:
        low, high = self.strike * exp(-self.width), self.strike * exp(self.width)
        inside = (x[:, 0] >= low) & (x[:, 0] <= high) & (x[:, 1] >= 0) & (x[:, 1] <= self.expiry)
        require_inside(inside, f"S from {low:.4g} to {high:.4g}, t from 0 to {self.expiry:g}")
        return Points(x)

    def test_points(self, generator: torch.Generator) -> Points:
        """Uniform in time and in log S, between half and twice the strike (or within the domain)."""
        draw = torch.rand((10_000, 2), generator=generator, dtype=torch.float64)
        near = min(log(2.0), self.width)
        spot = self.strike * torch.exp(near * (2.0 * draw[:, 1] - 1.0))
        return Points(torch.stack([spot, self.expiry * draw[:, 0]], -1))

    def greeks(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Price, delta = V_S and gamma = V_SS at ``(N, 2)`` before expiry, by the Black-Scholes formula."""
        spot, tau = x[:, 0], self.expiry - x[:, 1]
        deviation = self.volatility * np.sqrt(tau)
        d1 = (np.log(spot / self.strike) + self.rate * tau) / deviation + 0.5 * deviation
        price = spot * ndtr(d1) - self.strike * np.exp(-self.rate * tau) * ndtr(d1 - deviation)
        density = np.exp(-0.5 * d1**2) / sqrt(2.0 * pi)
        return {"price": price, "delta": ndtr(d1), "gamma": density / (spot * deviation)}

    def reference(self) -> Reference:
        return Reference(lambda x: self.greeks(x)["price"], "closed form (Black & Scholes 1973)")

    def observables(self, solution: Solution) -> dict[str, Observable]:
        """Price, delta and gamma today at the money, S = K."""
        x = torch.tensor([[self.strike, 0.0]], dtype=torch.float64)
        jet = solution(Points(x), Derivatives(gradient=True, pairs=((0, 0),)))
        found = {"price": jet.value, "delta": jet.d(0), "gamma": jet.dd(0, 0)}
        exact = self.greeks(x.numpy())
        units = {"price": "currency", "delta": "", "gamma": "1/currency"}
        return {name: Observable(float(found[name]), units[name], float(exact[name][0])) for name in found}
