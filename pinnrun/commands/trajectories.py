"""Trajectories of saved runs, found by name or pattern and brought to common steps, so that they can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from math import lcm
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pinnrun import storage
from pinnrun.commands.train import saved_config
from pinnrun.errors import UserError

Observable = Literal["weights", "loss", "log_loss"]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One stage of one run.

    Attributes:
        folder, stage: where it comes from.
        config: the run's config; its width and depth are where the run started.
        architecture: the stage's network in plain values.
        steps: (T,) steps of the stage, increasing.
        samples: (T, P) the observable at these steps.
        loss: the last one of the stage.
    """

    folder: Path
    stage: int
    config: Any
    architecture: dict[str, Any]
    steps: np.ndarray
    samples: np.ndarray
    loss: float

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"{self.folder}, stage {self.stage}"

    @property
    def interval(self) -> int:
        """Steps between two samples, where none is missing."""
        return int(np.gcd.reduce(np.diff(self.steps)))


# -- finding ---------------------------------------------------------------------------------------------------------


def find_runs(words: Sequence[str]) -> tuple[list[storage.Run], list[Path]]:
    """The runs with windows that are named: run folders, folders with runs below, patterns of both; and those without.

    Raises:
        UserError: a word names no run, or a run that has no windows.
    """
    found: dict[Path, storage.Run] = {}
    empty = []
    for folder, named in (pair for word in words for pair in _folders(word)):
        run = storage.open_run(folder)
        if run.windows:
            found.setdefault(folder.resolve(), run)
        elif named:
            raise UserError(f"{folder} has no windows yet; wait for the first, or leave it out of runs=[…]")
        else:
            empty.append(folder)
    return list(found.values()), empty


def _folders(word: str) -> Iterator[tuple[Path, bool]]:
    """Run folders that a word stands for, and whether it names them one by one."""
    pattern = has_magic(word) and not Path(word).exists()
    paths = [Path(path) for path in sorted(glob(word))] if pattern else [Path(word)]
    count = 0
    for path in paths:
        alone = storage.is_run(path) or not (pattern or path.is_dir())  # what is no folder is refused when it is opened
        for folder in [path] if alone else storage.runs_below(path):
            count += 1
            yield folder, alone and not pattern
    if not count:
        raise UserError(
            f"runs: no run {'matches' if pattern else 'lies in'} {word}.\n"
            "Give run folders, a folder that holds them, or a pattern: runs=[outputs/sweeps/poisson]"
        )


def read(run: storage.Run, wanted: int | str, observable: Observable) -> list[Trajectory]:
    """The stages of a run that are wanted: a number, "last" or "all" (of which those with two samples at least).

    Raises:
        UserError: there is no such stage, it has too few samples, or a loss without logarithm.
    """
    stages = run.growth[-1:] if wanted == "last" else run.stages
    if isinstance(wanted, int):
        stages = [stage for stage in stages if stage.number == wanted]
        if not stages:
            there = ", ".join(str(stage.number) for stage in run.stages)
            raise UserError(f"stage: {run.folder} has no stage {wanted}; it has {there}")
    config = saved_config(run)
    found = [_trajectory(run, stage, config, observable) for stage in stages]
    if wanted == "all":
        return [trajectory for trajectory in found if len(trajectory.steps) > 1]
    for trajectory in found:
        if len(trajectory.steps) < 2:
            advice = "observable=loss takes every step" if observable == "weights" else "train it for longer"
            raise UserError(f"{trajectory.name} has {len(trajectory.steps)} samples of the {observable}; {advice}")
    return found


def _trajectory(run: storage.Run, stage: storage.Stage, config: Any, observable: Observable) -> Trajectory:
    columns = stage.columns
    if observable == "weights":
        steps, samples = stage.weight_steps, stage.weights
    else:
        steps, samples = columns["step"], columns["loss"][:, None]
    if observable == "log_loss":
        if np.any(samples <= 0):
            raise UserError(f"{run.folder} has a loss that is not positive (an energy); use observable=loss")
        samples = np.log10(samples)
    if not np.isfinite(samples).all():
        raise UserError(f"{run.folder}, stage {stage.number}: the {observable} are not all finite; leave it out")
    before = stage.first_step - 1
    architecture = dict(stage.architecture)
    last = float(columns["loss"][-1])
    return Trajectory(run.folder, stage.number, config, architecture, steps - before, samples, last)


# -- common steps ----------------------------------------------------------------------------------------------------


def common_steps(
    trajectories: Sequence[Trajectory], wanted: tuple[int, int] | None = None, every: int | None = None
) -> np.ndarray:
    """The steps that all trajectories are compared at, (T,): those that all have within `wanted`.

    Eigenvalues belong to an interval, so the interval is one for all: `every`, or the least that all of them can make.

    Raises:
        UserError: no such steps; names the trajectory that lacks them.
    """
    interval = every or lcm(*(trajectory.interval for trajectory in trajectories))
    for trajectory in trajectories:
        if interval % trajectory.interval:
            raise UserError(
                f"every: {trajectory.name} has a sample each {trajectory.interval} steps; "
                f"give a multiple of that, every={trajectory.interval}"
            )
    shortest = min(trajectories, key=lambda trajectory: trajectory.steps[-1])
    latest = max(trajectories, key=lambda trajectory: trajectory.steps[0])
    first, last = int(latest.steps[0]), int(shortest.steps[-1])
    if wanted is not None:
        if wanted[1] > last:
            raise UserError(
                f"steps: {shortest.name} ends at step {last}, before {wanted[1]}; leave it out, or stop there"
            )
        first, last = max(first, wanted[0]), wanted[1]
    return np.arange(-(-first // interval) * interval, last + 1, interval)


def taken_at(trajectory: Trajectory, steps: np.ndarray) -> np.ndarray:
    """The samples at these steps, (T, P).

    Raises:
        UserError: one is missing.
    """
    places = np.minimum(np.searchsorted(trajectory.steps, steps), len(trajectory.steps) - 1)
    missing = steps[trajectory.steps[places] != steps]
    if len(missing):
        before = trajectory.steps[trajectory.steps < missing[0]]
        good = f"steps=[{steps[0]},{before[-1]}]" if len(before) > 1 else f"steps=[{missing[-1] + 1},{steps[-1]}]"
        raise UserError(
            f"{trajectory.name} has no sample at step {missing[0]}: a window is missing, or was cut short.\n"
            f"Compare other steps, such as {good}, or leave the run out."
        )
    return trajectory.samples[places]
