import math

import pytest
from scipy import constants as si

from pinnrun.problems.npbe.constants import bjerrum_length, debye_kappa, thermal_energy


@pytest.mark.parametrize("temperature", [273.15, 298.15, 310.0])
def test_bjerrum_length_is_where_coulomb_energy_equals_thermal_energy(temperature):
    metres = bjerrum_length(temperature) * si.angstrom
    coulomb = si.e**2 / (4 * math.pi * si.epsilon_0 * metres)
    assert coulomb == pytest.approx(si.k * temperature, rel=1e-9)


@pytest.mark.parametrize("ionic_strength", [0.001, 0.1, 1.0])
def test_debye_length_in_si_units(ionic_strength):
    temperature, permittivity = 300.0, 80.0
    per_cubic_metre = 1000 * si.N_A * ionic_strength
    length = math.sqrt(permittivity * si.epsilon_0 * si.k * temperature / (2 * per_cubic_metre * si.e**2))
    assert 1 / debye_kappa(ionic_strength, temperature, permittivity) == pytest.approx(length / si.angstrom, rel=1e-9)


def test_no_salt_does_not_screen():
    assert debye_kappa(0.0, 298.15, 78.54) == 0


def test_thermal_energy_is_the_gas_constant_times_temperature():
    assert thermal_energy(298.15) == pytest.approx(si.R * 298.15 / 1000, rel=1e-12)
