"""The results as CSV files, and what is said of them: medians, and where a rule loses to no change."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from benchmarks.koopman.measure import HORIZONS, Row, StageRow


def read_rows(folder: Path) -> list[Row]:
    """The forecasts that have been measured."""
    return _read(folder / "koopman.csv", Row)


def read_stages(folder: Path) -> list[StageRow]:
    """The stages of the run that grew."""
    return _read(folder / "koopman_stages.csv", StageRow)


def read_costs(folder: Path) -> list[dict[str, Any]]:
    """The costs, numbers as numbers."""
    path = folder / "koopman_cost.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            {key: value if key == "what" else float(value) for key, value in line.items()}
            for line in csv.DictReader(file)
        ]


def _read(path: Path, kind: type) -> list[Any]:
    if not path.exists():
        return []
    hints = get_type_hints(kind)
    with path.open(newline="") as file:
        return [kind(**{key: hints[key](value) for key, value in line.items()}) for line in csv.DictReader(file)]


def windows(rows: Sequence[Row]) -> dict[tuple[str, int, int], list[Row]]:
    """The rows of each forecast origin: one window of one run."""
    found: dict[tuple[str, int, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row.case, row.seed, row.origin), []).append(row)
    return found


def errors(rows: Sequence[Row], method: str, horizon: float) -> np.ndarray:
    """Decades too high, one number a window."""
    return np.array([row.error(method) for row in rows if row.horizon == horizon])


def loses_from(window: Sequence[Row], method: str) -> float:
    """The first horizon at which the rule's error exceeds that of no change; infinite if it never does."""
    worse = [row.horizon for row in window if abs(row.error(method)) > abs(row.error("last"))]
    return min(worse, default=np.inf)


def good_until(rows: Sequence[Row], method: str) -> float | None:
    """The last horizon up to which, from the first on, the rule's median error is no larger than that of no change."""
    best = None
    for horizon in HORIZONS:
        mine, none = (np.median(np.abs(errors(rows, name, horizon))) for name in (method, "last"))
        if mine > none:
            break
        best = horizon
    return best


def better_than_standing(rows: Sequence[Row], method: str, horizon: float) -> float:
    """Share of the windows in which the merit at forecast weights is below that at the origin: a gain for free."""
    return float(np.mean([getattr(row, method) < row.now for row in rows if row.horizon == horizon]))


def in_words(rows: Sequence[Row]) -> str:
    """One case in a line."""
    if not rows:
        return "stuck before its first origin"
    found = windows(rows)
    text = ", ".join(f"{loses_from(window, 'modes'):g} x from {key[2]}" for key, window in found.items())
    return f"{len(found)} windows, the modes lose to no change from {text}"
