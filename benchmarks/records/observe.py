"""One training with pinnrun's own runner, whose error is looked at on a grid of times that grows geometrically.

Looking takes no time: the run's clock is set back by what the measurement took. It shows seconds of a machine that is
left alone (`benchmarks.pace`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from benchmarks.pace import PacedClock, pace
from benchmarks.records.rows import Job
from pinnrun.build import checked_config, make_runner
from pinnrun.display import Progress, QuietDisplay
from pinnrun.run.runner import Runner
from pinnrun.training.solution import Assessor

BRIEF = 12  # rounds of the probe at a look
FIRST, RATIO = 0.1, 1.12  # seconds of the first look, and from each to the next


@dataclass(frozen=True)
class Look:
    """What was seen at one time; ``end`` says how the run ended, on its last look only."""

    seconds: float
    step: int
    loss: float
    error: float
    end: str = ""


@dataclass(frozen=True)
class Trace:
    """A finished training."""

    parameters: int
    looks: list[Look]


class Enough(Exception):
    """The error is below what the run may stop at."""


class Observer(QuietDisplay):
    """A display that shows nothing and measures the error as time goes by.

    Args:
        measure: "relative", "rms" or "observables", as in ``Row``.
        stop: error at which the run may end.
    """

    runner: Runner

    def __init__(self, measure: str, stop: float) -> None:
        self.measure, self.stop, self.pace = measure, stop, pace()
        self.looks: list[Look] = []
        self.target_seen = False  # whether the target has been met and seen: smaller networks may follow
        self._error: Callable[[], float] | None = None
        self._next = FIRST
        self._latest: Progress | None = None

    def watch(self, runner: Runner, clock: PacedClock | None = None) -> None:
        """Look at this run, by a paced clock that starts now or was started before the runner was built."""
        self.runner, runner.clock = runner, clock or PacedClock(pace=self.pace)

    def update(self, progress: Progress) -> None:
        """Called after every step."""
        self._latest = progress
        met = self.runner.trainer.arrived and not self.target_seen
        if progress.seconds >= self._next or met:
            self.target_seen = self.target_seen or met
            self.look()
            self._next = max(self._next * RATIO, progress.seconds)
            if self.looks[-1].error <= self.stop:
                raise Enough

    def look(self, end: str = "") -> None:
        """Measure the error of the present field, off the clock."""
        assert self._latest is not None
        cpu, wall = self.runner.clock.cpu, self.runner.clock.wall
        at = self._latest
        self.looks.append(Look(at.seconds, at.step, at.loss, self._measured(), end))
        self.pace = pace(BRIEF)
        self.runner.clock = PacedClock(cpu, wall, self.pace)

    def _measured(self) -> float:
        if self._error is None:
            self._error = self._prepare()
        return self._error()

    def _prepare(self) -> Callable[[], float]:
        trainer = self.runner.trainer
        assessor = Assessor(trainer.problem, trainer.test_points)
        if self.measure == "observables":
            return lambda: max(item["error"] for item in assessor.observables(trainer.solution).values())
        reference = trainer.problem.reference()
        assert reference is not None, "a record is an error against a reference"
        exact = reference.field(trainer.test_points.x[0].numpy())
        scale = float(np.sqrt(np.mean(exact**2))) if self.measure == "rms" else 1.0

        def error() -> float:
            relative = assessor.error(trainer.solution)
            assert relative is not None
            return scale * relative

        return error


def train(job: Job) -> Trace:
    """Run a job to its end and return what was seen."""
    observer = Observer(job.row.measure, job.row.stop)
    runner = watched(job.config(), observer)
    return Trace(runner.trainer.network.size, observer.looks)


def watched(composed: Any, observer: Observer) -> Runner:
    """Run a composed config to its end, in a folder that is thrown away, with a last look there."""
    with tempfile.TemporaryDirectory(prefix="pinnrun-watched-") as folder:
        runner = make_runner(checked_config(composed), Path(folder), OmegaConf.to_yaml(composed), observer)
        observer.watch(runner)
        try:
            end = str(runner.run()[0])
        except Enough:
            end = "enough"
        observer.look(end)
    return runner
