"""Closed-form potentials that take the steep part of a solution off the network, as jets.

The Debye-Hückel (or, without κ, Coulomb) sum carries the poles of the point charges. The conductor's image is what a
grounded conductor around the solute would answer to them: harmonic inside, and minus the Coulomb sum on the surface,

    H(x) = −(l_B/ε) Σ q_n a / √(|x|²|x_n|² − 2a² x·x_n + a⁴)          (Kelvin 1848; Jackson, §2.2)

Water, with its permittivity near 80, is almost a conductor: what H leaves of the reaction potential is as small as the
solvent's own potential, a few per cent. (For a solute of any shape charges outside it, fitted to cancel the Coulomb
sum on its surface, serve as H: the conductor-like screening of Klamt & Schüürmann, J. Chem. Soc. Perkin Trans. 2, 1993,
799. However good the fit, no approximation enters: H is harmonic, and the network answers for the rest.)
"""

from __future__ import annotations

from torch import Tensor

from pinnrun.calculus import Jet


def debye_hueckel_sum(x: Jet, charges: Tensor, positions: Tensor, strength: float, kappa: float = 0.0) -> Jet:
    """Strength · Σ q_n exp(−κ|x−x_n|)/|x−x_n|; ``charges`` (K,), ``positions`` (K, 3)."""
    total = x.constant(0.0)
    for q, position in zip(charges, positions, strict=True):
        r = (x - position).squared_norm().sqrt()
        total = total + (strength * q) * ((-kappa * r).exp() / r if kappa else r.reciprocal())
    return total


def conductor_image(x: Jet, charges: Tensor, positions: Tensor, strength: float, radius: float) -> Jet:
    """H of the module docstring for a sphere about the origin; smooth in it, also for a charge at its centre."""
    r2, total = x.squared_norm(), x.constant(0.0)
    for q, position in zip(charges, positions, strict=True):
        squared = r2 * position.dot(position) - 2.0 * radius**2 * (x * position).sum() + radius**4
        total = total - (strength * radius * q) * squared.sqrt().reciprocal()
    return total
