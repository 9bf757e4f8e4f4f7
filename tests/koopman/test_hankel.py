import numpy as np
import pytest

from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.hankel import fit_hankel


def fitted(y):
    return fit_hankel(LossCurve.from_history(np.arange(1, len(y) + 1), 10.0**y))


@pytest.mark.parametrize("rates", [(0.0, 0.002), (0.0, 0.001, 0.004)])
def test_exponentials_in_linear_time_are_exact(rates):
    """y itself is linear in the modes: a level and decays of log10(loss)."""
    t = np.arange(1.0, 20001)
    truth = sum((k + 1.0) * np.exp(-rate * t) for k, rate in enumerate(rates))
    trend = fitted(truth[:2000])
    future = np.array([2000, 2500, 4000, 10000, 20000])
    np.testing.assert_allclose(trend.predict(future), truth[future - 1], atol=2e-3)
    kept = np.exp(-2000 * np.array(rates))
    np.testing.assert_allclose(trend.eigenvalues()[: len(rates)], kept, atol=2e-2)
    assert trend.half_lives()[1] == pytest.approx(np.log(2) / rates[1], rel=0.02)


def test_an_oscillation_goes_on():
    t = np.arange(1.0, 6001)
    truth = 0.3 * np.cos(2 * np.pi * t / 400) * np.exp(-t / 3000) - 2
    trend = fitted(truth[:2000])
    future = np.arange(2000, 4000, 100)
    np.testing.assert_allclose(trend.predict(future), truth[future - 1], atol=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_explodes(seed):
    y = -np.log10(np.arange(1.0, 2001)) + 0.1 * np.random.default_rng(seed).normal(size=2000)
    assert np.max(np.abs(fitted(y).predict([4000, 20000, 2e6]))) < 30


def test_plateau_stays():
    np.testing.assert_allclose(fitted(np.full(500, -3.0)).predict([500, 1000, 50000]), -3.0, atol=1e-6)
