import numpy as np
import pytest

from pinnrun.koopman.curve import LossCurve, slope


def naive_bins(steps, y, start, stop, count=40):
    """One Python loop over all points: which bin of [start n, stop n] is each in."""
    low, high = np.log(start * steps[-1]), np.log(stop * steps[-1])
    held = [[] for _ in range(count)]
    for t, value in zip(np.log(steps), y, strict=True):
        place = (t - low) / (high - low) * count
        if -1e-9 <= place <= count + 1e-9:
            held[min(max(int(np.floor(place + 1e-9)), 0), count - 1)].append((t, value))
    means = [np.mean(points, axis=0) for points in held if points]
    return np.array(means).T


@pytest.mark.parametrize(("start", "stop"), [(0.3, 1.0), (0.5, 1.0), (0.25, 0.5)])
@pytest.mark.parametrize("count", [37, 500, 5000])
def test_bins_equal_a_naive_loop(start, stop, count):
    steps = np.arange(1, count + 1)
    loss = 10 ** np.random.default_rng(0).normal(size=count)
    tau, y = LossCurve.from_history(steps, loss).binned(start, stop)
    expected_tau, expected_y = naive_bins(steps, np.log10(loss), start, stop)
    np.testing.assert_allclose(tau, expected_tau, rtol=1e-11)
    np.testing.assert_allclose(y, expected_y, atol=1e-11)


def test_bins_keep_every_point_of_their_interval_once():
    steps = np.unique(np.random.default_rng(1).integers(1, 4000, size=900))
    curve = LossCurve.from_history(steps, np.ones(len(steps)))
    whole = np.mean(np.log(steps[steps >= 0.3 * steps[-1]]))
    tau, _ = curve.binned(0.3, count=1)
    assert tau[0] == pytest.approx(whole, abs=1e-12)


def test_interval_with_too_few_points_reaches_back():
    curve = LossCurve.from_history([1, 2, 3, 4, 5, 1000], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    tau, y = curve.binned(0.5)
    np.testing.assert_allclose(np.exp(tau), [3, 4, 5, 1000])
    np.testing.assert_allclose(10**y, [4, 3, 2, 1])


def test_interval_before_all_points_is_empty():
    tau, y = LossCurve.from_history(np.arange(900, 1001), np.ones(101)).binned(0.25, 0.5)
    assert len(tau) == len(y) == 0


def test_values_that_are_no_loss_are_left_out_and_zero_is_kept():
    curve = LossCurve.from_history([1, 2, 3, 4, 5], [np.nan, np.inf, -1.0, 10.0, 0.0])
    np.testing.assert_array_equal(curve.steps, [4, 5])
    np.testing.assert_allclose(curve.y, [1.0, -300.0])


def test_tail_is_the_median_of_the_last_three_percent():
    loss = np.ones(1000)
    loss[969:] = np.linspace(2, 3, 31)
    loss[-1] = 1e-9  # one lucky step is not where training stands
    assert LossCurve.from_history(np.arange(1, 1001), loss).tail()[1] == pytest.approx(
        np.log10(np.median(loss[969:])), abs=1e-12
    )


def test_curve_cut_at_an_origin_equals_the_curve_of_the_shorter_history():
    steps, loss = np.arange(1, 101), np.random.default_rng(2).random(100)
    past, short = (
        LossCurve.from_history(steps, loss).until(0.45),
        LossCurve.from_history(steps[:45], loss[:45]),
    )
    for mine, theirs in zip(past.binned(0.3), short.binned(0.3), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    assert past.now == 45


def test_slope_equals_polyfit():
    tau, y = np.random.default_rng(3).normal(size=(2, 30))
    assert slope(tau, y) == pytest.approx(np.polyfit(tau, y, 1)[0], rel=1e-10)
    assert slope(tau[:1], y[:1]) == 0.0


@pytest.mark.parametrize(
    ("steps", "loss", "words"),
    [
        ([1, 2, 2], [1.0, 1.0, 1.0], "increase"),
        ([0, 1, 2], [1.0, 1.0, 1.0], "start above 0"),
        ([1, 2], [1.0, 1.0, 1.0], "one length"),
        ([1, 2], [np.nan, np.inf], "at least one"),
        ([], [], "at least one"),
    ],
)
def test_histories_that_cannot_be_forecast_are_refused(steps, loss, words):
    with pytest.raises(ValueError, match=words):
        LossCurve.from_history(steps, loss)
