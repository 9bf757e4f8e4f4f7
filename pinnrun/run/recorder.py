"""The recorder: gathers the rows of a window; writes windows, index and what a checkpoint needs into the run folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnrun import storage
from pinnrun.architectures import Network
from pinnrun.config import Config, plugin_words
from pinnrun.storage import State

Row = dict[str, float]
INTEGERS = {"step": np.int64, "evaluations": np.int64, "accepted": np.int8}


class Recorder:
    """What a run leaves on disk; everything is replaced atomically, so that a kill loses at most the open window.

    Args:
        folder: the run folder.
        provenance: as ``storage.collect_provenance`` gives it.
        config: the checked config.
    """

    def __init__(self, folder: Path, provenance: dict[str, Any], config: Config) -> None:
        self.folder, self.provenance, self.plugins = folder, provenance, config.plugins
        self.dtype, self.index_every = config.storage.dtype, config.storage.index_every
        self.window = 0  # number of the window being gathered
        self.rows: list[Row] = []
        self.snapshots: list[tuple[int, torch.Tensor]] = []
        self.stages: list[dict[str, Any]] = []
        self.decisions: list[str] = []
        self.indexed = 0  # how many of them run.h5 has

    def add(self, row: Row, parameters: torch.Tensor | None) -> None:
        """One step; ``parameters`` where a snapshot is due."""
        self.rows.append(row)
        if parameters is not None:
            self.snapshots.append((int(row["step"]), parameters.clone()))

    def close_window(self, stage: int, network: Network) -> None:
        """Write the gathered rows, if there are any, as one immutable file and begin the next."""
        if not self.rows:
            return
        names = self.rows[0]
        columns = {name: np.array([row[name] for row in self.rows], INTEGERS.get(name, np.float64)) for name in names}
        weights = [theta.numpy() for _, theta in self.snapshots]
        window = storage.Window(
            stage=stage,
            number=self.window,
            first_step=int(columns["step"][0]),
            columns=columns,
            weights=np.array(weights) if weights else np.empty((0, network.size)),
            weight_steps=np.array([step for step, _ in self.snapshots], np.int64),
            layout=network.layout.shapes,
            architecture={**network.describe(), "parameters": network.size},
        )
        storage.write_window(self.folder, window, dtype="float32" if self.dtype == "float32" else None)
        self.window += 1
        self.rows, self.snapshots = [], []

    def decide(self, record: dict[str, Any], stage: dict[str, Any]) -> None:
        """Note a decision and the present stage's record; the index follows every few windows."""
        self.decisions.append(storage.encode_decision(record))
        self.stages[record["stage"] :] = [stage]
        due = max(self.index_every, len(self.decisions) // 10)  # the price of an index grows with the run
        if len(self.decisions) - self.indexed >= due:
            self.write_index()

    def write_index(self) -> None:
        """Replace run.h5."""
        storage.write_index(
            self.folder,
            run_id=self.provenance["run_id"],
            provenance=self.provenance,
            stages=self.stages,
            decisions=self.decisions,
        )
        self.indexed = len(self.decisions)

    def keep_rows(self, count: int) -> None:
        """Forget the open window's rows after the first ``count`` (training rewinds to there)."""
        del self.rows[count:]
        last = self.rows[-1]["step"] if self.rows else -1
        self.snapshots = [(step, theta) for step, theta in self.snapshots if step <= last]

    def state(self) -> dict[str, Any]:
        """The open window and the story so far, for the checkpoint; without the decisions that run.h5 has."""
        return {
            "window": self.window,
            "rows": [dict(row) for row in self.rows],
            "snapshots": [[step, theta] for step, theta in self.snapshots],
            "stages": [dict(stage) for stage in self.stages],
            "decisions": self.decisions[self.indexed :],
            "indexed": self.indexed,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved story; windows on disk that were written after it will be written again."""
        self.window = state["window"]
        self.rows = list(state["rows"])
        self.snapshots = [(step, theta) for step, theta in state["snapshots"]]
        self.stages, self.indexed = list(state["stages"]), state["indexed"]
        earlier = storage.read_index(self.folder).decisions[: self.indexed]
        self.decisions = [*map(storage.encode_decision, earlier), *state["decisions"]]
        storage.drop_windows_from(self.folder, self.window)

    def history(self, stage: int) -> Iterator[Row]:
        """The rows of a stage from its windows on disk."""
        for path in self._windows(stage):
            columns = storage.read_window(path, weights=False).columns
            for values in zip(*columns.values(), strict=True):
                yield dict(zip(columns, map(float, values), strict=True))

    def latest_weights(self, stage: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps (k,) and weights (k, P) of the last ``count`` snapshots of a stage, from its windows on disk."""
        parts, found = [], 0
        for path in reversed(self._windows(stage)):
            window = storage.read_window(path)
            parts.append((window.weight_steps, window.weights))
            found += len(window.weight_steps)
            if found >= count:
                break
        steps, weights = zip(*reversed(parts), strict=True)
        return np.concatenate(steps)[-count:], np.concatenate(weights)[-count:]

    def _windows(self, stage: int) -> list[Path]:
        windows = storage.list_windows(self.folder)
        return [entry.path for entry in windows if entry.stage == stage and entry.number < self.window]

    def status(self, state: State, reason: str, step: int, stage: int) -> None:
        """Replace status.json."""
        resume = self.resume_command(state)
        storage.write_status(self.folder, state, reason=reason, step=step, stage=stage, resume=resume)

    def resume_command(self, state: State) -> str:
        """What to type to go on, "" where there is nothing to go on with.

        Plugins are named again, because a run folder may not run code by itself.
        """
        if not State(state).resumable:
            return ""
        return shlex.join(["pinnrun", "train", f"resume={self.folder}", *plugin_words(self.plugins)])
