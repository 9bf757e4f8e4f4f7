"""Small runs for tests of the loop: to start, to disturb at a step, to resume, and to compare bit by bit."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from omegaconf import DictConfig

from pinnrun import storage
from pinnrun.commands import train
from pinnrun.composition.confdir import compose
from pinnrun.display import Progress, QuietDisplay

# Grows within milliseconds: windows of 5 steps, 10 for a stage, 70 parameters at most.
TINY = (
    "problem=poisson",
    "problem.points=60",
    "problem.boundary_points=20",
    "optimizer.pace.window=5",
    "optimizer.pace.minimum=5",
    "optimizer.pace.horizon=10",
    "scaleup.start=theory",
    "scaleup.turns=1",
    "scaleup.max_parameters=70",
    "scaleup.give_up=0",
    "scaleup.prune=0",
    "scaleup.restarts=0",
    "budget.steps=30",
    "display=quiet",
)
CLOCKS = ("seconds", "target_seconds", "cpu_seconds", "wall_seconds", "stage_started")  # what no two runs share
Actions = Mapping[int, Callable[[], Any]]


class Puppeteer(QuietDisplay):
    """Does something to the run when a step is shown, once, and remembers the events."""

    def __init__(self, actions: Actions) -> None:
        self.actions, self.events, self.steps = dict(actions), [], []

    def update(self, progress: Progress) -> None:
        self.steps.append(progress.step)
        self.actions.pop(progress.step, lambda: None)()

    def event(self, text: str) -> None:
        self.events.append(text)


@cache
def composed(*words: str) -> DictConfig:
    """The config of a tiny run with these changes; another problem has its own boundary."""
    other = any(word.startswith("problem=") for word in words)
    return compose("train", [*(word for word in TINY if not (other and "boundary" in word)), *words])


def start(folder: Path, *words: str, at: Actions | None = None) -> dict[str, Any]:
    """Train a tiny run in `folder`; `at` maps steps to what is done to it right after them."""
    folder.mkdir(parents=True, exist_ok=True)
    return _shown(at, lambda: train.train(composed(*words), folder))


def resume(folder: Path, *words: str, at: Actions | None = None) -> dict[str, Any]:
    """Go on with it."""
    return _shown(at, lambda: train.resume(str(folder), list(words)))


def _shown(at: Actions | None, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    display = Puppeteer(at or {})
    with patch.object(train, "make_display", lambda kind: display):
        result = run()
    return {**result, "events": display.events, "shown": display.steps}


def send(number: int) -> Callable[[], None]:
    """A signal to this very process."""
    return partial(os.kill, os.getpid(), number)


interrupt = send(signal.SIGINT)


def assert_same(one: Path, other: Path) -> None:
    """Both runs had the same losses, weights and decisions and ended in the same state, bit for bit."""
    runs = storage.open_run(one), storage.open_run(other)
    names = [[window.path.name for window in run.windows] for run in runs]
    assert names[0] == names[1]
    for mine, theirs in zip(*(run.windows for run in runs), strict=True):
        same(storage.read_window(mine.path), storage.read_window(theirs.path), mine.path.name)
    same(runs[0].decisions, runs[1].decisions, "decisions")
    same([s.record for s in runs[0].stages], [s.record for s in runs[1].stages], "stages")
    states = [storage.load_checkpoint(folder)[0] for folder in (one, other)]
    for state in states:  # what of the decisions is still to be indexed depends on when the index was written
        del state["recorder"]["decisions"], state["recorder"]["indexed"]
    same(*states, "checkpoint")
    results = [{**(run.result or {}), "folder": None, "resume": None} for run in runs]
    same(*results, "result")


def same(a: Any, b: Any, where: str) -> None:
    """Equal to the last bit, whatever the clocks said."""
    if isinstance(a, storage.Window):
        a, b = vars(a), vars(b)
    if isinstance(a, Mapping):
        assert a.keys() == b.keys(), where
        for key in a:
            if key not in CLOCKS:
                same(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{where}[{i}]")
    elif isinstance(a, torch.Tensor):
        same(a.numpy(), b.numpy(), where)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        assert a.tobytes() == b.tobytes(), where
    else:
        assert type(a) is type(b) and (a == b or (a != a and b != b)), f"{where}: {a!r}, {b!r}"


def lookup(folder: Path) -> storage.Run:
    """The run in `folder`, after a check that its windows follow each other without gap or overlap."""
    run = storage.open_run(folder)
    steps = [int(step) for stage in run.stages for step in stage.columns["step"]]
    assert steps == list(range(1, len(steps) + 1))
    assert [entry.number for entry in run.windows] == list(range(len(run.windows)))
    for stage in run.stages:
        assert (np.diff(stage.weight_steps) > 0).all() and set(stage.weight_steps) <= set(stage.columns["step"])
    return run
