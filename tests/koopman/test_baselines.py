import numpy as np
import pytest

from pinnrun.koopman.baselines import fit_last_value, fit_power_law
from pinnrun.koopman.curve import LossCurve


@pytest.mark.parametrize("count", [3, 8, 100, 20000])
@pytest.mark.parametrize("exponent", [-2.5, -0.3, 0.0, 0.8])
def test_power_law_is_exact_on_a_power_law(count, exponent):
    steps = np.arange(1.0, count + 1)
    law = fit_power_law(LossCurve.from_history(steps, 100 * steps**exponent))
    future = count * np.array([1.0, 2.0, 5.0, 10.0])
    np.testing.assert_allclose(law.predict(future), 2 + exponent * np.log10(future), atol=1e-8)


def test_power_law_looks_at_the_last_seventy_percent_alone():
    steps = np.arange(1.0, 1001)
    loss = np.where(steps < 299, 1e6, steps**-1.0)
    law = fit_power_law(LossCurve.from_history(steps, loss))
    assert law.predict([10000])[0] == pytest.approx(-4, abs=1e-8)


def test_last_value_is_the_median_of_the_last_steps():
    loss = np.ones(1000)
    loss[-20:] = 0.01
    loss[-1] = 1e9
    constant = fit_last_value(LossCurve.from_history(np.arange(1, 1001), loss))
    np.testing.assert_allclose(constant.predict([1000, 10**6]), -2)


def test_a_single_point_is_forecast_to_stay():
    curve = LossCurve.from_history([5], [0.1])
    for fit in (fit_power_law, fit_last_value):
        np.testing.assert_allclose(fit(curve).predict([5, 50]), -1)
