"""Oracle: Kirkwood's series for the linear equation (J. Chem. Phys. 2, 351, 1934), by the addition theorem.

Charges in a sphere of radius a, ions beyond b = a + ion_radius (a sharp window), infinite solvent. For one
charge at distance d and in every degree l, with P_l(cos gamma) in common,

    r < a:      M (a/r)^(l+1) + B (r/a)^l,   M = lB0 q (d/a)^l / (eps_in a)
    a < r < b:  D (r/a)^l + E (a/r)^(l+1)
    b < r:      F k_l(kappa r) / k_l(kappa b)

with potential and displacement continuous at a and b.
"""

import numpy as np
from scipy.special import eval_legendre, spherical_kn

from pinnrun.problems.npbe.medium import Medium


class Kirkwood:
    def __init__(self, charges, positions, radius, ion_radius, medium: Medium, degree: int):
        self.charges, self.positions = np.asarray(charges, float), np.asarray(positions, float)
        self.radius, self.outer, self.medium = radius, radius + ion_radius, medium
        self.l = np.arange(degree + 1)
        self.kappa = medium.kappa
        inside, outside = medium.solute_permittivity, medium.solvent_permittivity
        l, t = self.l, self.outer / radius
        decay = self._decay(l)
        rise = t ** (-2.0 * l - 1) * (l + 1 - decay) / (l + decay)  # D / E
        self.shell = inside * (2 * l + 1) / (inside * l * (1 + rise) - outside * (l * rise - l - 1))  # E / M
        self.reaction = (1 + rise) * self.shell - 1  # B / M
        self.outside = self.shell * (rise * t**l + t ** (-l - 1.0))  # F / M

    def _decay(self, l):
        """- b k_l'(kappa b) / k_l(kappa b), which is l + 1 without salt."""
        x = self.kappa * self.outer
        return l + 1.0 if x == 0 else -x * spherical_kn(l, x, derivative=True) / spherical_kn(l, x)

    def _sum(self, points, response):
        """Sum over charges and degrees of M response P_l(cos gamma), response (L+1, P)."""
        total = np.zeros(len(points))
        norm = np.linalg.norm(points, axis=1)
        strength = self.medium.solute_bjerrum / self.radius
        for charge, position in zip(self.charges, self.positions, strict=True):
            distance = np.linalg.norm(position)
            cosine = points @ position / np.where(norm * distance > 0, norm * distance, 1.0)
            powers = (distance / self.radius) ** self.l[:, None]
            total += strength * charge * (powers * response * eval_legendre(self.l[:, None], cosine)).sum(0)
        return total

    def reaction_at(self, points):
        """Reaction potential inside the sphere, kT/e."""
        points = np.asarray(points, float)
        relative = np.linalg.norm(points, axis=1) / self.radius
        return self._sum(points, self.reaction[:, None] * relative ** self.l[:, None])

    def potential_at(self, points):
        """Potential beyond the ions' closest approach, kT/e."""
        r, l = np.linalg.norm(points, axis=1), self.l[:, None]
        if self.kappa == 0:
            fall = (self.outer / r) ** (l + 1)
        else:
            fall = spherical_kn(l, self.kappa * r) / spherical_kn(l, self.kappa * self.outer)
        return self._sum(points, self.outside[:, None] * fall)
