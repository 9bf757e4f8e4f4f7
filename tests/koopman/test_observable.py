import numpy as np
import pytest

from pinnrun.koopman import History, forecast_stage
from pinnrun.koopman.observable import DEVIATIONS, observe, scatter

STEPS = np.arange(1.0, 2001)
LOSS = STEPS**-1.5


def measured(gap, every=200):
    merit = np.full(2000, np.nan)
    merit[every - 1 :: every] = (LOSS * gap)[every - 1 :: every]
    return merit


def test_the_merits_curve_meets_every_measurement():
    merit = measured(2.0 + np.sin(STEPS / 300))
    seen = observe(STEPS, LOSS, merit)
    assert seen.name == "merit" and seen.shift == 0.0
    known = np.isfinite(merit)
    np.testing.assert_allclose(seen.values[known], merit[known], rtol=1e-12)
    np.testing.assert_allclose(seen.values[:200], LOSS[:200] * merit[199] / LOSS[199])


def test_a_gap_that_widens_as_a_power_is_found_between_measurements_too():
    gap = STEPS**0.4
    seen = observe(STEPS, LOSS, measured(gap))
    np.testing.assert_allclose(seen.values[199:], (LOSS * gap)[199:], rtol=1e-9)


def test_forecasting_the_merit_sees_what_the_loss_does_not():
    """Overfitting: the loss goes on falling, the merit has stopped."""
    merit = measured(STEPS**1.5 * 1e-3, every=20)
    looks = {
        name: forecast_stage(History(STEPS, LOSS, merit), target=1e-4, horizon=8000, observable=name)
        for name in ("merit", "loss")
    }
    assert looks["loss"].probability > 0.9
    assert looks["merit"].probability < 0.2
    assert looks["merit"].loss == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_the_gap_of_a_noisy_loss_is_taken_from_its_median(sigma):
    noisy = LOSS * 10 ** (sigma * np.random.default_rng(1).normal(size=2000))
    seen = observe(STEPS, noisy, measured(3.0))
    late = slice(1000, None)
    np.testing.assert_allclose(np.median(np.log10(seen.values[late] / LOSS[late])), np.log10(3.0), atol=0.03)


def test_the_gap_of_a_loss_with_spikes_is_that_of_the_same_step():
    spiky, merit = LOSS.copy(), measured(3.0)
    spiky[1999] *= 50
    merit[1999] *= 50
    seen = observe(STEPS, spiky, merit)
    np.testing.assert_allclose(seen.values[:1999], 3.0 * LOSS[:1999], rtol=1e-9)


@pytest.mark.parametrize("merit", [None, np.full(2000, np.nan), np.zeros(2000)])
def test_where_no_merit_was_measured_the_loss_stands_in(merit):
    seen = observe(STEPS, LOSS, merit)
    assert seen.name == "loss"
    np.testing.assert_array_equal(seen.values, LOSS)
    with pytest.raises(ValueError, match="not been measured"):
        observe(STEPS, LOSS, merit, "merit")


def test_an_observable_that_there_is_not():
    with pytest.raises(ValueError, match="auto, loss, merit"):
        observe(STEPS, LOSS, None, "error")


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.1, 0.3])
def test_scatter_is_the_deviation_of_the_noise_and_not_of_the_trend(sigma):
    found = [scatter(LOSS * 10 ** (sigma * np.random.default_rng(s).normal(size=2000))) for s in range(20)]
    assert np.mean(found) == pytest.approx(sigma, abs=0.02 * sigma + 1e-3)


@pytest.mark.parametrize("sigma", [0.05, 0.1])
def test_a_noisy_loss_holds_for_a_hundred_steps_where_the_shifted_forecast_says(sigma):
    """The mean is a power law, so that its forecast is exact; the hold is looked for in 40 simulated futures."""
    future = np.arange(1.0, 40001)
    mean, goal = -1.5 * np.log10(future), -5.5
    held = []
    for seed in range(40):
        y = mean + sigma * np.random.default_rng(seed).normal(size=40000)
        below = np.cumsum(np.concatenate([[0], y <= goal]))
        held.append(100 + int(np.argmax(below[100:] - below[:-100] == 100)))
    history = History(future[:2000], 10 ** (mean + sigma * np.random.default_rng(99).normal(size=40000))[:2000])
    look = forecast_stage(history, target=10**goal, horizon=20000, observable="loss", forecaster="power_law")
    assert look.shift == pytest.approx(DEVIATIONS * sigma, rel=0.1)
    expected = 10 ** (-(goal - look.shift) / 1.5)
    assert expected == pytest.approx(np.median(held), rel=0.08)
    first_touch = 10 ** (-goal / 1.5)  # of the mean: too early
    assert first_touch < 0.92 * np.median(held)
