"""Physical constants of an electrolyte in the units of the package: lengths in angstrom, potentials in kT/e.

Values are CODATA 2018 (Tiesinga et al., Rev. Mod. Phys. 93, 025010, 2021). The elementary charge, the
Boltzmann and the Avogadro constant are exact since the SI of 2019; the vacuum permittivity is measured.
"""

from __future__ import annotations

import math

ELEMENTARY_CHARGE = 1.602176634e-19  # C
BOLTZMANN = 1.380649e-23  # J/K
AVOGADRO = 6.02214076e23  # 1/mol
VACUUM_PERMITTIVITY = 8.8541878128e-12  # F/m

_ANGSTROM_PER_METRE = 1e10
_CUBIC_ANGSTROM_PER_LITRE = 1e27


def bjerrum_length(temperature: float) -> float:
    """Distance at which two elementary charges in vacuum interact with the energy kT.

    lB0 = e^2 / (4 pi eps0 k T). In a medium of relative permittivity eps it is lB0 / eps.

    Args:
        temperature: K.

    Returns:
        lB0 in angstrom (560.459 at 298.15 K).
    """
    metres = ELEMENTARY_CHARGE**2 / (4 * math.pi * VACUUM_PERMITTIVITY * BOLTZMANN * temperature)
    return metres * _ANGSTROM_PER_METRE


def debye_kappa(ionic_strength: float, temperature: float, permittivity: float) -> float:
    """Inverse Debye length of a 1:1 salt.

    kappa^2 = 8 pi (lB0 / eps) N_A I.

    Args:
        ionic_strength: mol/L.
        temperature: K.
        permittivity: relative permittivity of the solvent.

    Returns:
        kappa in 1/angstrom (0.103925 for 0.1 mol/L in water at 298.15 K); 0 without salt.
    """
    pairs_per_cubic_angstrom = AVOGADRO * ionic_strength / _CUBIC_ANGSTROM_PER_LITRE
    return math.sqrt(8 * math.pi * bjerrum_length(temperature) / permittivity * pairs_per_cubic_angstrom)


def thermal_energy(temperature: float) -> float:
    """Energy kT of one mole in kJ/mol (2.478957 at 298.15 K): R T / 1000."""
    return BOLTZMANN * AVOGADRO * temperature / 1000
