"""One training through a case's growths, looked at as it goes and at the end of every stage."""

from __future__ import annotations

import tempfile
from pathlib import Path

from omegaconf import OmegaConf

from benchmarks.growth.cases import Job
from benchmarks.records.observe import Observer, Trace
from pinnrun.build import make_runner, prepare_torch
from pinnrun.display import Progress
from pinnrun.training.trainer import Trainer


class StageObserver(Observer):
    """Looks before every growth as well.

    Args:
        steps: of a stage.
        stages: how many there are.
    """

    def __init__(self, steps: int, stages: int) -> None:
        super().__init__("relative", 0.0)
        self.ends = {steps * number for number in range(1, stages)}

    def update(self, progress: Progress) -> None:
        """Called after every step."""
        super().update(progress)
        if progress.step in self.ends and (not self.looks or self.looks[-1].step != progress.step):
            self.look()


def warm_up(job: Job) -> None:
    """A step that does not count: what a library imports at its first is no part of any run."""
    config = job.config()
    Trainer(config, *prepare_torch(config)).advance()


def train(job: Job) -> Trace:
    """Run a job to its end and return what was seen."""
    warm_up(job)
    observer = StageObserver(job.case.steps, len(job.sizes))
    with tempfile.TemporaryDirectory(prefix="pinnrun-growth-") as folder:
        runner = make_runner(job.config(), Path(folder), OmegaConf.to_yaml(job.composed()), observer)
        observer.watch(runner)
        end = str(runner.run()[0])
        observer.look(end)
        return Trace(runner.trainer.network.size, observer.looks)
