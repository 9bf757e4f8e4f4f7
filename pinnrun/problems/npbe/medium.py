"""A solute of one permittivity in an aqueous 1:1 salt of another: the constants that the equation needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pinnrun.errors import UserError
from pinnrun.problems.npbe.constants import bjerrum_length, debye_kappa, thermal_energy


def require_positive(**values: float) -> None:
    """Raise UserError unless every named value is a finite number > 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise UserError(f"{name} = {value:g}, but it has to be a number greater than zero.")


def require_nonnegative(**values: float) -> None:
    """Raise UserError unless every named value is a finite number >= 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise UserError(f"{name} = {value:g}, but it has to be a number, zero or greater.")


@dataclass(frozen=True)
class Medium:
    """Solute, solvent and salt.

    Attributes:
        solute_permittivity: relative permittivity inside the solute.
        solvent_permittivity: relative permittivity of the solvent.
        ionic_strength: mol/L of a 1:1 salt; 0 for none.
        temperature: K.

    Raises:
        UserError: a value is out of range.
    """

    solute_permittivity: float = 2.0
    solvent_permittivity: float = 78.54
    ionic_strength: float = 0.1
    temperature: float = 298.15

    def __post_init__(self) -> None:
        require_positive(
            solute_permittivity=self.solute_permittivity,
            solvent_permittivity=self.solvent_permittivity,
            temperature=self.temperature,
        )
        require_nonnegative(ionic_strength=self.ionic_strength)

    @property
    def solute_bjerrum(self) -> float:
        """Bjerrum length inside the solute, angstrom."""
        return bjerrum_length(self.temperature) / self.solute_permittivity

    @property
    def solvent_bjerrum(self) -> float:
        """Bjerrum length in the solvent, angstrom."""
        return bjerrum_length(self.temperature) / self.solvent_permittivity

    @property
    def kappa(self) -> float:
        """Inverse Debye length, 1/angstrom."""
        return debye_kappa(self.ionic_strength, self.temperature, self.solvent_permittivity)

    @property
    def thermal_energy(self) -> float:
        """Energy kT of one mole, kJ/mol."""
        return thermal_energy(self.temperature)
