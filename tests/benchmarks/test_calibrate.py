"""What is learned of other trainings, on samples whose law is known."""

from itertools import combinations

import numpy as np
import pytest

from benchmarks.forecast import promised
from benchmarks.forecast.laws import PARENT, residual_laws, weighted_quantiles
from benchmarks.forecast.origins import Origin
from benchmarks.forecast.pooled import Sample, fit_constants, least_absolute, left_out, sample
from pinnrun.koopman import Regime
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.pooled_trend import fit_pooled_trend
from pinnrun.koopman.prior import ANY, Pooled, Promised

FREE = [(None, None)] * 2


def drawn(known, count=600, seed=0, noise=0.0):
    """Forecasts whose truth is the pooled trend with those constants, with noise that has heavy tails."""
    rng = np.random.default_rng(seed)
    late, before = -rng.gamma(2, 0.4, count), -rng.gamma(2, 0.4, count)
    u, level = rng.uniform(0.4, 2.3, count), rng.normal(size=count)
    problem = rng.choice(["a", "b", "c"], count)
    seen = Sample(level, late, before, u, np.zeros(count), np.ones(count), problem)
    truth = seen.missed(known) + noise * u * rng.standard_t(2, count)
    return Sample(level, late, before, u, truth, np.ones(count), problem)


def test_least_absolute_deviations_are_least():
    """An optimum in general position runs through as many points as it has unknowns: all pairs are tried."""
    rng = np.random.default_rng(0)
    a, b, weight = np.column_stack([np.ones(30), rng.normal(size=30)]), rng.standard_t(2, 30), rng.uniform(1, 3, 30)
    best = min(
        weight @ np.abs(a @ np.linalg.solve(a[list(pair)], b[list(pair)]) - b) for pair in combinations(range(30), 2)
    )
    assert weight @ np.abs(a @ least_absolute(a, b, weight, FREE) - b) == pytest.approx(best, rel=1e-9)


def test_bounds_hold():
    a, b = np.column_stack([np.ones(20), np.arange(20.0)]), 5.0 * np.arange(20.0)
    assert least_absolute(a, b, np.ones(20), [(None, None), (0.0, 3.0)])[1] == pytest.approx(3.0)


@pytest.mark.parametrize("damping", [0.0, 0.2])
def test_known_constants_are_found_again(damping):
    known = Pooled(0.0, 0.9, 0.3, 0.8, damping)
    assert fit_constants(drawn(known), 0.8, damping) == pytest.approx(known, abs=2e-3)
    rough = fit_constants(drawn(known, 3000, noise=0.2), 0.8, damping)
    assert rough == pytest.approx(known, abs=0.06)
    assert fit_constants(drawn(known), 0.8, damping, used=(0, 1)).before == 0.0


def test_a_problem_is_judged_without_itself():
    seen = drawn(Pooled(0.0, 0.9, 0.3, 0.8, 0.0))
    odd = seen.problem == "c"
    seen.truth[odd] += 7.0 * seen.u[odd]
    missed = left_out(seen, 0.8, 0.0)
    np.testing.assert_allclose(missed[odd], -7.0 * seen.u[odd], atol=0.02)


@pytest.mark.parametrize("damping", [0.0, 0.4])
def test_known_constants_of_promises_are_found_again(damping):
    known = Promised(0.0, 0.7, 0.5, 2.0, damping)
    rng = np.random.default_rng(1)
    late, promise = -rng.gamma(2, 0.4, 600), rng.gamma(2, 0.6, 600)
    u, level, problem = rng.uniform(0.4, 2.3, 600), rng.normal(size=600), rng.choice(["a", "b", "c"], 600)
    blank = promised.Sample(level, late, promise, u, np.zeros(600), np.ones(600), problem)
    seen = promised.Sample(level, late, promise, u, blank.missed(known), np.ones(600), problem)
    assert promised.fit_constants(seen, 2.0, damping) == pytest.approx(known, abs=2e-3)
    assert promised.fit_constants(seen, 2.0, damping, slope=False).late == 0.0
    assert promised.left_out(seen, 2.0, damping) == pytest.approx(np.zeros(600), abs=2e-3)


def test_vectors_and_the_forecaster_agree():
    known = Pooled(0.02, 0.8, 0.4, 0.9, 0.1)
    steps = np.arange(1, 1001)
    curve = LossCurve.from_history(steps, steps**-0.7 * 10 ** (0.05 * np.random.default_rng(2).normal(size=1000)))
    times = np.array([2000.0, 5000.0])
    origin = Origin(
        "t", "p", "first_order", "loss", 1000, curve, Regime.STEADY, np.array([2.0, 5.0]), times, np.zeros(2)
    )
    np.testing.assert_allclose(
        sample([origin]).missed(known), fit_pooled_trend(curve, known).predict(times), rtol=1e-12
    )


def test_weighted_quantiles_count_a_repeated_value_by_its_weight():
    values, weight = np.random.default_rng(1).normal(size=500), np.random.default_rng(2).integers(1, 5, 500)
    found = weighted_quantiles(values, weight.astype(float), (0.1, 0.5, 0.9))
    np.testing.assert_allclose(found, np.quantile(np.repeat(values, weight), (0.1, 0.5, 0.9)), atol=0.02)


def test_quantiles_of_few_trainings_are_drawn_to_those_of_all():
    curve = LossCurve.from_history([1, 2], [1.0, 1.0])
    one = np.ones(1)

    def origin(number, family):
        name = f"{family}{number}"
        return Origin(name, "p", family, "loss", 2, curve, Regime.STEADY, 2 * one, 4 * one, one)

    found = [*(origin(k, "first_order") for k in range(97)), *(origin(k, "gauss_newton") for k in range(3))]
    residuals = np.array([0.0] * 97 + [1.0] * 3)
    laws = residual_laws(found, residuals)
    assert laws["gauss_newton"]["steady"][1] == pytest.approx(3 / (3 + PARENT))
    assert laws["first_order"]["steady"][1] == laws[ANY]["steady"][1] == pytest.approx(0.0, abs=1e-9)
    assert laws["first_order"]["plateau"] == laws[ANY]["plateau"]  # never seen: that of all
