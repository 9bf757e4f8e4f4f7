"""All figures of the benchmark as one list of rows, and the CSV file that keeps them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.common import write_csv
from benchmarks.forecast import chances, errors, policy
from benchmarks.forecast.cases import FAMILIES
from benchmarks.forecast.trajectories import Trajectory
from benchmarks.forecast.views import DEFAULT, FACTORS
from pinnrun.koopman import FORECASTERS
from pinnrun.koopman.regime import Regime

GROUPS: Mapping[str, Sequence[str]] = {
    "held": ("held",),
    "further": ("further",),
    "fit": ("fit",),
    "all": ("fit", "held", "further"),
}
CLOCKS = ("steps", "rate", "evaluations")
POLICIES = ("damped_trend", "pooled_trend", "last_value")  # whose verdicts are replayed beside those of the default


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        table: trainings, error, clock, coverage, brier, reliability, policy or cost.
        group: "held", "further", "fit" or "all" of them.
        method: the forecaster, or the clock.
        subset: "all", a regime, a family, a horizon or a bin.
        measure: what the value is.
        value: the figure.
        count: of windows, questions or networks behind it.
    """

    table: str
    group: str
    method: str
    subset: str
    measure: str
    value: float
    count: int


class Key(NamedTuple):
    """What a figure is asked for by."""

    table: str
    group: str
    method: str
    subset: str
    measure: str


class Figures:
    """The figures by key."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        self._found = {Key(r.table, r.group, r.method, r.subset, r.measure): r for r in self.rows}

    def get(self, *key: str) -> Row | None:
        """The row of that table, group, method, subset and measure."""
        return self._found.get(Key(*key))

    def methods(self, table: str) -> list[str]:
        """The methods of a table, in order."""
        return list(dict.fromkeys(row.method for row in self.rows if row.table == table))


def write(path: Path, rows: Sequence[Row]) -> None:
    """Replace the CSV file."""
    write_csv(path, [asdict(row) for row in rows])


def read(path: Path) -> Figures:
    """The figures of a CSV file."""
    with path.open(newline="") as file:
        rows = [
            Row(**{**line, "value": float(line["value"]), "count": int(line["count"])}) for line in csv.DictReader(file)
        ]
    return Figures(rows)


def evaluate(trajectories: Sequence[Trajectory], weights: bool, tell: Callable[[str], None]) -> list[Row]:
    """Everything but the cost.

    Args:
        trajectories: the trainings.
        weights: whether the forecaster of weights is asked too; it needs the run folders.
        tell: shown what is being done.
    """
    complete = sum(trajectory.complete for trajectory in trajectories)
    rows = [Row("trainings", "all", "", "all", "complete", complete, len(trajectories))]
    tell("errors of every forecaster")
    rows += error_rows(trajectories, [name for name in FORECASTERS if weights or name != "weights"])
    tell("clocks")
    rows += clock_rows(trajectories)
    tell("bands")
    rows += coverage_rows(trajectories)
    tell("probabilities")
    rows += chance_rows(trajectories)
    for name in dict.fromkeys((DEFAULT, *POLICIES)):
        tell(f"the policy with {name}")
        rows += policy_rows(trajectories, name)
    return rows


def error_rows(trajectories: Sequence[Trajectory], forecasters: Sequence[str]) -> list[Row]:
    """By forecaster and horizon; over all windows, by regime and by family."""
    found = errors.errors(trajectories, forecasters, loss_of=errors.trained_loss)
    subsets: dict[str, Callable[[errors.Error], bool]] = {"all": lambda item: True}
    for regime in Regime:
        subsets[regime.value] = lambda item, value=regime.value: item.regime == value
    for family in FAMILIES:
        subsets[family] = lambda item, value=family: item.trajectory.family == value
    rows = []
    for group, names in GROUPS.items():
        for forecaster in forecasters:
            for subset, belongs in subsets.items():
                inside = [
                    item
                    for item in found
                    if item.forecaster == forecaster and item.trajectory.group in names and belongs(item)
                ]
                rows += _by_horizon("error", group, forecaster, subset, inside)
    return rows


def clock_rows(trajectories: Sequence[Trajectory]) -> list[Row]:
    """The default forecaster on every clock, where it matters: under a schedule, and where steps differ in price."""
    rows = []
    for family in ("cosine", "lbfgs", "ssbroyden", "lm"):
        chosen = [item for item in trajectories if item.family == family]
        found = errors.errors(chosen, [DEFAULT], CLOCKS)
        for clock in CLOCKS:
            rows += _by_horizon("clock", "all", clock, family, [item for item in found if item.clock == clock])
    return rows


def _by_horizon(table: str, group: str, method: str, subset: str, found: Sequence[errors.Error]) -> list[Row]:
    rows = []
    for factor in FACTORS:
        numbers = errors.summary([item for item in found if item.factor == factor])
        count = int(numbers["count"])
        rows += [
            Row(table, group, method, subset, f"{name} {factor}x", numbers[name], count)
            for name in ("median", "p90", "bias")
            if count
        ]
    return rows


def coverage_rows(trajectories: Sequence[Trajectory]) -> list[Row]:
    """How often the 80 % band holds the truth: as shipped, and with its law measured without the problem."""
    found = chances.bands(trajectories)
    rows = []
    for group, names in GROUPS.items():
        for factor in (*FACTORS, None):
            inside = [b for b in found if b.trajectory.group in names and factor in (None, b.factor)]
            if not inside:
                continue
            subset = "all" if factor is None else f"{factor}x"
            holds = float(np.mean([band.holds for band in inside]))
            rows.append(Row("coverage", group, DEFAULT, subset, "shipped", holds, len(inside)))
            if group == "all" and (left := chances.left_out(inside)):
                rows.append(Row("coverage", group, DEFAULT, subset, "left out", float(np.mean(left)), len(left)))
    return rows


def chance_rows(trajectories: Sequence[Trajectory]) -> list[Row]:
    """Brier scores and the reliability table."""
    found = chances.chances(trajectories)
    rows = []
    for group, names in GROUPS.items():
        inside = [item for item in found if item.trajectory.group in names]
        for measure, score in (("brier", chances.brier), ("climatology", chances.climatology)):
            rows.append(Row("brier", group, DEFAULT, "all", measure, score(inside), len(inside)))
        for number, cell in enumerate(chances.reliability(inside)):
            rows.append(Row("reliability", group, DEFAULT, str(number), "said", cell.said, cell.count))
            rows.append(Row("reliability", group, DEFAULT, str(number), "came", cell.came, cell.count))
    return rows


def policy_rows(trajectories: Sequence[Trajectory], forecaster: str) -> list[Row]:
    """False stops and what is spent in vain."""
    rows = []
    found = policy.replays(trajectories, forecaster=forecaster)
    for group, names in GROUPS.items():
        inside = [item for item in found if item.trajectory.group in names]
        reachable = sum(item.reached is not None for item in inside)
        stops, wasted = policy.false_stops(inside), policy.wasted(inside)
        rows.append(Row("policy", group, forecaster, "all", "false stops", stops, reachable))
        rows.append(Row("policy", group, forecaster, "all", "spent in vain", wasted, len(inside) - reachable))
    return rows
