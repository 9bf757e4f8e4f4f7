import numpy as np
import pytest
from scipy.special import betainc

from pinnrun.errors import UserError
from pinnrun.problems.npbe.ion_window import IonWindow, smoothstep7


def test_smoothstep_is_the_regularised_beta_function():
    # I_t(4, 4) = 140 int_0^t s^3 (1 - s)^3 ds is the polynomial with three vanishing derivatives at 0 and 1.
    t = np.linspace(0, 1, 101)
    assert smoothstep7(t) == pytest.approx(betainc(4, 4, t), abs=1e-14)
    assert smoothstep7([-1.0, 2.0]).tolist() == [0.0, 1.0]


def test_window_rises_around_the_ions_closest_approach():
    window = IonWindow(radius=4.0, ion_radius=2.0, half_width=0.5)
    r = np.array([3.0, 4.0, 5.5, 5.75, 6.0, 6.25, 6.5, 20.0])
    expected = [0, 0, 0, betainc(4, 4, 0.25), 0.5, betainc(4, 4, 0.75), 1, 1]
    assert window(r) == pytest.approx(expected, abs=1e-15)
    assert window.breakpoints == (5.5, 6.5)


def test_no_ion_radius_lets_salt_reach_the_surface():
    window = IonWindow(radius=4.0, ion_radius=0.0, half_width=0.5)
    assert window([3.999, 4.0, 4.001]).tolist() == [0.0, 1.0, 1.0]
    assert window.breakpoints == ()


def test_no_width_makes_a_step():
    window = IonWindow(radius=4.0, ion_radius=2.0, half_width=0.0)
    assert window([3.0, 5.999, 6.001]).tolist() == [0.0, 0.0, 1.0]
    assert window.breakpoints == (6.0,)


def test_wide_window_is_cut_at_the_surface():
    window = IonWindow(radius=4.0, ion_radius=0.3, half_width=0.5)
    assert window([3.9, 3.999]).tolist() == [0.0, 0.0]
    assert window(4.0) == pytest.approx(betainc(4, 4, 0.2))
    assert window.breakpoints == (4.8,)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"radius": 0.0}, "radius"),
        ({"radius": 2.0, "ion_radius": -1.0}, "ion_radius"),
        ({"radius": 2.0, "half_width": -0.5}, "window"),
        ({"radius": 2.0, "half_width": 1e-5}, "Take 0 for a sharp window"),
    ],
)
def test_values_out_of_range_are_named(wrong, name):
    with pytest.raises(UserError, match=name):
        IonWindow(**wrong)
