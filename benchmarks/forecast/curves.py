"""The trajectories' curves in one small file, so that the tables can be made again without the training.

Every step is kept. Logarithms are rounded to 1/2000 of a decade and stored as differences from step to step, which
zlib makes small; weights are not kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forecast.trajectories import Array, Trajectory

GRAIN = 2000  # steps of rounding in a decade
SMALLEST = 1e-300  # what a loss of zero is kept as
COLUMNS = ("loss", "merit", "rate", "promise", "seconds")  # kept as logarithms; evaluations as they are
TEXTS = ("name", "problem", "group", "family")
PLAIN = ("parameters", "complete")


def save(path: Path, trajectories: Sequence[Trajectory]) -> None:
    """Replace the file."""
    arrays: dict[str, Any] = {name: np.array([getattr(t, name) for t in trajectories]) for name in TEXTS}
    for name in PLAIN:
        arrays[name] = np.array([getattr(t, name) for t in trajectories])
    for number, trajectory in enumerate(trajectories):
        arrays[f"{number}/evaluations"] = differences(trajectory.evaluations.astype(np.int64))
        for name in COLUMNS:
            arrays |= {f"{number}/{name}/{key}": value for key, value in packed(getattr(trajectory, name)).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.npz")
    np.savez_compressed(temporary, **arrays)
    os.replace(temporary, path)


def load(path: Path) -> list[Trajectory]:
    """The trajectories, without run folders: what asks for weights must do without."""
    with np.load(path, allow_pickle=False) as arrays:
        found = []
        for number in range(len(arrays["name"])):
            evaluations = np.cumsum(arrays[f"{number}/evaluations"], dtype=np.int64)
            told: dict[str, Any] = {name: str(arrays[name][number]) for name in TEXTS}
            told |= {
                name: unpacked(arrays[f"{number}/{name}/at"], arrays[f"{number}/{name}/steps"], len(evaluations))
                for name in COLUMNS
            }
            step = np.arange(1, len(evaluations) + 1)
            told |= {name: arrays[name][number].item() for name in PLAIN}
            told |= {"step": step, "evaluations": evaluations, "folder": Path()}
            found.append(Trajectory(**told))
    return found


def rounded(trajectory: Trajectory) -> Trajectory:
    """The trajectory as it comes back from the file."""
    columns = {}
    for name in COLUMNS:
        parts = packed(getattr(trajectory, name))
        columns[name] = unpacked(parts["at"], parts["steps"], len(trajectory))
    return replace(trajectory, **columns, folder=Path())


def packed(values: Array) -> dict[str, Array]:
    """Where the values are finite (empty: everywhere), and the differences of their rounded logarithms."""
    known = np.isfinite(values)
    logs = np.rint(GRAIN * np.log10(np.maximum(values[known], SMALLEST))).astype(np.int64)
    at = np.zeros(0, np.int32) if known.all() else differences(np.flatnonzero(known) + 1)
    return {"at": at, "steps": differences(logs)}


def unpacked(at: Array, steps: Array, count: int) -> Array:
    """The values (count,) again, NaN where they were not finite."""
    values = 10.0 ** (np.cumsum(steps, dtype=np.int64) / GRAIN)
    if len(steps) == count:
        return values
    whole = np.full(count, np.nan)
    whole[np.cumsum(at, dtype=np.int64) - 1] = values
    return whole


def differences(values: Array) -> Array:
    """From each to the next, the first from zero, in the smallest type that holds them."""
    steps = np.diff(values, prepend=0)
    for kind in (np.int8, np.int16, np.int32):
        bounds = np.iinfo(kind)
        if not len(steps) or (steps.min() >= bounds.min and steps.max() <= bounds.max):
            return steps.astype(kind)
    return steps
