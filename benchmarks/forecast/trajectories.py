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
        group: "fit" or "held".
        family: kind of training, a key of ``FAMILIES``.
        parameters: of the network.
        step: (n,) step counts from 1, without gaps.
        loss: (n,) training loss: after the step, of first-order methods before it.
        merit: (n,) loss on the fixed evaluation set, NaN where it was not measured.
        rate: (n,) learning rate, NaN where the method has none.
        evaluations: (n,) residual evaluations of each step.
        seconds: (n,) CPU seconds since the start of the run.
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
    seconds: Array
    folder: Path

    def __len__(self) -> int:
        return len(self.step)

    def weights(self, until: int | None = None, last: int | None = None) -> tuple[Array, Array]:
        """Steps (k,) and weights (k, P) of the snapshots up to step ``until``; the ``last`` so many of them."""
        stage = storage.open_run(self.folder).stages[0]
        steps = stage.weight_steps
        stop = len(steps) if until is None else int(np.searchsorted(steps, until, side="right"))
        first = 0 if last is None else max(0, stop - last)
        return steps[first:stop], stage.weights[first:stop]


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
    stage = storage.open_run(folder).stages[0]
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
        seconds=columns["seconds"],
        folder=folder,
    )
