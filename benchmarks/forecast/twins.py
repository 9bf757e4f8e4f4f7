"""What could be known: forecasts by twins, trainings that differ from the one at hand in nothing but the seed.

    python -m benchmarks.forecast twins

Twins have the same network, problem, points' number and optimizer; weights and points are drawn anew. At step n of a
training its twins tell how theirs went on, to the end. That is more than any forecaster sees, so what twins miss by is
what chance alone makes of a loss curve: where it is above an aim, no forecaster can be asked to meet that. Four guesses
from K twins of losses y_k (log10), each the median over them:

    level      y(t) = y_k(t)
    descent    y(t) = y(n) + y_k(t) − y_k(n)
    pace       y(t) = y_k(m + t − n), with m the step by which y_k has come down to y(n)
    all        the mean of these three
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.forecast.cases import Case
from benchmarks.forecast.errors import WORST, Error, errors, summary
from benchmarks.forecast.trajectories import Trajectory, load
from benchmarks.forecast.views import DEFAULT, FACTORS, decades, truth

TWINS = 3
APART = 100  # between the seeds of twins
GUESSES = ("level", "descent", "pace")


def twins_of(cases: Sequence[Case], number: int) -> list[Case]:
    """The same trainings with other seeds; all are named as before, so that each lot has a folder of its own."""
    return [replace(case, seed=case.seed + APART * number) for case in cases]


def folders(runs: Path) -> list[Path]:
    """Where the lots lie."""
    return [runs.with_name(f"{runs.name}_twins") / str(number) for number in range(1, TWINS + 1)]


def beside(cases: Sequence[Case], runs: Path) -> Mapping[str, list[Trajectory]]:
    """The twins that there are, by the name of their case."""
    found: dict[str, list[Trajectory]] = {}
    for folder in folders(runs):
        for trajectory in load(folder, cases):
            found.setdefault(trajectory.name, []).append(trajectory)
    return found


def compare(trajectories: Sequence[Trajectory], twins: Mapping[str, list[Trajectory]]) -> list[Error]:
    """Errors of every guess, and of the default forecaster, from windows and to horizons that all can tell of."""
    paired = [item for item in trajectories if twins.get(item.name)]
    found = []
    for error in errors(paired, [DEFAULT]):
        guesses = guess(error.trajectory, twins[error.trajectory.name], error.now, error.factor * error.now)
        if guesses is None:
            continue
        actual = truth(error.trajectory, error.factor * error.now)
        found.append(error)
        found += [
            replace(error, forecaster=name, error=float(np.clip(value - actual, -WORST, WORST)))
            for name, value in guesses.items()
        ]
    return found


def guess(own: Trajectory, twins: Sequence[Trajectory], now: int, at: int) -> Mapping[str, float] | None:
    """y(t) by every guess; None where no twin has so many steps."""
    long = [twin for twin in twins if len(twin) >= at]
    if not long:
        return None
    level = truth(own, now)
    ends = np.array([truth(twin, at) for twin in long])
    begun = np.array([truth(twin, now) for twin in long])
    told = {"level": float(np.median(ends)), "descent": level + float(np.median(ends - begun))}
    told["pace"] = float(np.median([at_pace(twin, level, at - now) for twin in long]))
    return {**told, "all": float(np.mean([told[name] for name in GUESSES]))}


def at_pace(twin: Trajectory, level: float, ahead: int) -> float:
    """Y of the twin so many steps after it has come down to that level; at its end where it has no more steps."""
    below = np.flatnonzero(decades(twin.loss) <= level)
    met = int(below[0]) + 1 if len(below) else len(twin)
    return truth(twin, min(met + ahead, len(twin)))


def tables(found: Sequence[Error]) -> Iterator[str]:
    """A line for every group, phase and guess: median error at every horizon."""
    for group in dict.fromkeys(item.trajectory.group for item in found):
        for phase in ("all", "steady"):
            inside = [item for item in found if item.trajectory.group == group and phase in ("all", item.regime)]
            for name in (DEFAULT, *GUESSES, "all"):
                mine = [item for item in inside if item.forecaster == name]
                cells = [summary([item for item in mine if item.factor == factor]) for factor in FACTORS]
                told = " / ".join(f"{cell['median']:.2f} ({cell['count']:.0f})" for cell in cells)
                yield f"{group}, {phase} windows, {name}: {told}"
