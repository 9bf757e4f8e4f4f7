"""The forecast benchmark on curves whose future is a formula, and its trainings in small."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import log, log10

import numpy as np
import pytest
from curves import power_law, trajectory

from benchmarks.forecast import __main__ as program
from benchmarks.forecast import chances, cost, curves, errors, generate, policy, results, trajectories, views
from benchmarks.forecast.cases import CASES, FAMILIES
from benchmarks.forecast.chances import Chance
from pinnrun.build import checked_config
from pinnrun.composition.confdir import compose
from pinnrun.koopman import FORECASTERS

STEPS = np.arange(1, 10_001)


# -- what came true --------------------------------------------------------------------------------------------


def test_the_truth_is_a_median_of_the_last_three_percent():
    made = trajectory(10.0 ** -np.arange(1.0, 101.0))
    assert views.truth(made, 100) == pytest.approx(-np.median([97, 98, 99, 100]))
    assert views.truth(power_law(-2.0), 4000) == pytest.approx(2 - 2 * log10(0.985 * 4000), abs=1e-4)


def test_a_target_is_reached_when_it_has_held():
    """A dip of 99 steps does not count, the 100th step of the next one does."""
    loss = np.ones(1000)
    loss[100:199] = loss[300:450] = 0.1
    made = trajectory(loss)
    assert views.reached(made, 0.1) == 400
    assert views.reached(made, 0.01) is None
    assert views.reached(trajectory(loss, family="lm"), 0.1) == 103
    loss[:] = 0.1
    assert views.reached(trajectory(loss), 0.1) == 100


def test_the_merit_has_to_be_good_twice_in_a_row():
    merit = np.ones(1000)
    merit[[199, 599, 799]] = 0.1
    made = trajectory(np.ones(1000), merit=merit)
    assert views.reached(made, 0.1, "merit") == 800
    assert views.reached(made, 0.05, "merit") is None


def test_a_forecast_sees_its_past_and_the_schedule_and_nothing_else():
    made = trajectory(1.0 / STEPS, rate=1e-3 / STEPS)
    seen = views.history(made, 1000, measured=[400, 1000])
    assert seen.rate is not None and seen.merit is not None and seen.rate_ahead is not None
    assert len(seen.steps) == len(seen.loss) == len(seen.rate) == 1000
    assert np.flatnonzero(np.isfinite(seen.merit)).tolist() == [399, 999]
    assert [seen.rate_ahead(k) for k in (1, 9000, 9001)] == [1e-3 / 1001, 1e-7, 1e-7]
    assert views.history(replace(made, rate=np.full(10_000, np.nan)), 1000).rate_ahead is None


def test_windows_need_a_horizon_within_the_trajectory():
    assert views.windows(power_law(-1.0)) == [1000, 2000, 4000]
    assert views.windows(power_law(-1.0, 4000)) == [1000, 2000]


# -- errors ----------------------------------------------------------------------------------------------------


def test_errors_on_a_power_law_are_those_of_the_formulas():
    """The power law is exact but for the median's place within 3 %; the last value misses the whole drop, the damped
    trend v (u − (1 − e^−μu)/μ) of it, for μ = 0.2 and 0.4 in equal parts, so half of their sum."""
    slope = -1.5
    found = errors.errors([power_law(slope)], ["power_law", "last_value", "damped_trend"], ["steps"])
    assert {(item.now, item.factor) for item in found} == {
        (1000, 2),
        (1000, 5),
        (1000, 10),
        (2000, 2),
        (2000, 5),
        (4000, 2),
    }
    late = slope * log10(0.985)  # of the truth, within its 3 %
    for item in found:
        u = log(item.factor)
        expected = {
            "power_law": -late,
            "last_value": -slope * log10(item.factor),
            "damped_trend": -late - slope / log(10) * (u - sum((1 - np.exp(-m * u)) / m for m in (0.2, 0.4)) / 2),
        }
        assert item.error == pytest.approx(expected[item.forecaster], abs=5e-3), item.forecaster


def test_an_explosion_counts_as_the_worst_and_not_as_nothing(monkeypatch):
    monkeypatch.setitem(FORECASTERS, "power_law", lambda curve: Said([np.nan, np.inf, -1e9]))
    found = errors.errors([power_law(-1.0)], ["power_law"])
    assert [item.error for item in found if item.now == 1000] == [errors.WORST, errors.WORST, -errors.WORST]


class Said:
    """A trend that says these decades."""

    def __init__(self, decades):
        self.decades = np.asarray(decades)

    def predict(self, steps):
        return self.decades[: len(steps)]


def test_the_summary_is_of_the_sizes_and_the_bias_of_the_signs():
    made = [
        errors.Error(power_law(-1.0, 10), "steady", "x", "steps", 1, 2, value) for value in (-0.3, 0.1, -0.2, 0.4, 1.0)
    ]
    numbers = errors.summary(made)
    assert numbers["median"] == pytest.approx(0.3)
    assert numbers["p90"] == pytest.approx(0.76)
    assert numbers["bias"] == pytest.approx(0.1)
    assert errors.summary([])["count"] == 0


# -- bands and probabilities -----------------------------------------------------------------------------------


def test_a_band_holds_what_goes_on_and_not_what_falls_off_a_cliff():
    """A flat curve stays within its band, one that falls by eight decades right after the window does not."""
    flat = trajectory(np.ones(2000))
    cliff = trajectory(np.where(np.arange(2000) < 1000, 1.0, 1e-8))
    held = chances.bands([flat, cliff])
    assert [band.holds for band in held] == [True, False]
    assert held[0].residual == pytest.approx(0.0, abs=1e-9)
    assert held[1].residual == pytest.approx(-8.0 / log(2.0))


def test_a_law_is_measured_without_the_problem_it_is_asked_about():
    """Eleven flat problems, each flat for all that the others say, and one that falls, which none of them foretold."""
    made = [trajectory(np.ones(2000), problem=f"flat {k}") for k in range(11)]
    made.append(trajectory(np.where(np.arange(2000) < 1000, 1.0, 1e-8), problem="cliff"))
    assert chances.left_out(chances.bands(made)) == [True] * 11 + [False]


def test_brier_and_reliability_by_hand():
    made = [
        Chance(power_law(-1.0, 10), 1, 1.0, p, came)
        for p, came in ((0.05, False), (0.2, True), (0.2, False), (1.0, True))
    ]
    assert chances.brier(made) == pytest.approx((0.05**2 + 0.8**2 + 0.2**2) / 4)
    assert chances.climatology(made) == 0.25
    assert [(b.count, b.said, b.came) for b in chances.reliability(made)] == [
        (1, 0.05, 0.0), (2, pytest.approx(0.2), 0.5), (1, 1.0, 1.0),
    ]  # fmt: skip


def test_chances_are_asked_of_targets_that_are_still_ahead():
    """On a power law of a decade a decade, drops up to one (from 0.985 n) come true within 10 n, others do not."""
    found = chances.chances([power_law(-1.0)])
    assert {item.drop: item.happened for item in found if item.now == 1000} == {
        drop: drop <= 1.0 for drop in chances.DROPS
    }
    assert all(
        earlier.probability >= later.probability for earlier, later in pairwise(found) if earlier.now == later.now
    )
    assert chances.brier(found) < 0.5 * chances.climatology(found)


# -- the policy ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "hopeless"), [(1.0, 2000), (100.0, 1000)])
def test_a_floor_is_given_up_after_the_minimum_or_half_of_it_where_it_is_out_of_reach_after_a_first_drop(
    head, hopeless
):
    """An unlikely target after the minimum of 2000; a hopeless one too where the loss has been flat from the start."""
    found = policy.replays([trajectory(np.where(STEPS < 10, head, 1.0))])
    near = next(item for item in found if item.target < 0.5)
    assert (near.stopped, near.spent) == (2000, 0.2)
    assert (found[-1].stopped, found[-1].spent) == (hopeless, hopeless / 10_000)
    assert not any(item.reached or item.false_stop for item in found)


def test_a_steady_descent_is_left_alone_until_it_arrives():
    found = policy.replays([power_law(-2.0)])
    reachable = [item for item in found if item.reached is not None]
    assert reachable and policy.false_stops(reachable) == 0.0
    assert [item.reached for item in reachable] == [1200, 3400], "1e-4 at step 1000 and 1e-5 at 3163, seen twice"


def test_an_escape_from_a_plateau_is_a_false_stop():
    loss = np.where(STEPS < 9000, 1.0, 1e-6)
    found = policy.replays([trajectory(loss)])
    assert [item.false_stop for item in found if item.target == 1e-5] == [True]
    assert policy.false_stops(found) == 1.0
    assert policy.wasted(found) == pytest.approx(0.2)
    assert np.isnan(policy.wasted([item for item in found if item.reached]))
    assert policy.replays([replace(trajectory(loss), complete=False)]) == [], "its end is not known"


# -- what is kept ----------------------------------------------------------------------------------------------


def test_the_kept_curves_come_back_within_half_a_grain(tmp_path):
    random = np.random.default_rng(0)
    noisy = trajectory(10.0 ** random.normal(-3, 2, 5000), rate=np.full(5000, np.nan))
    noisy = replace(noisy, evaluations=random.integers(1, 400, 5000))
    made = [power_law(-1.5, 3000), noisy]
    curves.save(tmp_path / "curves.npz", made)
    for before, after in zip(made, curves.load(tmp_path / "curves.npz"), strict=True):
        assert (before.name, before.family, before.parameters) == (after.name, after.family, after.parameters)
        assert np.array_equal(before.step, after.step) and np.array_equal(before.evaluations, after.evaluations)
        for name in curves.COLUMNS:
            old, new = getattr(before, name), getattr(after, name)
            assert np.array_equal(np.isnan(old), np.isnan(new))
            known = np.isfinite(old)
            assert np.abs(np.log10(new[known] / old[known])).max(initial=0.0) <= 0.5001 / curves.GRAIN
            assert np.array_equal(new, getattr(curves.rounded(before), name), equal_nan=True)


def test_figures_survive_the_file(tmp_path):
    rows = [results.Row("error", "held", "power_law", "all", "median 2x", 0.12345678, 7)]
    results.write(tmp_path / "f.csv", rows)
    row = results.read(tmp_path / "f.csv").get("error", "held", "power_law", "all", "median 2x")
    assert row is not None and row.value == pytest.approx(0.1235) and row.count == 7


# -- the trainings ---------------------------------------------------------------------------------------------


def test_groups_to_learn_from_and_to_be_judged_on_share_no_problem_and_hold_every_family():
    further = {case.problem for case in CASES if case.group == "further"}
    assert further == {case.problem for case in CASES if case.group == "held"}
    by_group = {group: [case for case in CASES if case.group == group] for group in ("fit", "held")}
    problems = {group: {case.problem for case in cases} for group, cases in by_group.items()}
    assert not problems["fit"] & problems["held"] and sum(map(len, problems.values())) >= 8
    for cases in by_group.values():
        assert {case.family for case in cases} == set(FAMILIES)
    assert len(CASES) >= 66 and len({case.name for case in CASES}) == len(CASES)


def test_every_case_is_a_config_and_paces_are_those_of_the_optimizers():
    seen, sizes = set(), []
    for case in CASES:
        if {case.problem, case.family} <= seen:
            continue
        seen |= {case.problem, case.family}
        config = checked_config(compose("train", case.words(10)))
        family = FAMILIES[case.family]
        default = checked_config(compose("train", [family.words[0]])).optimizer.pace
        assert (family.first, family.minimum) == (default.window, default.minimum), case.family
        assert family.first % config.optimizer.pace.window == 0, "the merit must be known at every look"
        sizes.append(case.width)
    assert seen == {case.problem for case in CASES} | set(FAMILIES)


def test_points_are_random_ones_as_ever_or_sobol_points_where_they_do_not_move():
    first = {(case.problem == "allen_cahn", case.family): case for case in CASES}
    for case in first.values():
        kinds = {_sampling(replace(case, sobol=sobol)) for sobol in (False, True)}
        assert kinds == ({"resample"} if case.family == "resample" else {"fixed", "sobol"}), case.name


def _sampling(case):
    return checked_config(compose("train", case.words(10))).sampling.type


def test_a_training_in_passes_is_the_training_in_one_go(tmp_path, monkeypatch):
    case = replace(next(case for case in CASES if case.name == "lotka-lm-12x1"), steps=24)
    generate.generate([case], tmp_path / "passes")
    monkeypatch.setattr(generate, "PASSES", (1.0,))
    generate.generate([case], tmp_path / "whole")
    [one], [other] = (trajectories.load(tmp_path / name, [case]) for name in ("passes", "whole"))
    assert len(one) == 24 and np.array_equal(one.loss, other.loss)
    assert np.array_equal(one.weights()[1], other.weights()[1])
    assert np.isfinite(one.merit).sum() >= 3 and np.isnan(one.rate).all()
    assert one.parameters == one.weights(until=10, last=3)[1].shape[1] and len(one.weights(until=10, last=3)[0]) == 3
    assert generate.extend(case, 24, tmp_path / "whole" / case.name) == "", "there is nothing left to do"


def test_the_loss_of_stored_weights_is_the_loss_that_was_recorded(tmp_path):
    case = replace(next(case for case in CASES if case.name == "lotka-lm-12x1"), steps=12)
    generate.generate([case], tmp_path)
    [one] = trajectories.load(tmp_path, [case])
    steps, weights = one.weights()
    loss = errors.trained_loss(one)
    assert [loss(theta) for theta in weights] == pytest.approx(one.loss[steps - 1].tolist(), rel=1e-3)


def test_the_whole_benchmark_in_small(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(program.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    monkeypatch.setattr(cost, "measure", lambda: cost.Cost(10_000, 0.02, 0.005, 0.002, 0.016, 15))
    assert program.main(["--smoke", "--families", "lm"]) == 0
    page = (tmp_path / "forecast.md").read_text()
    assert "| reachable targets given up | ≤ 5% |" in page and "`weights`" in page
    assert (tmp_path / "forecast.png").stat().st_size > 10_000
    assert (
        program.main(["curves", "--families", "lm", "--results", str(tmp_path), "--page", str(tmp_path / "again.md")])
        == 0
    )
    again = (tmp_path / "again.md").read_text()
    for name in ("damped_trend", "weights"):
        [line] = [line for line in page.splitlines() if line.startswith(f"| `{name}` | held")]
        assert line in again, "rounding by 1/2000 of a decade does not show"
    assert "in training steps | ≤ 2 | 0.9 |" in again
