"""Observables on an even clock, their spectra, and two pitfalls of the loss in log-time."""

import numpy as np
import pytest

from pinnrun.koopman.dictionaries import (
    LOSS,
    Lifted,
    delayed,
    dictionary,
    lift,
    loss_ahead,
    loss_modes,
    loss_spectrum,
    observable_spectrum,
)

STEPS = np.arange(1, 4001)


def power_law(exponent=1.5):
    return 100.0 * STEPS**-exponent


def series(y, clock="log"):
    """A log-loss on an even grid, without the way there."""
    grid = np.geomspace(300, 1000, len(y)) if clock == "log" else np.linspace(300, 1000, len(y))
    return Lifted((LOSS,), np.asarray(y, dtype=float)[:, None], grid, clock)


@pytest.mark.parametrize("clock", ["log", "linear"])
def test_rows_are_equally_spaced_on_their_clock_and_on_the_curve(clock):
    lifted = lift(STEPS, power_law(), gradient_norm=STEPS**-0.5, clock=clock)
    assert lifted.names == (LOSS, "log |g|") and lifted.values.shape == (64, 2)
    spacing = np.diff(np.log(lifted.steps) if clock == "log" else lifted.steps)
    np.testing.assert_allclose(spacing, lifted.interval, rtol=1e-9)
    assert 1200 < lifted.steps[0] < 1300 and 3900 < lifted.steps[-1] < 4000
    np.testing.assert_allclose(lifted.values[:, 0], 2 - 1.5 * np.log10(lifted.steps), atol=1e-4)
    np.testing.assert_allclose(lifted.values[:, 1], -0.5 * np.log10(lifted.steps), atol=1e-4)


def test_norms_of_layers_and_the_way_from_the_start():
    steps = np.arange(10, 4001, 10)
    weights = np.column_stack([np.full(400, 3.0), np.full(400, 4.0), steps / 10.0]).astype(np.float32)
    layers = {"hidden1": slice(0, 2), "output": slice(2, 3)}
    lifted = lift(STEPS, power_law(), weight_steps=steps, weights=weights, layers=layers)
    assert lifted.names == (LOSS, "log |hidden1|", "log |output|", "log |w - w0|")
    expected = [np.full(64, np.log10(5)), np.log10(lifted.steps / 10), np.log10(lifted.steps / 10 - 1)]
    np.testing.assert_allclose(lifted.values[:, 1:].T, expected, atol=1e-3)


def test_gaps_and_bad_values_are_bridged():
    loss = power_law()
    loss[2000:2400] = np.nan
    loss[3000] = -1.0
    lifted = lift(STEPS, loss)
    np.testing.assert_allclose(lifted.values[:, 0], 2 - 1.5 * np.log10(lifted.steps), atol=1e-3)
    with pytest.raises(ValueError, match="five"):
        lift(STEPS[:4], power_law()[:4])


def test_a_hankel_list_is_its_definition():
    y = np.arange(10.0) ** 2
    expected = [[y[k + j] for j in range(4)] for k in range(7)]
    np.testing.assert_array_equal(delayed(y, 4), expected)


@pytest.mark.parametrize("system", [[0.9], [0.95, 0.6], [0.98, 0.9, 0.5]])
def test_delays_recover_the_rates_of_a_sum_of_exponentials(system):
    k = np.arange(64)
    y = -2.0 + sum(value**k for value in system)
    lifted = series(y, "linear")
    spectrum = loss_spectrum(lifted)
    np.testing.assert_allclose(np.sort(spectrum.eigenvalues.real), np.sort(system), atol=1e-4)
    assert np.all(spectrum.residuals < 1e-5)
    later = -2.0 + sum(value ** (63 + 20) for value in system)
    assert loss_ahead(lifted, [20])[0] == pytest.approx(later, abs=1e-3)


def test_half_lives_are_steps_from_now_on_either_clock():
    k = np.arange(64)
    for clock in ("log", "linear"):
        lifted = series(0.9**k, clock)
        [half] = loss_spectrum(lifted).half_lives
        now, then = lifted.steps[-1], lifted.steps[-1] + half
        rows = (np.log(then / now) if clock == "log" else then - now) / lifted.interval
        assert 0.9**rows == pytest.approx(0.5, abs=1e-6)


def test_a_power_law_is_one_eigenvalue_at_one_and_survives_the_clip():
    """The increments' way round a defective pair: y itself, clipped to the unit disc, loses its whole trend."""
    lifted = lift(STEPS, power_law())
    spectrum = loss_spectrum(lifted)
    np.testing.assert_allclose(spectrum.eigenvalues, [1.0], atol=1e-6)
    assert spectrum.marks == ("near 1",)
    rows = np.array([10.0, 100.0])
    truth = lifted.values[-1, 0] - 1.5 * rows * lifted.interval / np.log(10)
    np.testing.assert_allclose(loss_ahead(lifted, rows), truth, atol=1e-3)

    # the same forecast by DMD of the delayed values: a double eigenvalue at 1, split by rounding, one half outside
    y = lifted.values[:, 0] + 1e-4 * np.random.default_rng(0).normal(size=64)
    history = delayed(y, 12)
    u, s, vt = np.linalg.svd(history[:-1].T, full_matrices=False)
    values, shapes = np.linalg.eig(u[:, :2].T @ history[1:].T @ vt[:2].T / s[:2])
    assert np.all(np.abs(values - 1) < 0.05)
    inside = values / np.maximum(np.abs(values), 1)
    start = np.linalg.solve(shapes, u[:, :2].T @ history[-1])
    ahead = (u[-1, :2] @ (shapes @ (start * inside**100))).real
    assert ahead > truth[1] + 0.5 * (y[-1] - truth[1])  # more than half of the drop is missed


def test_unclipped_delays_explode_and_clipped_ones_do_not():
    """A descent that is seen while it still accelerates, continued to ten times the steps."""
    for seed in range(10):
        noise = 0.02 * np.random.default_rng(seed).normal(size=len(STEPS))
        lifted = lift(STEPS, 10 ** (1.0 - (STEPS / 4000) ** 3 + noise), clock="linear")
        assert np.any(np.abs(loss_modes(lifted)[0].eigenvalues) > 1)
        rows = 9 * lifted.steps[-1] / lifted.interval
        free, held = (loss_ahead(lifted, [rows], clip=clip)[0] for clip in (False, True))
        assert abs(free) > 300  # decades: no number any more
        assert -60 < held < 1  # the last slope, held


def test_noise_is_spurious_in_delay_coordinates():
    marks = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        marks += loss_spectrum(series(np.cumsum(rng.normal(size=64)))).marks
        marks += loss_spectrum(series(rng.normal(size=64))).marks
    assert marks.count("spurious") > 0.95 * len(marks)


def test_the_dictionary_holds_constant_observables_and_squares():
    values = np.random.default_rng(0).normal(size=(40, 3))
    values[:, 1] = 2.0
    psi, spread = dictionary(values)
    assert psi.shape == (40, 1 + 2 * 2)
    np.testing.assert_allclose(spread, [values[:, 0].std(), 0.0, values[:, 2].std()])
    z = (values[:, [0, 2]] - values[:, [0, 2]].mean(0)) / values[:, [0, 2]].std(0)
    np.testing.assert_allclose(psi, np.hstack([np.ones((40, 1)), z, z**2]))
    assert dictionary(values, squares=False)[0].shape == (40, 3)


@pytest.mark.parametrize("clock", ["log", "linear"])
def test_a_linear_system_of_observables_has_its_own_eigenvalues(clock):
    """y = -3 + a + b, |g| = a - b with a, b decaying by 0.95 and 0.8 a row; the constant, eigenvalue 1, is left out."""
    k = np.arange(60)
    a, b = 0.95**k, 0.8**k
    grid = np.geomspace(100, 1000, 60) if clock == "log" else np.linspace(100, 1000, 60)
    lifted = Lifted((LOSS, "log |g|"), np.column_stack([-3 + a + b, a - b]), grid, clock)
    spectrum = observable_spectrum(lifted, squares=False, tolerance=1e-10)
    np.testing.assert_allclose(spectrum.eigenvalues, [0.95, 0.8], atol=1e-9)  # in the order of their shares of log L
    np.testing.assert_allclose(spectrum.amplitudes, [a[-1], b[-1]], atol=1e-9)
    assert np.all(spectrum.residuals < 1e-9)


def test_squares_add_products_of_the_modes_and_nothing_spurious_passes():
    k = np.arange(60)
    lifted = series(0.95**k, "linear")
    spectrum = observable_spectrum(lifted, tolerance=1e-10)
    np.testing.assert_allclose(np.sort(spectrum.eigenvalues.real), [0.95**2, 0.95], atol=1e-7)
    noise = np.random.default_rng(1).normal(size=(64, 4))
    lifted = Lifted((LOSS, "a", "b", "c"), noise, np.geomspace(100, 1000, 64), "log")
    marks = observable_spectrum(lifted).marks
    assert marks.count("spurious") == len(marks) == 8


def test_a_loss_that_stands_still_has_no_modes():
    spectrum = loss_spectrum(series(np.full(64, -3.0)))
    assert spectrum.rank == 0 and spectrum.marks == ()
    assert observable_spectrum(series(np.full(64, -3.0))).rank == 0
