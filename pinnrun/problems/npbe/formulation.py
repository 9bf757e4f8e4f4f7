"""The nonlinear Poisson-Boltzmann equation around a spherical solute, as residuals for one network.

With φ = eΦ/kT, lengths in Å, charges q_n in e, vacuum Bjerrum length l_B:

    −∇·(ε ∇φ) + ε_w κ² λ sinh φ = 4π l_B Σ q_n δ(x − x_n),      φ = g on |x| = R,
    g(x) = (l_B/ε_w) Σ q_n e^{−κ|x−x_n|}/|x−x_n|                 (the Debye-Hückel sum)

(Holst 1994; Dogra, "A blueprint for building efficient neural network differential equation solvers"). ε jumps from
ε_in to ε_w on the sphere |x| = a; λ is the ion-accessibility window. The interface is kept sharp: one network
carries a region label s = ∓1 as an input (axis augmentation: Park & Jo, J. Comput. Phys. 522, 2025, 113579), and
    solute   φ = (l_B/ε_in) Σ q_n/|x−x_n| + H(x) + A N(x, −1)       Coulomb part removed: the rest is harmonic
    solvent  φ = g(x) + (1 − |x|²/R²) A N(x, +1)                    φ = g on the outer sphere, exactly
where H is the answer of a grounded conductor (`lift`), harmonic too, and A the size of the potential at the surface.
Four terms: ΔN = 0 inside, Δφ = κ²λ sinh φ outside, and the jumps of φ and of ε ∂φ/∂n, both zero, on the sphere.
Beside x and s the network sees what bends as φ does: g outside and H, brought to g's size, inside; the distance |x|
and the ions' ramp (`ion_ramp`), both outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import cosh
from typing import Any

import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Jet, Points, Term
from pinnrun.problems.base import Problem, require_inside
from pinnrun.problems.npbe.constants import bjerrum_length, debye_kappa, thermal_energy
from pinnrun.problems.npbe.ion_ramp import IonRamp
from pinnrun.problems.npbe.lift import conductor_image, debye_hueckel_sum
from pinnrun.problems.npbe.sampling import ChargedSphereSampler
from pinnrun.settings import setting

SINH_LIMIT = 30.0  # |φ| beyond which sinh is continued linearly: never reached by a solution, only by a wild start
SHARES = {"solute": 1 / 6, "solvent": 1 / 2, "potential": 1 / 6, "flux": 1 / 6}  # of the points, by term


@dataclass(frozen=True)
class SphericalSolute(Problem):
    """Point charges in a dielectric sphere, in a ball of electrolyte."""

    points: int = setting(1200, min=12, help="residual rows over the four terms")
    radius: float = setting(4.0, unit="Å", min=0.1, help="radius of the solute")
    ion_radius: float = setting(2.0, unit="Å", min=0, help="ions' centres stay this far from the solute")
    ion_window: float = setting(0.5, unit="Å", min=0, help="half width of the step of the ion accessibility")
    solute_permittivity: float = setting(2.0, min=1, help="ε_in, relative")
    solvent_permittivity: float = setting(78.54, min=1, help="ε_w, relative")
    ionic_strength: float = setting(0.1, unit="mol/L", min=0, max=10, help="of the 1:1 salt")
    temperature: float = setting(298.15, unit="K", min=1, help="temperature")
    domain_radius: float = setting(15.0, unit="Å", min=0.2, help="radius of the ball of electrolyte")

    def problems(self) -> Iterator[str]:
        """Combinations that make no sense."""
        accessible = self.radius + self.ion_radius + self.ion_window
        if self.domain_radius <= accessible:
            yield (
                f"domain_radius: {self.domain_radius:g} Å leaves no room for ions beyond {accessible:g} Å "
                "(radius + ion_radius + ion_window); make it larger"
            )
        if 0 < self.ion_window < 0.001:
            yield f"ion_window: {self.ion_window:g} Å is too narrow to resolve; take 0 (sharp) or at least 0.001"
        if self.solvent_permittivity == self.solute_permittivity:
            yield "solvent_permittivity: equals the solute's, so nothing is solvated; make them differ"

    # -- the molecule and its constants --------------------------------------------------------------------

    @property
    def molecule(self) -> tuple[tuple[float, ...], tuple[tuple[float, float, float], ...]]:
        """Charges [e] and their positions [Å]."""
        raise NotImplementedError

    @property
    def surroundings(self) -> dict[str, Any]:
        """The sphere and its medium, as the reference solvers take them."""
        return {
            "radius": self.radius,
            "ion_radius": self.ion_radius,
            "window": self.ion_window,
            "solute_permittivity": self.solute_permittivity,
            "solvent_permittivity": self.solvent_permittivity,
            "ionic_strength": self.ionic_strength,
            "temperature": self.temperature,
            "domain_radius": self.domain_radius,
        }

    @cached_property
    def charge_tensors(self) -> tuple[Tensor, Tensor]:
        """Charges ``(K,)`` and positions ``(K, 3)``."""
        charges, positions = self.molecule
        return torch.tensor(charges, dtype=torch.float64), torch.tensor(positions, dtype=torch.float64)

    @cached_property
    def bjerrum(self) -> float:
        """Vacuum Bjerrum length l_B, Å."""
        return bjerrum_length(self.temperature)

    @cached_property
    def kappa(self) -> float:
        """Inverse Debye length κ, 1/Å."""
        return debye_kappa(self.ionic_strength, self.temperature, self.solvent_permittivity)

    @cached_property
    def energy_unit(self) -> float:
        """KT per mole, kJ/mol."""
        return thermal_energy(self.temperature)

    @cached_property
    def amplitude(self) -> float:
        """A: the size of the solvent's potential at the solute's surface, kT/e."""
        charges, _ = self.molecule
        return self.bjerrum / self.solvent_permittivity * max(1.0, abs(sum(charges))) / self.radius

    @cached_property
    def ramp(self) -> IonRamp:
        """The ions' accessibility λ with the ramp h'' = λ; without a radius of their own they are everywhere."""
        return IonRamp(self.radius + self.ion_radius, self.ion_window if self.ion_radius else 0.0)

    # -- the field -----------------------------------------------------------------------------------------

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("x", "y", "z")

    @property
    def features(self) -> int:
        """x, y, z, the region label, the closed-form potential, the distance, the ramp."""
        return 7

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """x/a, the label s; in the solvent g/A, |x|/a and h/(a² + h), in the solute −(ε_in/ε_w) H/A and zeros."""
        return points.cached("inputs", derivatives, lambda: self._inputs(points, derivatives))

    def _inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        x = points.coordinates(derivatives)
        outside = self._outside(points)
        image = (self.solute_permittivity / self.solvent_permittivity) * self.image(points, derivatives)
        potential = (self.debye_hueckel(points, derivatives) - image) / self.amplitude
        # Moved off the centre in the solute, where it is not used, so that its square root has derivatives.
        r = (x.squared_norm() + self.radius**2 * (1.0 - outside)).sqrt()
        ramp = r.compose(*self.ramp(r.value)) / self.radius**2
        bounded = ramp / (1.0 + ramp)
        label = x.constant(points["region"][..., None])
        return Jet.cat([x / self.radius, label, potential, (r / self.radius) * outside, bounded * outside])

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        """H + A N in the solute (the reaction potential), g + (1 − |x|²/R²) A N in the solvent (all of φ)."""
        wanted = raw.derivatives
        mask = points.cached("mask", wanted, lambda: self._mask(points, wanted))
        lift = points.cached("lift", wanted, lambda: self.debye_hueckel(points, wanted) + self.image(points, wanted))
        return lift + mask * raw

    def _mask(self, points: Points, derivatives: Derivatives) -> Jet:
        r2 = points.coordinates(derivatives).squared_norm()
        return self.amplitude * (1.0 - (1.0 / self.domain_radius**2) * r2 * self._outside(points))

    @staticmethod
    def _outside(points: Points) -> Tensor:
        """1 in the solvent, 0 in the solute, ``(M, N, 1)``."""
        return 0.5 * (1.0 + points["region"][..., None])

    def debye_hueckel(self, points: Points, derivatives: Derivatives) -> Jet:
        """g(x) of the module docstring as a jet in the solvent, zero in the solute (where it has poles)."""

        def masked() -> Jet:
            g = self._sum(points, derivatives, self.solvent_permittivity, self.kappa)
            return Jet(torch.where(self._outside(points) > 0, g.channels, 0.0), g.dimension, derivatives)

        return points.cached("debye_hueckel", derivatives, masked)

    def image(self, points: Points, derivatives: Derivatives) -> Jet:
        """H(x) as a jet in the solute, zero in the solvent (where it has poles)."""

        def masked() -> Jet:
            x = points.coordinates(derivatives)
            charges, positions = (t.to(x.channels) for t in self.charge_tensors)
            strength = self.bjerrum / self.solute_permittivity
            image = conductor_image(x, charges, positions, strength, self.radius)
            return Jet(torch.where(self._outside(points) > 0, 0.0, image.channels), image.dimension, derivatives)

        return points.cached("image", derivatives, masked)

    def _sum(self, points: Points, derivatives: Derivatives, permittivity: float, kappa: float) -> Jet:
        x = points.coordinates(derivatives)
        charges, positions = (t.to(x.channels) for t in self.charge_tensors)
        return debye_hueckel_sum(x, charges, positions, self.bjerrum / permittivity, kappa)

    def physical(self, points: Points, jet: Jet) -> Jet:
        """The whole potential φ [kT/e]: the solute's Coulomb part added back."""
        coulomb = self._sum(points, jet.derivatives, self.solute_permittivity, 0.0)
        return jet + coulomb * (1.0 - self._outside(points))

    # -- the objective -------------------------------------------------------------------------------------

    def terms(self) -> Sequence[Term]:
        count = {name: max(1, round(share * self.points)) for name, share in SHARES.items()}
        laplacian, gradient = Derivatives(laplacian=True), Derivatives(gradient=True)
        return (
            Term("solute", self._solute_points, self._laplace, laplacian, count["solute"]),
            Term("solvent", self._solvent_points, self._poisson_boltzmann, laplacian, count["solvent"]),
            Term("potential", self._interface_points, self._potential_jump, Derivatives(), count["potential"]),
            Term("flux", self._interface_points, self._flux_jump, gradient, count["flux"]),
        )

    # Every row is divided by A: the loss is relative, and one target serves charges of any size.

    def _laplace(self, points: Points, u: Jet) -> Tensor:
        return u.laplacian[..., 0] / self.amplitude

    def _poisson_boltzmann(self, points: Points, u: Jet) -> Tensor:
        # Twice the solute's, for all that bends lies here, and by r/a more, so that the far field counts too.
        excess = u.laplacian[..., 0] - points["screening"] * stretched_sinh(u.value[..., 0])
        return (2.0 / self.amplitude) * points["weight"] * excess

    def _potential_jump(self, points: Points, u: Jet) -> Tensor:
        inside, outside = u.value[..., 0]
        return (0.3 / self.amplitude) * (inside + points["coulomb"][0] - outside)

    def _flux_jump(self, points: Points, u: Jet) -> Tensor:
        inside, outside = (u.gradient[..., 0] * points["normal"].movedim(-1, 0)).sum(0)
        ratio = self.solute_permittivity / self.solvent_permittivity
        return (self.radius / self.amplitude) * (ratio * (inside + points["coulomb_flux"][0]) - outside)

    # -- sampling ------------------------------------------------------------------------------------------

    @cached_property
    def sampler(self) -> ChargedSphereSampler:
        """Where points are drawn."""
        return ChargedSphereSampler(self.radius, self.domain_radius, self.charge_tensors[1])

    def _solute_points(self, generator: torch.Generator, count: int) -> Points:
        return self._points(self.sampler.solute(generator, count), -1.0)

    def _solvent_points(self, generator: torch.Generator, count: int) -> Points:
        return self._points(self.sampler.solvent(generator, count), 1.0)

    def _points(self, x: Tensor, region: float) -> Points:
        radius = x.norm(dim=-1)
        screening = self.kappa**2 * self.ramp(radius)[2]
        return Points(x, region=torch.full_like(radius, region), screening=screening, weight=radius / self.radius)

    def _interface_points(self, generator: torch.Generator, count: int) -> Points:
        x = self.sampler.surface(generator, count)
        normal = x / self.radius
        bare = Points(x)
        gradient = Derivatives(gradient=True)
        coulomb = self._sum(bare, gradient, self.solute_permittivity, 0.0)
        flux = (coulomb.gradient[..., 0] * bare.x.movedim(-1, 0) / self.radius).sum(0)
        label = torch.tensor([-1.0, 1.0], dtype=x.dtype)[:, None].expand(2, count)
        return Points(
            x.expand(2, count, 3),
            region=label.clone(),
            normal=normal.expand(2, count, 3).clone(),
            coulomb=coulomb.value[..., 0].expand(2, count).clone(),
            coulomb_flux=flux.expand(2, count).clone(),
        )

    # -- questions from outside ----------------------------------------------------------------------------

    def locate(self, x: Tensor) -> Points:
        radius = x.norm(dim=-1)
        require_inside(radius <= self.domain_radius * (1 + 1e-12), f"the ball |x| <= {self.domain_radius:g} Å")
        region = torch.where(radius < self.radius, -1.0, 1.0).to(x.dtype)
        return Points(x, region=region)

    def at_charges(self) -> Points:
        """The charges' positions as solute points (the trained field is finite there)."""
        _, positions = self.charge_tensors
        return Points(positions, region=-torch.ones(len(positions), dtype=positions.dtype))

    def test_points(self, generator: torch.Generator) -> Points:
        return self._points(self.sampler.shells(generator, 2000), 1.0)


def stretched_sinh(phi: Tensor) -> Tensor:
    """Sinh φ, continued by its tangent beyond ±SINH_LIMIT so that a wild trial step cannot overflow."""
    # Not φ - φ.clamp(...), zero within the limit too: its slopes, 1 and -1 times cosh(30), would cancel to 1e-3 only.
    excess = torch.relu(phi - SINH_LIMIT) - torch.relu(-phi - SINH_LIMIT)
    return torch.sinh(phi.clamp(-SINH_LIMIT, SINH_LIMIT)) + excess * cosh(SINH_LIMIT)
