"""docs/records.md from the results."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median

from benchmarks.records.results import Result
from benchmarks.records.rows import ROWS, Row
from pinnrun.storage.atomic import write_text


@dataclass(frozen=True)
class Suite:
    """Rows that are run, drawn and written up together.

    Attributes:
        name: of the CSV file, the figure and the page.
        rows: the problems by name.
        head: how the page begins, its figure included.
        notes: what is said below the recipes.
    """

    name: str
    rows: Mapping[str, Row]
    head: str
    notes: str


Found = dict[str, dict[str, list[Result]]]
"""Results by row and optimizer, one a seed."""

RECORDS_HEAD = """# Records

How close pinnrun comes to the best errors that have been published for physics-informed tanh networks, on **one thread
of a CPU**. This page is written by `python -m benchmarks.records`, from `benchmarks/results/records.csv`; a recipe is
repeated by `pinnrun train experiment=record_poisson2d seed=1` and its siblings, one for each row.

![Error against CPU seconds](../benchmarks/results/records.png)

## The recipes

"""
RECORDS_NOTES = """
Errors are taken against the closed form on 10 000 or more random points inside, none of them trained on; for
Poisson-Boltzmann the error is the largest of five relative errors, ½Σqφ and the reaction potential at each charge,
against the spectral solver. None of it is done during the time that is counted. "To the aim" is the time of the first
look at the error that found it at the aim or below; looks are 12 % apart. A run may end early, at a third of the aim.
The recipes' seconds were taken on an undisturbed core (but the third seed in 100 dimensions: CPU seconds of a busy
one); runs that were added later are told in seconds of the undisturbed core, by a probe beside every run
(`benchmarks/pace.py`). In five dimensions the fifth seed stops in a valley, at a loss of 3.5e-8, with `lm` and with
`dsgnar`; another start is the only cure that was found.
The published figures are the smallest errors in the authors' own logs; those of the natural-gradient papers are root
mean squares, divided here by that of the solution where the measure is relative. They were reached on GPUs, with other
numbers of points and seeds: they say what was within reach, not which optimizer is the fastest.
"""

RECORDS = Suite("records", ROWS, RECORDS_HEAD, RECORDS_NOTES)


def write_page(path: Path, found: Found, suite: Suite) -> None:
    """Replace the page."""
    rows = [row for row in suite.rows.values() if row.name in found]
    parts = [suite.head, _recipes(rows, found), suite.notes]
    if any(len(row.optimizers) > 1 for row in rows):
        parts += ["\n## All optimizers, same networks and points\n\n", _all(rows, found)]
    parts.append(f"\nMeasured on {machine()}.\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts))


def _recipes(rows: Sequence[Row], found: Found) -> str:
    lines = [
        "| problem | published best | aim | ours, median (worst) | to the aim, median (worst) | network | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        results = found[row.name].get(row.optimizer)
        if not results:
            continue
        parameters = f"{results[0].trace.parameters} parameters, {row.optimizer}"
        lines.append(
            f"| {_title(row)} ({unit(row)}) | {row.published:.1e}: {row.record} | {row.aim:.0e} in {row.seconds:g} s "
            f"| {_pair(results)} | {_times(row, results)} | {parameters} | {len(results)} |"
        )
    return "\n".join(lines) + "\n"


def _all(rows: Sequence[Row], found: Found) -> str:
    lines = [
        "| problem | optimizer | error, median (worst) | to the aim, median (worst) | seeds |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        for name in row.optimizers:
            results = found[row.name].get(name)
            if results:
                lines.append(f"| {_title(row)} | {name} | {_pair(results)} | {_times(row, results)} | {len(results)} |")
    return "\n".join(lines) + "\n"


def _title(row: Row) -> str:
    """The row's title, with bars that do not end a cell."""
    return row.title.replace("|", "\\|")


def unit(row: Row) -> str:
    """What the row's errors are, in a word or two."""
    return {"relative": "relative L²", "rms": "RMS", "observables": "worst observable"}[row.measure]


def _pair(results: Sequence[Result]) -> str:
    errors = [result.error for result in results]
    return f"{median(errors):.1e} ({max(errors):.1e})"


def _times(row: Row, results: Sequence[Result]) -> str:
    times = sorted(result.seconds_to(row.aim) for result in results)
    return f"{_seconds(median(times))} ({_seconds(times[-1])})"


def _seconds(value: float) -> str:
    return f"{value:.{0 if value >= 9.95 else 1}f} s" if isfinite(value) else "not reached"


def machine() -> str:
    """The processor and the versions that the times belong to."""
    import torch

    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, one thread, torch {torch.__version__}"
