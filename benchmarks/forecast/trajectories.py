"""The loss curves of the trained runs, as arrays; and the evenly thinned copy of them that is kept with the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.forecast.cases import CASES, Case
from pinnrun import storage

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One training, all of it with one network.

    Attributes:
        name: of the case and of the run folder.
        problem: short name of the problem.
        group: "fit", "held" or "further".
        family: kind of training, a key of ``FAMILIES``.
        parameters: of the network.
        step: (n,) step counts from 1, without gaps.
        loss: (n,) training loss: after the step, of first-order methods before it.
        merit: (n,) loss on the fixed evaluation set, NaN where it was not measured.
        rate: (n,) learning rate, NaN where the method has none.
        evaluations: (n,) residual evaluations of each step.
        promise: (n,) decades by which the linearization would lower the loss, NaN where it was not asked.
        seconds: (n,) CPU seconds since the start of the run.
        complete: whether it was trained to its end; what a target's fate is, is not known before.
        folder: the run folder, for the weights.
    """

    name: str
    problem: str
    group: str
    family: str
    parameters: int
    step: Array
    loss: Array
    merit: Array
    rate: Array
    evaluations: Array
    promise: Array
    seconds: Array
    complete: bool
    folder: Path

    def __len__(self) -> int:
        return len(self.step)

    def weights(self, until: int | None = None, last: int | None = None) -> tuple[Array, Array]:
        """Steps (k,) and weights (k, P) of the snapshots up to step ``until``; the ``last`` so many of them."""
        parts: list[tuple[Array, Array]] = []
        for entry in reversed(storage.list_windows(self.folder)):
            if until is not None and storage.read_window(entry.path, weights=False).first_step > until:
                continue
            window = storage.read_window(entry.path)
            inside = slice(None) if until is None else window.weight_steps <= until
            parts.insert(0, (window.weight_steps[inside], window.weights[inside]))
            if last is not None and sum(len(steps) for steps, _ in parts) >= last:
                break
        steps, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        return (steps, weights) if last is None else (steps[-last:], weights[-last:])


def load(folder: str | Path, cases: Sequence[Case] = CASES) -> list[Trajectory]:
    """What has been trained so far of these cases, in their order; runs without a complete window are left out."""
    found = []
    for case in cases:
        path = Path(folder) / case.name
        if storage.list_windows(path):
            found.append(read(case, path))
    return found


def read(case: Case, folder: Path) -> Trajectory:
    """One run folder, as far as it has been trained."""
    run = storage.open_run(folder)
    stage = run.stages[0]
    columns = stage.columns
    return Trajectory(
        name=case.name,
        problem=case.problem,
        group=case.group,
        family=case.family,
        parameters=int(stage.architecture["parameters"]),
        step=columns["step"],
        loss=columns["loss"],
        merit=columns["merit"],
        rate=columns["rate"],
        evaluations=columns["evaluations"],
        promise=columns.get("promise", np.full(len(columns["step"]), np.nan)),
        seconds=columns["seconds"],
        complete=len(columns["step"]) >= case.steps or run.state == "stalled",
        folder=folder,
    )
