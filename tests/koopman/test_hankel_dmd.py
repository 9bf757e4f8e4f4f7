import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from pinnrun.koopman.hankel_dmd import delay_modes, optimal_rank


def series(eigenvalues, coefficients, count):
    k = np.arange(count)
    return sum(c * value**k for c, value in zip(coefficients, eigenvalues, strict=True)).real


SYSTEMS = [
    ([0.9], [2.0]),
    ([1.0, 0.8], [3.0, -1.0]),
    ([0.95 * np.exp(0.4j), 0.95 * np.exp(-0.4j), 1.0], [0.5 + 0.2j, 0.5 - 0.2j, 4.0]),
    ([1.02, 0.7, 0.3], [1.0, 2.0, -5.0]),
]


@pytest.mark.parametrize(("values", "shares"), SYSTEMS)
def test_a_linear_system_is_recovered_and_continued(values, shares):
    whole = series(values, shares, 160)
    modes = delay_modes(whole[:60], delays=12, max_rank=6)
    found = np.sort_complex(modes.eigenvalues)
    np.testing.assert_allclose(found, np.sort_complex(np.array(values, complex)), atol=1e-6)
    np.testing.assert_allclose(modes.ahead(np.arange(0.0, 100.0)), whole[59:159], rtol=1e-5, atol=1e-6)


def test_between_samples_it_is_the_exponential_through_them():
    modes = delay_modes(0.9 ** np.arange(40), delays=8, max_rank=3)
    assert modes.ahead(np.array([0.5]))[0] == pytest.approx(0.9**39.5, rel=1e-6)


@pytest.mark.parametrize("beta", [0.1, 0.35, 1.0])
def test_threshold_is_that_of_the_marchenko_pastur_law(beta):
    """omega = lambda*(beta)/sqrt(median of Marchenko-Pastur), Gavish & Donoho eq. 4 and 11, by quadrature."""
    low, high = (1 - np.sqrt(beta)) ** 2, (1 + np.sqrt(beta)) ** 2

    def below(x):
        return quad(lambda t: np.sqrt((high - t) * (t - low)) / (2 * np.pi * t * beta), low, x)[0]

    median = brentq(lambda x: below(x) - 0.5, low + 1e-9, high - 1e-9)
    best = np.sqrt(2 * (beta + 1) + 8 * beta / ((beta + 1) + np.sqrt(beta**2 + 14 * beta + 1)))
    omega = best / np.sqrt(median)
    for singular, rank in (([omega * 1.03, 1, 1, 1, 1], 1), ([omega * 1.5, omega * 1.03, 1, 1, 1], 2)):
        assert optimal_rank(np.array(singular), beta) == rank
    assert optimal_rank(np.array([omega * 1.5, omega * 0.97, 1, 1, 1]), beta) == 1


def test_noise_alone_has_the_rank_of_one_that_is_always_kept():
    rng = np.random.default_rng(0)
    ranks = [optimal_rank(np.linalg.svd(rng.normal(size=(12, 35)), compute_uv=False), 12 / 35) for _ in range(50)]
    assert np.mean(ranks) < 1.1


def test_a_series_of_zeros_has_no_modes():
    modes = delay_modes(np.zeros(20), delays=4, max_rank=3)
    assert len(modes.eigenvalues) == 0
    np.testing.assert_array_equal(modes.ahead(np.arange(3.0)), 0.0)


@pytest.mark.parametrize("count", [4, 5, 9])
def test_short_series(count):
    modes = delay_modes(2.0 * 0.5 ** np.arange(count), delays=12, max_rank=3)
    assert modes.ahead(np.array([1.0]))[0] == pytest.approx(2.0 * 0.5**count, rel=1e-6)
