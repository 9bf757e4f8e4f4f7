"""Read a run folder, running, finished or killed: its windows count, the index may be missing or stale."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pinnrun.errors import UserError
from pinnrun.storage import checkpoint, index, status
from pinnrun.storage.index import Index, read_index
from pinnrun.storage.lock import lock_holder
from pinnrun.storage.status import read_result, read_status
from pinnrun.storage.window import FOLDER, Layout, Window, WindowFile, list_windows, read_window


@dataclass(frozen=True)
class Stage:
    """The windows between two growths; arrays are read from disk when first asked for, then kept.

    Attributes:
        number: number of the stage, from 0.
        windows: its windows by number.
        record: what the index says of it (width, depth, seconds, decision ...); empty while the index lags.
    """

    number: int
    windows: tuple[WindowFile, ...]
    record: Mapping[str, Any]

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """The columns of all its windows end to end, (n,) each; NaN where a window lacks one.

        Raises:
            UserError: a window is damaged; names it.
        """
        names = dict.fromkeys(name for window in self._rows for name in window.columns)
        return {name: np.concatenate([_column(window, name) for window in self._rows]) for name in names}

    @cached_property
    def weights(self) -> np.ndarray:
        """The snapshots of all its windows, (k, P).

        Raises:
            UserError: a window is damaged or has another number of parameters; names it.
        """
        parts = [weights for _, weights in self._snapshots]
        for entry, part in zip(self.windows, parts, strict=True):
            if part.shape[1] != parts[0].shape[1]:
                raise UserError(
                    f"{entry.path} has {part.shape[1]} parameters; "
                    f"stage {self.number} began with {parts[0].shape[1]}.\n"
                    "It does not belong to this run; delete it."
                )
        return np.concatenate(parts)

    @cached_property
    def weight_steps(self) -> np.ndarray:
        """Run-global steps of the snapshots in `weights`, (k,)."""
        return np.concatenate([steps for steps, _ in self._snapshots])

    @property
    def first_step(self) -> int:
        """Run-global step with which it began, though the window of it may be missing."""
        return int(self.record.get("first_step") or self._rows[0].first_step)

    @property
    def layout(self) -> Layout:
        """Names and shapes that unflatten a row of `weights`."""
        return self._rows[0].layout

    @property
    def architecture(self) -> Mapping[str, int | float | str]:
        """Plain values that describe the network."""
        return self._rows[0].architecture

    @cached_property
    def _snapshots(self) -> list[tuple[np.ndarray, np.ndarray]]:
        windows = (read_window(entry.path) for entry in self.windows)
        return [(window.weight_steps, window.weights) for window in windows]

    @cached_property
    def _rows(self) -> tuple[Window, ...]:
        return tuple(read_window(entry.path, weights=False) for entry in self.windows)


@dataclass(frozen=True)
class Run:
    """A run folder as it stood when it was opened; the parts are read when first asked for.

    Attributes:
        folder: the run folder.
        windows: its windows by number.
    """

    folder: Path
    windows: tuple[WindowFile, ...]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that have windows, in order."""
        records = dict(enumerate(self._index.stages))
        numbers = sorted({entry.stage for entry in self.windows})
        return tuple(
            Stage(
                number,
                tuple(entry for entry in self.windows if entry.stage == number),
                records.get(number, {}),
            )
            for number in numbers
        )

    @property
    def growth(self) -> tuple[Stage, ...]:
        """The stages up to that which met the target first; those after it trained what was pruned from it."""
        met = [at for at, stage in enumerate(self.stages) if stage.record.get("decision") == "prune"]
        return self.stages[: met[0] + 1] if met else self.stages

    @cached_property
    def decisions(self) -> tuple[Mapping[str, Any], ...]:
        """One record a window; without those of windows that were dropped after the index was written."""
        last = self.windows[-1].number if self.windows else -1
        return tuple(record for record in self._index.decisions if record.get("window", -1) <= last)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, config, command, machine, seed, commit, start time; empty without an index."""
        return self._index.provenance

    @property
    def run_id(self) -> str:
        """Identity of the run; "" without an index."""
        return self._index.run_id

    @cached_property
    def status(self) -> dict[str, Any]:
        """What status.json says; empty without one."""
        return read_status(self.folder) or {}

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """What result.json says; None while there is no result."""
        return read_result(self.folder)

    @property
    def state(self) -> str:
        """The state in status.json; "killed" where that is "running" and no living process has the lock."""
        if lock_holder(self.folder):
            return "running"
        state = self.status.get("state", "running")
        return "killed" if state == "running" else state

    @property
    def gaps(self) -> tuple[int, ...]:
        """Numbers of windows that are missing between the first and the last one."""
        present = {entry.number for entry in self.windows}
        return tuple(
            number for number in range(min(present, default=0), max(present, default=0)) if number not in present
        )

    @cached_property
    def _index(self) -> Index:
        return read_index(self.folder) if (self.folder / index.NAME).exists() else Index()


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Open a run folder to read it; takes no lock and may be called while the run goes on.

    Raises:
        UserError: there is no such folder, or it is not a run folder.
    """
    folder = Path(folder)
    if not is_run(folder):
        raise UserError(
            f"{folder} is not a run folder{'' if folder.exists() else ': it does not exist'}.\n"
            f"A run folder holds {index.NAME}, {status.STATUS} or {FOLDER}/; runs lie under outputs/."
        )
    return Run(folder, list_windows(folder))


def is_run(folder: str | os.PathLike[str]) -> bool:
    """Whether the folder holds at least one file that only a run writes."""
    names = (index.NAME, status.STATUS, FOLDER, checkpoint.NAME, checkpoint.PREVIOUS)
    return any((Path(folder) / name).exists() for name in names)


def _column(window: Window, name: str) -> np.ndarray:
    missing = np.full(len(window.columns["step"]), np.nan)
    return window.columns.get(name, missing)
