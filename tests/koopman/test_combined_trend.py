"""The mean of two trends, held to what each of them says by its own formula."""

import numpy as np
import pytest

from pinnrun.koopman.combined_trend import CombinedTrend, fit_combined_trend
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import DampedTrend
from pinnrun.koopman.prior import Pooled

KNOWN = Pooled(intercept=-0.05, late=0.7, before=0.4, steepest=1.2, damping=0.1)


def test_a_power_law_goes_on_halfway_between_the_two():
    """All slopes of L = t^-a are the same; the damped trend is the median of mu = 0.2 and 0.4, three of each."""
    steps, slope = np.arange(1.0, 4001), -0.9
    trend = fit_combined_trend(LossCurve.from_history(steps, 10.0 ** (slope * np.log(steps))), KNOWN)
    for factor in (2.0, 5.0, 10.0):
        u = np.log(factor)
        damped = slope * sum((1 - np.exp(-mu * u)) / mu for mu in (0.2, 0.4)) / 2
        pooled = (-0.05 + (0.7 + 0.4) * slope) * (1 - np.exp(-0.1 * u)) / 0.1
        expected = slope * np.log(4000) + 0.5 * (damped + pooled)
        assert trend.predict([4000 * factor])[0] == pytest.approx(expected, abs=5e-3)


def test_its_modes_are_those_of_both():
    def member(*damping):
        count = len(damping)
        return DampedTrend(100.0, np.zeros(count), -np.ones(count), np.array(damping))

    trend = CombinedTrend((member(0.2, 0.4), member(0.4, 1.0)))
    np.testing.assert_allclose(trend.eigenvalues(), 2.0 ** -np.array([0.0, 0.2, 0.4, 1.0]))
    np.testing.assert_allclose(trend.half_lives(), [np.inf, 3100.0, 100 * (2**2.5 - 1), 100.0])


def test_opposite_errors_cancel():
    below, above = (DampedTrend(10.0, np.array([level]), np.zeros(1), np.zeros(1)) for level in (-3.0, -1.0))
    np.testing.assert_allclose(CombinedTrend((below, above)).predict([10, 1000]), -2.0)
