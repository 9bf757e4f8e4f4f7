"""Train the trajectories, each as an ordinary run in a folder of its own; what is complete is left alone.

All are trained to a quarter of their steps before any is finished: whenever the command is stopped, what there is is a
fair mixture. Going on is ``pinnrun train resume=`` with a larger budget, bit for bit what one training to the end would
have given. A run that another process is training is passed over, so the same command may be started more than once.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.forecast.cases import Case
from pinnrun import storage
from pinnrun.commands.train import resume, train
from pinnrun.composition.confdir import compose
from pinnrun.errors import UserError
from pinnrun.run.execute import resumable

PASSES = (0.25, 1.0)  # shares of the steps


def generate(cases: Sequence[Case], folder: Path) -> None:
    """Train what is missing.

    Raises:
        KeyboardInterrupt: a signal came; what was trained is safe, and the same command goes on.
    """
    todo = [(case, round(share * case.steps)) for share in PASSES for case in cases]
    start = time.monotonic()
    for number, (case, steps) in enumerate(todo, 1):
        line = extend(case, steps, folder / case.name)
        if line:
            print(f"[{number}/{len(todo)}, {time.monotonic() - start:.0f} s] {case.name}: {line}", flush=True)


def extend(case: Case, steps: int, folder: Path) -> str:
    """Train the case until it has so many steps, or has ended before; one line on what was done, empty for nothing."""
    began = resumable(folder)
    if storage.lock_holder(folder) or (began and done(folder, steps)):
        return ""
    before = time.process_time()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if began:
            result = resume(str(folder), [f"budget.steps={steps}"])
        else:
            result = train(compose("train", case.words(steps)), folder)
    except UserError:
        if storage.lock_holder(folder):
            return ""
        raise
    if "signal" in result:
        raise KeyboardInterrupt(signal.Signals(result["signal"] - 128).name)
    spent = time.process_time() - before
    return f"{result['steps']} steps, loss {result['loss']:.2e}, {result['status']}, {spent:.1f} CPU s"


def done(folder: Path, steps: int) -> bool:
    """Whether the run has that many steps, or has ended for another reason than its budget."""
    run = storage.open_run(folder)
    if run.result is None:
        return False
    ended = run.state not in ("budget", "interrupted", "killed")
    return ended or run.result["steps"] >= steps
