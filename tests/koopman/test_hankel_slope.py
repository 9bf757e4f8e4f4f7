import numpy as np
import pytest

from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import DampedTrend
from pinnrun.koopman.hankel_slope import fit_hankel_slope


def fitted(loss, steps=None):
    steps = np.arange(1, len(loss) + 1) if steps is None else steps
    return fit_hankel_slope(LossCurve.from_history(steps, loss))


@pytest.mark.parametrize("exponent", [-0.7, -1.5, -3.0])
@pytest.mark.parametrize("count", [200, 2000, 20000])
def test_a_power_law_is_continued(exponent, count):
    steps = np.arange(1.0, count + 1)
    future = count * np.array([1.0, 2.0, 5.0, 10.0])
    forecast = fitted(100.0 * steps**exponent).predict(future)
    np.testing.assert_allclose(forecast, 2 + exponent * np.log10(future), atol=2e-3)


@pytest.mark.parametrize("damping", [0.2, 0.5])
def test_a_damped_trend_is_continued_with_its_own_damping(damping):
    """The slopes are one geometric mode: what damped_trend assumes, this one finds."""
    steps = np.arange(1.0, 20001)
    truth = DampedTrend(1.0, np.array([3.0]), np.array([-1.2]), np.array([damping]))
    trend = fitted(10 ** truth.predict(steps))
    future = 20000 * np.array([2.0, 5.0, 10.0])
    np.testing.assert_allclose(trend.predict(future), truth.predict(future), atol=0.01)
    assert trend.eigenvalues()[1] == pytest.approx(2.0**-damping, rel=0.02)
    assert trend.half_lives()[1] == pytest.approx(20000 * (2 ** (1 / damping) - 1), rel=0.2)


def test_plateau_stays():
    np.testing.assert_allclose(fitted(np.full(500, 3e-4)).predict([500, 1000, 50000]), np.log10(3e-4), atol=1e-9)


@pytest.mark.parametrize(("sigma", "bias"), [(0.05, 0.1), (0.1, 0.2)])
def test_noise_damps_the_forecast_of_a_power_law_but_a_little(sigma, bias):
    """Noise shrinks the eigenvalues of any DMD (Dawson et al. 2016, Exp. Fluids 57, 42): of one decade, that much."""
    steps = np.arange(1.0, 2001)
    noise = sigma * np.random.default_rng(0).normal(size=(40, 2000))
    errors = [fitted(steps**-1.0 * 10**n).predict([20000])[0] + np.log10(20000) for n in noise]
    assert -0.02 < np.median(errors) < bias
    assert np.quantile(np.abs(errors), 0.9) < 0.8


def test_a_rising_loss_is_forecast_flat():
    steps = np.arange(1.0, 1001)
    np.testing.assert_allclose(fitted(1e-3 * steps).predict([1000, 9000]), 0.0, atol=1e-3)


def test_eigenvalues_lie_between_zero_and_one():
    for seed in range(20):
        y = np.cumsum(np.random.default_rng(seed).normal(size=600) * 0.05)
        values = fitted(10**y).eigenvalues()
        assert values[0] == 1.0
        assert np.all((values >= 0) & (values <= 1))
