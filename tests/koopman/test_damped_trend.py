import numpy as np
import pytest
from scipy.linalg import expm

from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import DampedTrend, fit_damped_trend, koopman_operator


def fitted(loss, steps=None):
    steps = np.arange(1, len(loss) + 1) if steps is None else steps
    return fit_damped_trend(LossCurve.from_history(steps, loss))


def test_operator_is_the_matrix_exponential_of_its_generator():
    for damping in (0.0, 0.2, 1.3):
        generator = np.array([[0, 0, 0], [0, 0, 1], [0, 0, -damping]])
        np.testing.assert_allclose(koopman_operator(damping, 0.7), expm(0.7 * generator), atol=1e-14)


def test_operator_has_the_semigroup_property():
    two = koopman_operator(0.4, 0.3) @ koopman_operator(0.4, 1.1)
    np.testing.assert_allclose(two, koopman_operator(0.4, 1.4), atol=1e-14)


def test_undamped_operator_keeps_its_defective_eigenvalue_one():
    # clipping or diagonalising this pair would lose the trend; here it is the power law
    np.testing.assert_allclose(koopman_operator(0.0, 2.0) @ [1.0, -3.0, -0.5], [1.0, -4.0, -0.5])


def test_prediction_is_the_orbit_of_the_operator():
    trend = DampedTrend(100.0, np.array([-1.0]), np.array([-0.8]), np.array([0.3]))
    z, dtau = np.array([1.0, -1.0, -0.8]), np.log(2.0)
    for doublings in range(1, 6):
        z = koopman_operator(0.3, dtau) @ z
        assert trend.predict([100 * 2**doublings])[0] == pytest.approx(z[1], abs=1e-12)


def test_eigenvalues_and_half_lives_close_on_each_other():
    trend = fitted(100.0 * np.arange(1.0, 501) ** -1.5)
    eigenvalues, half_lives = trend.eigenvalues(), trend.half_lives()
    np.testing.assert_allclose(eigenvalues, [1.0, 2**-0.2, 2**-0.4], rtol=1e-12)
    for damping, half in zip((0.2, 0.4), half_lives[1:], strict=True):
        assert koopman_operator(damping, np.log((500 + half) / 500))[2, 2] == pytest.approx(0.5, rel=1e-12)
    assert np.isinf(half_lives[0])


@pytest.mark.parametrize("exponent", [-0.7, -1.5, -3.0])
@pytest.mark.parametrize(("factor", "missed", "tolerance"), [(2, 0.10, 0.01), (5, 0.20, 0.015), (10, 0.27, 0.02)])
def test_share_of_the_drop_of_an_exact_power_law_that_is_missed(exponent, factor, missed, tolerance):
    steps = np.arange(1.0, 2001)
    drop = exponent * np.log10(factor)
    forecast = fitted(100.0 * steps**exponent).predict([factor * 2000])[0] - np.log10(100.0 * 2000**exponent)
    assert 1 - forecast / drop == pytest.approx(missed, abs=tolerance)


def test_median_of_the_six_members_against_a_plain_reimplementation():
    rng = np.random.default_rng(5)
    steps = np.arange(1, 3001)
    y = 1 - 0.4 * np.log(steps) - 1.5 * np.maximum(np.log(steps / 2400), 0) + 0.1 * rng.normal(size=3000)
    members = []
    for start in (0.3, 0.5, 0.7):
        edges = np.geomspace(start * 3000, 3000, 41)
        place = np.clip(np.digitize(steps, edges) - 1, -1, 39)
        kept = [place == k for k in range(40)]
        tau = np.array([np.log(steps)[k].mean() for k in kept])
        z = np.array([y[k].mean() for k in kept])
        s, _ = np.polyfit(tau, z, 1)
        level = np.mean(z[-10:] - s * tau[-10:]) + s * np.log(3000)
        members += [level + s * (1 - np.exp(-mu * np.log(4))) / mu for mu in (0.2, 0.4)]
    assert fitted(10**y).predict([12000])[0] == pytest.approx(np.median(members), abs=2e-3)


def test_exponential_with_a_floor_is_forecast_at_its_floor():
    steps = np.arange(1.0, 2001)
    end = fitted(1e-3 + np.exp(-steps / 100)).predict([4000, 20000])
    np.testing.assert_allclose(end, -3, atol=0.05)


def test_exponential_decay_is_neither_stopped_nor_sent_to_nothing():
    # linear-time models do the one or the other: they end at the last value, or 40 decades down
    steps = np.arange(1.0, 1001)
    end = fitted(np.exp(-steps / 100)).predict([10000])[0]
    assert -20 < end < np.log10(np.exp(-10)) - 1


def test_plateau_stays():
    np.testing.assert_allclose(fitted(np.full(500, 3e-4)).predict([500, 1000, 50000]), np.log10(3e-4), atol=1e-9)


def test_noise_moves_the_forecast_of_a_power_law_little():
    steps = np.arange(1.0, 2001)
    clean = fitted(steps**-1.0).predict([20000])[0]
    noise = 0.1 * np.random.default_rng(0).normal(size=(60, 2000))
    errors = [fitted(steps**-1.0 * 10**n).predict([20000])[0] - clean for n in noise]
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.06


def test_rising_loss_is_forecast_flat_at_where_it_stands():
    steps = np.arange(1.0, 1001)
    np.testing.assert_allclose(fitted(1e-3 * steps).predict([1000, 9000]), 0.0, atol=1e-6)


def test_forecast_never_rises():
    loss = 10 ** np.cumsum(np.random.default_rng(7).normal(size=400) * 0.1)
    assert np.all(np.diff(fitted(loss).predict(np.geomspace(400, 4e6, 200))) <= 1e-15)


def test_gaps_in_an_exact_power_law_change_little():
    full = np.arange(1.0, 2001)
    gappy = np.concatenate([np.arange(50.0, 700, 50), np.arange(1300.0, 2001, 50)])
    whole = fitted(full**-1.5).predict([20000])[0]
    assert fitted(gappy**-1.5, gappy).predict([20000])[0] == pytest.approx(whole, abs=0.01)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 13, 20])
@pytest.mark.parametrize("shape", ["constant", "rising", "cliff", "power", "zero", "sparse", "bad head"])
def test_short_and_odd_histories_give_finite_forecasts(count, shape):
    steps = np.arange(1.0, count + 1)
    loss = {
        "constant": np.ones(count),
        "rising": 10.0**steps,
        "cliff": 10.0 ** (-15 * (steps >= count)),
        "power": steps**-2.0,
        "zero": np.where(steps < count, 1.0, 0.0),
        "sparse": steps**-2.0,
        "bad head": np.where((steps < 4) & (steps < count), np.nan, steps**-1.0),
    }[shape]
    if shape == "sparse":
        steps = 100 * steps**2
    end = fitted(loss, steps).predict(steps[-1] * np.array([1.0, 1.5, 10.0, 1e4]))
    assert np.isfinite(end).all()


def test_short_power_law_window_of_eight_steps():
    steps = np.arange(1.0, 9)
    assert fitted(steps**-2.0).predict([16])[0] == pytest.approx(-2 * np.log10(16), abs=0.1)


def test_non_finite_head_is_as_if_it_were_not_there():
    steps = np.arange(1.0, 1001)
    loss = steps**-1.0
    bad = loss.copy()
    bad[:3] = [np.nan, np.inf, np.nan]
    np.testing.assert_allclose(fitted(bad).predict([3000]), fitted(loss).predict([3000]), atol=1e-12)
