import math

import pytest

from pinnrun.errors import UserError
from pinnrun.problems.npbe.constants import bjerrum_length
from pinnrun.problems.npbe.medium import Medium


def test_bjerrum_lengths_shrink_with_the_permittivity():
    medium = Medium(solute_permittivity=4.0, solvent_permittivity=80.0, temperature=300.0)
    assert medium.solute_bjerrum * 4 == pytest.approx(bjerrum_length(300.0), rel=1e-15)
    assert medium.solvent_bjerrum * 80 == pytest.approx(bjerrum_length(300.0), rel=1e-15)


def test_kappa_is_that_of_the_salt_in_the_solvent():
    medium = Medium()
    ions = 2 * 0.1 * 6.02214076e23 / 1e27  # both signs, per cubic angstrom
    assert medium.kappa**2 == pytest.approx(4 * math.pi * medium.solvent_bjerrum * ions, rel=1e-14)


@pytest.mark.parametrize(
    "wrong",
    [
        {"solute_permittivity": 0.0},
        {"solvent_permittivity": -1.0},
        {"temperature": math.inf},
        {"temperature": math.nan},
        {"ionic_strength": -0.1},
    ],
)
def test_values_out_of_range_are_named(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=name):
        Medium(**wrong)
