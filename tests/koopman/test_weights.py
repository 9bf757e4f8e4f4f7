"""Forecast weights: each rule against the definition it claims, and the pitfalls of extrapolated weights."""

import numpy as np
import pytest
from linear_systems import trajectory

from pinnrun.koopman import forecast_weights, weight_spectrum
from pinnrun.koopman.weights import RULES, layer_slices, slope_coefficients


@pytest.mark.parametrize("rule", ["modes", "layers", "exact"])
def test_a_linear_system_is_continued_exactly(rule):
    weights, _ = trajectory([0.97, 0.9 + 0.2j, 0.6], size=80, count=90, seed=3)
    seen = weights[:45]
    layers = {"a": slice(0, 30), "b": slice(30, 80)}
    ahead = forecast_weights(seen, [0, 1, 10, 44], rule, layers=layers, energy=1.0)
    np.testing.assert_allclose(ahead, weights[[44, 45, 54, 88]], atol=1e-5)


def test_exact_dmd_is_the_naive_power_of_the_dense_operator():
    weights = np.cumsum(np.random.default_rng(0).normal(size=(12, 30)), axis=0)
    operator = weights[1:].T @ np.linalg.pinv(weights[:-1].T)
    expected = [np.linalg.matrix_power(operator, k) @ weights[-1] for k in (1, 2, 5)]
    np.testing.assert_allclose(forecast_weights(weights, [1, 2, 5], "exact"), expected, rtol=1e-8)


def test_modes_are_summed_increment_by_increment():
    weights = np.random.default_rng(1).normal(size=30) + trajectory([0.95, 0.8], size=30, count=40, noise=0.01)[0]
    increments = np.diff(weights, axis=0).T
    u, s, vt = np.linalg.svd(increments[:, :-1], full_matrices=False)
    u, s, vt = u[:, :2], s[:2], vt[:2]
    values, shapes = np.linalg.eig(u.T @ increments[:, 1:] @ vt.T / s)
    dense = np.vstack([(u @ shapes) * values**k for k in range(increments.shape[1])])
    first = np.linalg.lstsq(dense, increments.T.reshape(-1).astype(complex), rcond=None)[0]
    to_come = [(u @ shapes @ (first * values ** (increments.shape[1] - 1 + k))).real for k in range(1, 21)]
    forecast = forecast_weights(weights, [20], max_rank=2, energy=1.0)[0]
    np.testing.assert_allclose(forecast, weights[-1] + np.sum(to_come, axis=0), atol=1e-9)


def test_far_forecasts_meet_the_fixed_point_of_the_spectrum():
    weights, fixed = trajectory([0.9, 0.7])
    far = forecast_weights(weights, [500], energy=1.0)[0]
    np.testing.assert_allclose(far, weight_spectrum(weights, 1, energy=1.0).fixed_point, atol=1e-9)
    np.testing.assert_allclose(far, fixed, atol=1e-3)


def test_the_velocity_is_the_least_squares_slope():
    weights = np.random.default_rng(2).normal(size=(25, 7))
    slope = np.polyfit(np.arange(25), weights, 1)[0]
    np.testing.assert_allclose(slope_coefficients(25) @ weights, slope, atol=1e-12)
    np.testing.assert_allclose(forecast_weights(weights, [8], "velocity")[0], weights[-1] + 8 * slope, atol=1e-12)


@pytest.mark.parametrize("count", [4, 5, 200])
def test_no_decay_is_read_into_weights_that_are_merely_large(count):
    """Off by one half, (k - T/2), the coefficients do not sum to zero: weights far from zero are pulled towards it."""
    assert abs(slope_coefficients(count).sum()) < 1e-15
    still = np.full((count, 3), 1e6)
    np.testing.assert_allclose(forecast_weights(still, [1000], "velocity")[0], 1e6, rtol=1e-12)
    wrong = (np.arange(count) - count / 2) / np.sum((np.arange(count) - count / 2) ** 2)
    assert (wrong @ still)[0] == pytest.approx(-6e6 / count**2, rel=0.15)
    moving = np.random.default_rng(count).normal(size=(count, 3))
    for rule in ("velocity", "modes"):
        here, there = (forecast_weights(moving + shift, [5], rule) for shift in (0.0, 1e3))
        np.testing.assert_allclose(there - 1e3, here, atol=1e-8)


def test_growing_modes_are_held_but_not_by_exact_dmd():
    growing = np.cumsum(1.2 ** np.arange(40))[:, None] * np.ones(5)
    step = growing[-1] - growing[-2]
    np.testing.assert_allclose(forecast_weights(growing, [10])[0], growing[-1] + 10 * step, rtol=1e-6)
    assert np.all(forecast_weights(growing, [10], "exact")[0] > growing[-1] + 20 * step)
    assert not np.isfinite(forecast_weights(growing, [10_000], "exact")).all()


def test_the_loss_at_forecast_weights_errs_upwards():
    """Noise off the valley's floor is squared by its curvature: the loss is too high more often than not, and more so
    the further ahead, though the weights themselves are forecast without bias.
    """
    curvature = np.geomspace(1e-3, 1.0, 40)  # a valley, as of a residual with second derivatives
    errors = {10: [], 100: []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        decay = np.exp(-0.02 * curvature / curvature.max())
        w, path = np.ones(40), []
        for _ in range(301):
            path.append(w)
            w = decay * w + 1e-3 * rng.normal(size=40)
        history, losses = np.array(path), 0.5 * np.array(path) ** 2 @ curvature
        for ahead, found in errors.items():
            at = forecast_weights(history[:201], [ahead], "velocity")[0]
            found.append(np.log10(0.5 * at**2 @ curvature / losses[200 + ahead]))
    assert np.median(errors[100]) > 0.1 > abs(np.median(errors[10]))
    assert np.mean(np.array(errors[100]) > 0) > 0.8


def test_layers_are_found_by_their_names():
    layout = (("hidden1.weight", (4, 2)), ("hidden1.bias", (4,)), ("output.weight", (1, 4)), ("k", (3,)))
    assert layer_slices(layout) == {"hidden1": slice(0, 12), "output": slice(12, 16), "k": slice(16, 19)}
    scattered = (("a.weight", (2,)), ("b.weight", (2,)), ("a.gate", (2,)))
    assert layer_slices(scattered) == {"a": slice(0, 2), "b": slice(2, 4), "a.gate": slice(4, 6)}


@pytest.mark.parametrize("rule", RULES)
def test_single_precision_snapshots_do(rule):
    weights, _ = trajectory([0.9, 0.7], size=300, count=30)
    low = forecast_weights(weights.astype(np.float32), [3], rule, energy=0.9999, layers={"w": slice(None)})
    assert low.dtype == np.float64
    np.testing.assert_allclose(low, forecast_weights(weights, [3], rule, energy=0.9999), atol=0.02)


@pytest.mark.parametrize(
    ("weights", "intervals", "rule", "words"),
    [
        (np.ones((3, 5)), [1], "modes", "T >= 4"),
        (np.ones((5, 5)), [-1], "velocity", "-1 intervals"),
        (np.full((5, 5), np.inf), [1], "modes", "finite"),
        (np.full((5, 5), np.nan), [1], "exact", "finite"),
    ],
)
def test_unusable_input_is_refused(weights, intervals, rule, words):
    with pytest.raises(ValueError, match=words):
        forecast_weights(weights, intervals, rule)
