"""One run of pinnrun or of a peer: the same machine, one thread, a process of its own, the error off the clock.

Seconds are those of an undisturbed machine (`benchmarks.pace`), by probes during pinnrun's runs and before and after a
peer's, so that runs of different hours can stand in one table.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from benchmarks.pace import PacedClock, paced
from benchmarks.peers.cases import Case
from benchmarks.peers.results import Key, Look, Trace
from benchmarks.records.observe import Enough, Observer
from benchmarks.settings import hash_of, settings_of
from pinnrun.build import checked_config, make_runner
from pinnrun.calculus import Derivatives
from pinnrun.config import Config
from pinnrun.errors import UserError
from pinnrun.training.generators import make_generators

PROGRAMS = Path(__file__).with_name("programs")
AIMS = (1e-3, 1e-4, 1e-6)
STOP = 0.5 * AIMS[-1]  # error at which a run may end
FIRST = 0.02  # CPU seconds of the first look, as in programs/observe.py
PATIENCE = 40.0  # wall seconds that a run may take for each of its CPU seconds, on a busy machine


@dataclass(frozen=True)
class Job:
    """One run: a case, who solves it, a seed, and the CPU seconds it may take."""

    case: Case
    solver: str
    seed: int
    seconds: float

    @property
    def ours(self) -> bool:
        """Whether pinnrun runs it."""
        return self.solver in self.case.commands

    def settings(self) -> str:
        """A short hash of all that is trained and how, but for the seed and the seconds."""
        if self.ours:
            config = self.case.config(self.solver, 0, 1.0)
            config.plugins = [Path(str(name)).name for name in config.plugins]
            return settings_of(config)
        recipe = self.case.recipes[self.solver]
        plain = {"program": recipe.program, **recipe.settings}
        if recipe.settings["points"] == "given":
            plain["points"] = self.case.commands[self.case.shared]
        return hash_of(plain)

    def key(self) -> Key:
        """What tells this run from all others."""
        return self.case.name, self.solver, self.settings(), self.seed


def points_of(case: Case, seed: int) -> dict[str, np.ndarray]:
    """What the peers are given: the training points that pinnrun draws with this seed, and points to measure errors."""
    config: Config = checked_config(case.config(case.shared, seed, 1.0))
    problem, reference = config.problem, config.problem.reference()
    assert reference is not None, "an error needs a reference"
    generator = make_generators(seed)["sampling"]
    drawn = {term.name: term.sample(generator, term.count) for term in problem.terms()}
    interior = drawn["equation"].x[0].numpy()
    test = problem.test_points(make_generators(seed)["evaluation"]).x[0].numpy()
    exact = reference.field(test)
    columns = list(case.columns)
    return {"interior": interior[:, columns], "test": test[:, columns], "exact": exact.reshape(len(test), -1)}


def run(job: Job, python: Path | None) -> Trace:
    """Run a job to its end in a new process; ``python`` is the interpreter of the peers' environment."""
    if job.ours:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
            return pool.submit(train, job).result()
    assert python is not None
    with tempfile.TemporaryDirectory(prefix="pinnrun-peers-") as name:
        folder = Path(name)
        np.savez(folder / "points.npz", **points_of(job.case, job.seed))  # pyright: ignore[reportArgumentType]
        trace, slowness = paced(lambda now: ask(job, python, folder, job.seconds * now))
    return replace(trace, looks=[replace(look, seconds=look.seconds / slowness) for look in trace.looks])


def ask(job: Job, python: Path, folder: Path, seconds: float) -> Trace:
    """Have a peer's program do it, for so many CPU seconds of this machine as it is now.

    Raises:
        UserError: the program failed; the end of its output is in the message.
    """
    recipe = job.case.recipes[job.solver]
    task: Mapping[str, Any] = {
        "case": job.case.name,
        "seed": job.seed,
        "seconds": seconds,
        "stop": STOP,
        "recipe": recipe.settings,
        "points": str(folder / "points.npz"),
        "trace": str(folder / "trace.json"),
    }
    (folder / "task.json").write_text(json.dumps(task))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | threads
    words = [str(python), str(PROGRAMS / f"{recipe.program}.py"), str(folder / "task.json")]
    longest = 600.0 + PATIENCE * seconds
    try:
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=longest)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{job.solver} is not done with {job.case.name} after {longest:.0f} s by the wall") from error
    if done.returncode or not (folder / "trace.json").exists():
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-4:])
        raise UserError(f"{job.solver} failed on {job.case.name}:\n{tail}")
    return read_trace((folder / "trace.json").read_text())


def read_trace(text: str) -> Trace:
    """What a program wrote."""
    found = json.loads(text)
    looks = [Look(look["seconds"], look["wall"], look["step"], look["error"]) for look in found["looks"]]
    version = found["version"] or ""
    return Trace(found["parameters"], f"{found['package']} {version}".strip(), found["end"], looks)


class Watcher(Observer):
    """pinnrun's own observer, for all components of the field; it keeps the wall time of every look besides."""

    def __init__(self) -> None:
        super().__init__("relative", STOP)
        self.walls: list[float] = []
        self._next = FIRST

    def look(self, end: str = "") -> None:
        """Measure the error of the present field, off the clock."""
        self.walls.append(self.runner.clock.wall)
        super().look(end)

    def _prepare(self) -> Callable[[], float]:
        trainer = self.runner.trainer
        points, reference = trainer.test_points, trainer.problem.reference()
        assert reference is not None, "an error needs a reference"
        exact = reference.field(points.x[0].numpy()).reshape(points.x.shape[1], -1)

        def error() -> float:
            value = trainer.solution(points, Derivatives()).value[0, :, : exact.shape[1]].double().numpy()
            return float(np.linalg.norm(value - exact) / np.linalg.norm(exact))

        return error


def train(job: Job) -> Trace:
    """A run of pinnrun, as its command line makes it."""
    import torch

    from pinnrun import __version__

    torch.set_num_threads(1)
    composed = job.case.config(job.solver, job.seed, job.seconds)
    watcher = Watcher()
    with tempfile.TemporaryDirectory(prefix="pinnrun-peers-") as folder:
        start = PacedClock(pace=watcher.pace)
        runner = make_runner(checked_config(composed), Path(folder), OmegaConf.to_yaml(composed), watcher)
        watcher.watch(runner, start)
        try:
            end = str(runner.run()[0])
        except Enough:
            end = "enough"
        watcher.look(end)
    looks = [Look(x.seconds, wall, x.step, x.error) for x, wall in zip(watcher.looks, watcher.walls, strict=True)]
    return Trace(runner.trainer.network.size, f"pinnrun {__version__}", end, looks)
