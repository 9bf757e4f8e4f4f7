"""The cases, one run of one of them, and what is kept of it: a line a window."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from math import log10
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_csv
from benchmarks.settings import on_random_points
from pinnrun import storage
from pinnrun.build import checked_config, make_runner
from pinnrun.composition.confdir import compose
from pinnrun.display import QuietDisplay
from pinnrun.run.execute import execute
from pinnrun.training.leap import FAR, SHARE

WINDOW = 100  # steps between two looks at the merit
CHARGE = SHARE  # of a step, on every step of a run with jumps: what their attempts may cost at most
PLAIN, JUMPS = "none", "auto"
RATES = (1e-3, 3e-3, 1e-2, 3e-2)  # of Adam
COMMON = RATES[0]

SMALL = ("architecture.width=16", "architecture.depth=2", "problem.points=256")  # 337 parameters in two dimensions
CASES: dict[str, tuple[str, ...]] = {
    "oscillator": ("problem=oscillator", "architecture.width=10", "architecture.depth=2", "problem.points=256"),
    "exponential": ("problem=poisson_exponential", *SMALL),
    "allen_cahn": ("problem=allen_cahn", *SMALL),
    "helmholtz": ("problem=helmholtz", *SMALL),
    "heat1d": ("problem=heat1d", "architecture.width=30", "architecture.depth=2", "problem.points=256"),
    "poisson_fresh": ("problem=poisson", "problem.boundary_points=64", "sampling=resample", *SMALL),
}


@dataclass(frozen=True)
class Job:
    """One training: a case at a learning rate, with or without jumps."""

    case: str
    rate: float
    jumps: str
    seed: int
    steps: int

    def words(self) -> list[str]:
        """The command line."""
        return [
            *CASES[self.case],
            "optimizer=adam",
            f"optimizer.learning_rate={self.rate:g}",
            f"optimizer.pace.window={WINDOW}",
            f"koopman.acceleration={self.jumps}",
            f"seed={self.seed}",
            f"budget.steps={self.steps}",
            "budget.seconds=null",
            "scaleup=fixed",
            "target.loss=1e-30",
            "sampling.rows_per_parameter=0",
            "device=cpu",
            "display=quiet",
        ]


@dataclass(frozen=True)
class Look:
    """A run after so many steps; counts are from its start.

    Attributes:
        merit: the lowest so far, of the ends of windows: that of the network that the run would give.
        loss: of training, the median over the window.
        seconds: CPU seconds.
        attempts, accepted, undone: of jumps.
        far: accepted ones of `pinnrun.training.leap.FAR` steps or more.
    """

    step: int
    merit: float
    loss: float
    seconds: float
    attempts: int
    accepted: int
    undone: int
    far: int


@dataclass(frozen=True)
class Run:
    """A finished training."""

    job: Job
    looks: tuple[Look, ...]

    @property
    def last(self) -> Look:
        """The state at its end."""
        return self.looks[-1]

    def steps_to(self, merit: float) -> float:
        """Steps to the first look that is as good; infinite if there is none."""
        return next((look.step for look in self.looks if look.merit <= merit), float("inf"))


def gain(run: Run, plain: Run, what: str = "merit") -> float:
    """Decades below the plain run's end when as much has been spent: the jumps' steps count 1 + CHARGE each."""
    affordable = [look for look in run.looks if (1 + CHARGE) * look.step <= plain.last.step]
    return log10(getattr(plain.last, what) / getattr(affordable[-1], what))


def speedup(run: Run, plain: Run) -> float:
    """How many times cheaper the plain run's final merit was had; its own end counts where it was never had."""
    steps = min(run.steps_to(plain.last.merit), run.last.step)
    return plain.last.step / ((1 + CHARGE) * steps)


def train(job: Job) -> Run:
    """Run it in a folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="pinnrun-acceleration-") as scratch:
        folder = Path(scratch)
        execute(
            make_runner(checked_config(compose("train", on_random_points(job.words()))), folder, "", QuietDisplay())
        )
        run = storage.open_run(folder)
        windows = [storage.read_window(entry.path, weights=False).columns for entry in run.windows]
        return Run(job, tuple(looks_of(windows, run.decisions)))


def looks_of(windows: Sequence[Any], decisions: Sequence[Any]) -> list[Look]:
    """One look a window, from its columns and the decision that followed it."""
    looks: list[Look] = []
    best = float("inf")
    attempts = accepted = undone = far = 0
    for columns, decision in zip(windows, decisions, strict=True):
        tried = decision.get("jumps", [])
        best = min(best, float(columns["merit"][-1]))
        attempts += sum(not jump["undone"] for jump in tried)
        accepted += sum(jump["accepted"] and not jump["undone"] for jump in tried)
        undone += sum(jump["undone"] for jump in tried)
        far += sum(jump["accepted"] and not jump["undone"] and jump["horizon"] >= FAR for jump in tried)
        step, seconds = int(columns["step"][-1]), float(columns["seconds"][-1])
        looks.append(Look(step, best, float(np.median(columns["loss"])), seconds, attempts, accepted, undone, far))
    return looks


def read(path: Path) -> dict[Job, Run]:
    """What has been measured."""
    if not path.exists():
        return {}
    looks: dict[Job, list[Look]] = {}
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            values = {item.name: _TYPES[str(item.type)](line[item.name]) for item in (*fields(Job), *_LOOK)}
            job = Job(*(values[item.name] for item in fields(Job)))
            looks.setdefault(job, []).append(Look(**{name: values[name] for name in _NAMES}))
    return {job: Run(job, tuple(found)) for job, found in looks.items()}


def write(path: Path, runs: Sequence[Run]) -> None:
    """Replace the file."""
    write_csv(path, [{**asdict(run.job), **asdict(look)} for run in runs for look in run.looks])


_TYPES = {"str": str, "int": int, "float": float}
_LOOK = fields(Look)
_NAMES = [item.name for item in _LOOK]
