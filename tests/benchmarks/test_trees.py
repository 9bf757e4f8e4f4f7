"""Boosted trees on what is known of a training: the features by hand, and that they learn what there is to learn."""

import numpy as np
import pytest
from curves import power_law

from benchmarks.forecast import trees
from benchmarks.forecast.cases import FAMILIES
from benchmarks.forecast.origins import flat, origins


def test_features_of_a_power_law():
    """y = 2 - 0.5 log10 t, so dy/dτ is -0.5 / ln 10 on every piece."""
    trajectory = power_law(-0.5)
    origin = next(item for item in origins([trajectory]) if item.now == 1000)
    rows = trees.features(origin, trajectory)
    assert rows.shape == (5, 18)
    assert rows[:, :7] == pytest.approx(-0.5 / np.log(10.0), rel=1e-6)
    level = 2.0 - 0.5 * np.log10(985.0)
    assert rows[0, 7:11] == pytest.approx([0.0, level, 2.0 - level, 0.5 - level], abs=1e-3)
    assert rows[0, 11] == trees.UNKNOWN and rows[0, 14:17] == pytest.approx([1.0, np.log(1000.0), 1.0])
    assert rows[:, -1] == pytest.approx(np.log(np.array([1.5, 2, 3, 5, 10])), abs=0.02)


def test_a_piece_of_three_steps_has_no_slope():
    curve = next(item for item in origins([power_law(-0.5)]) if item.now == 1000).curve
    assert np.isnan(trees.slope_between(curve, 0.997, 0.9995))
    assert np.isfinite(trees.slope_between(curve, 0.99, 1.0))


def test_trees_learn_from_other_problems_that_trends_go_on():
    made = [power_law(slope, problem=f"p{number}") for number, slope in enumerate(np.linspace(-2.0, 0.0, 17))]
    found = origins(made)
    rows = np.vstack([trees.features(item, made[int(item.problem[1:])]) for item in found])
    missed = np.abs(trees.left_out(found, rows)) / flat(found, "u")
    assert np.median(missed) < 0.05  # of 0.43 between the flattest and the middle, in decades per unit of ln t
    blind = np.abs(trees.left_out(found, 0.0 * rows)) / flat(found, "u")
    assert np.median(blind) > 0.15


def test_it_prints_every_group_at_the_windows_of_the_benchmark():
    groups = ["fit", "fit", "fit", "held", "held", "further"] * 2
    made = [power_law(-0.1 * number, problem=f"p{number}", group=group) for number, group in enumerate(groups)]
    told: list[str] = []
    trees.compare(made, told.append)
    assert [line.split(":")[0] for line in told[:3]] == ["fit, default", "fit, trees", "fit, their mean"]
    assert len(told) == 9
    windows = FAMILIES["adam"].windows
    assert f"({6 * sum(2 * n <= 10_000 for n in windows)})" in told[0]
