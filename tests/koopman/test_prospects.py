"""The loss at forecast weights is evaluated, not assumed; beside no change and what training reached."""

import json

import numpy as np
import pytest
from linear_systems import trajectory

from pinnrun.koopman import forecast_weights, prospects, weight_spectrum
from pinnrun.koopman.prospects import recent


class Quadratic:
    """A loss with its minimum at the fixed point, that counts its evaluations."""

    def __init__(self, fixed):
        self.fixed, self.calls = fixed, 0

    def __call__(self, weights):
        self.calls += 1
        return float(np.sum((weights - self.fixed) ** 2))


STEPS = 10 * np.arange(1, 121)


def test_every_figure_is_the_loss_at_its_own_weights():
    weights, fixed = trajectory([0.99, 0.9], count=120, noise=1e-6)
    judge = Quadratic(fixed)
    layers = {"a": slice(0, 50), "b": slice(50, 200)}
    found = prospects(STEPS, weights, judge, origin=600, layers=layers)
    assert found is not None and found.now == 600
    assert found.last == judge(weights[59])
    assert found.steps.tolist() == [660, 750, 900, 1200]
    assert found.reached.tolist() == [judge(weights[step // 10 - 1]) for step in found.steps]
    history = weights[29:60]  # of the last half of 600 steps, 300 to 600
    at = weight_spectrum(history, 10).fixed_point
    assert at is not None and found.fixed_point == pytest.approx(judge(at), rel=1e-9)
    for rule, values in found.forecast.items():
        expected = forecast_weights(history, [6, 15, 30, 60], rule, layers=layers)
        np.testing.assert_allclose(values, [judge(row) for row in expected], rtol=1e-9)


def test_what_lies_beyond_the_history_is_not_known():
    weights, fixed = trajectory([0.99, 0.9], count=120)
    found = prospects(STEPS, weights, Quadratic(fixed), origin=1000, rules=("modes",))
    assert found is not None
    assert np.isnan(found.reached).tolist() == [False, True, True, True]
    latest = prospects(STEPS, weights, Quadratic(fixed))
    assert latest is not None and latest.now == 1200 and np.isnan(latest.reached).all()


def test_a_loss_that_cannot_be_evaluated_is_infinite_and_none_in_json():
    weights = np.exp(0.05 * np.arange(120))[:, None] * np.ones(4)

    def judge(w):
        return np.nan if w[0] > 1e5 else 1.0

    found = prospects(STEPS, weights, judge, horizons=(1.1, 20.0), rules=("exact",))
    assert found is not None and found.fixed_point is None
    assert np.isinf(found.forecast["exact"][1])
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["forecast"]["exact"] == [1.0, None] and plain["reached"] == [None, None]
    assert not plain["has_fixed_point"]


def test_it_costs_an_evaluation_for_every_figure():
    weights, fixed = trajectory([0.99, 0.9], count=120)
    judge = Quadratic(fixed)
    prospects(STEPS, weights, judge, origin=600, rules=("modes", "velocity"))
    assert judge.calls == 2 * 4 + 4 + 1 + 1


def test_too_few_snapshots_give_none_and_short_horizons_at_least_one_interval():
    weights, fixed = trajectory([0.9], count=120)
    assert prospects(STEPS, weights, Quadratic(fixed), origin=40) is None
    assert prospects([], np.empty((0, 3)), Quadratic(fixed)) is None
    found = prospects(STEPS, weights, Quadratic(fixed), origin=100, horizons=(1.02,), rules=("velocity",))
    assert found is not None and found.steps.tolist() == [110]


def test_recent_snapshots_are_the_last_half_but_thirty_at_least():
    assert recent(np.arange(10, 2001, 10)) == slice(99, 200)
    assert recent(np.arange(1, 41)) == slice(10, 40)
    assert recent(np.arange(1, 11)) == slice(0, 10)
    assert recent(np.arange(10, 20001, 10), 200) == slice(1800, 2000)
    assert recent(np.arange(0)) == slice(0, 0)
