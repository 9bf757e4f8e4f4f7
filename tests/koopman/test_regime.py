import numpy as np
import pytest

from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.regime import Regime, classify, flat_since


def kinked(slopes, knots, count=2000, start=2.0):
    """y piecewise linear in ln(step), of slopes[i] decades per unit, between knots (fractions of count)."""
    steps = np.arange(1, count + 1)
    edges = np.log(np.concatenate([[1], np.array(knots) * count, [count]]))
    rate = np.array(slopes)[np.clip(np.searchsorted(edges, np.log(steps), side="right") - 1, 0, len(slopes) - 1)]
    y = start + np.concatenate([[0], np.cumsum(rate[:-1] * np.diff(np.log(steps)))])
    return LossCurve.from_history(steps, 10**y)


@pytest.mark.parametrize(
    ("slopes", "knots", "expected"),
    [
        ([0.0, -0.14], [0.5], Regime.PLATEAU),
        ([-1.0, 0.14], [0.5], Regime.PLATEAU),
        ([-1.0, -1.0, -0.16], [0.25, 0.5], Regime.STEADY),
        ([0.0, -1.3], [0.5], Regime.EARLY),  # falls by 0.9 decade in all
        ([0.0, -1.6], [0.5], Regime.ACCELERATING),  # falls by 1.1
        ([-1.0, -1.0, -1.25], [0.25, 0.5], Regime.STEADY),
        ([-1.0, -1.0, -1.35], [0.25, 0.5], Regime.ACCELERATING),
        ([-1.0, -1.0, -0.5], [0.25, 0.5], Regime.STEADY),
        ([0.3], [], Regime.EARLY),  # a rising loss
    ],
)
def test_regimes_of_piecewise_straight_curves(slopes, knots, expected):
    assert classify(kinked(slopes, knots)) is expected


def test_tests_are_made_in_order():
    # flat lately, but with no first drop either: the plateau is named first
    assert classify(kinked([0.0], [])) is Regime.PLATEAU


def test_what_was_not_seen_counts_on_the_cautious_side():
    steps = np.arange(1100, 2001)
    assert classify(LossCurve.from_history(steps, 1e6 * (steps / 1000.0) ** -5)) is Regime.ACCELERATING


@pytest.mark.parametrize("count", [1, 2, 8])
def test_short_histories_have_a_regime(count):
    assert classify(LossCurve.from_history(np.arange(1, count + 1), np.ones(count))) is Regime.PLATEAU


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.45])
def test_plateau_is_dated_to_where_the_fall_ended(fraction):
    since = flat_since(kinked([-1.0, 0.0], [fraction]))
    assert fraction * 2000 * 0.65 < since < fraction * 2000 * 1.35


def test_constant_loss_is_flat_since_the_first_step():
    assert flat_since(LossCurve.from_history(np.arange(3, 500), np.full(497, 0.2))) == pytest.approx(3)
