"""What the peers' programs share: the task they are given, and the error as a function of time, measured off the clock.

Runs in the peers' own environment, on numpy and torch alone; nothing of pinnrun is imported here.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

FIRST, RATIO = 0.02, 1.12  # seconds of the first look, and from each to the next


@dataclass
class Task:
    """One run, as the benchmark describes it in a JSON file.

    Attributes:
        case: name of the problem.
        seed: of all random generators.
        seconds: CPU seconds that the run may take.
        stop: error at which it may end.
        recipe: what is trained and how; every program knows its own keys.
        points: NPZ file with ``interior`` (N, d), ``test`` (M, d) and ``exact`` (M, k); space comes before time.
        trace: where the result is written.
    """

    case: str
    seed: int
    seconds: float
    stop: float
    recipe: dict[str, Any]
    points: str
    trace: str

    @property
    def dtype(self) -> torch.dtype:
        """The precision that the recipe asks for."""
        return getattr(torch, self.recipe["dtype"])

    def given(self, name: str) -> np.ndarray:
        """An array of the file of points."""
        with np.load(self.points) as arrays:
            return arrays[name]

    def interior(self) -> np.ndarray:
        """The training points, in the recipe's precision."""
        return self.given("interior").astype(self.recipe["dtype"])


class Enough(Exception):
    """The time is over, or the error is small enough."""


class Observer:
    """Measures the error now and then; its clock stands still while it does.

    Args:
        task: the run.
        predict: values ``(M, k)`` of the present field at tensors of points ``(M, d)``.
        parameters: how many numbers are trained.
    """

    def __init__(self, task: Task, predict: Callable[[torch.Tensor], torch.Tensor], parameters: int) -> None:
        self.task, self.predict, self.parameters = task, predict, parameters
        self.test = torch.as_tensor(task.given("test"), dtype=task.dtype)
        self.exact = task.given("exact")
        self.looks: list[dict[str, float]] = []
        self.step, self.end = 0, "finished"
        self._next = FIRST
        self._last = -1

    def tick(self) -> None:
        """One step of an optimizer is done."""
        self.step += 1
        if clock.cpu >= self._next:
            self.look()
            self._next = max(self._next * RATIO, clock.cpu)
            if self.looks[-1]["error"] <= self.task.stop:
                self.end = "enough"
                raise Enough
            if clock.cpu >= self.task.seconds:
                self.end = "budget"
                raise Enough

    def look(self) -> None:
        """Measure the relative L² error."""
        clock.halt()
        with torch.no_grad():
            value = self.predict(self.test).detach().cpu().double().numpy().reshape(self.exact.shape)
        error = float(np.linalg.norm(value - self.exact) / np.linalg.norm(self.exact))
        self.looks.append({"seconds": clock.cpu, "wall": clock.wall, "step": self.step, "error": error})
        self._last = self.step
        clock.go_on()

    def write(self, package: str, version: str) -> None:
        """Look a last time and write the trace."""
        if self._last != self.step or not self.looks:
            self.look()
        trace = {"package": package, "version": version, "parameters": self.parameters, "end": self.end}
        Path(self.task.trace).write_text(json.dumps({**trace, "looks": self.looks}))


class Clock:
    """CPU and wall seconds since it was started, less the time for which it was halted."""

    def start(self) -> None:
        """Begin at zero."""
        self._cpu, self._wall = time.process_time(), time.time()
        self._halted = None

    @property
    def cpu(self) -> float:
        """Processor seconds of this process, all its threads together."""
        return (self._halted[0] if self._halted else time.process_time()) - self._cpu

    @property
    def wall(self) -> float:
        """Seconds by the clock on the wall."""
        return (self._halted[1] if self._halted else time.time()) - self._wall

    def halt(self) -> None:
        """Stand still."""
        self._halted = time.process_time(), time.time()

    def go_on(self) -> None:
        """Run again, as if no time had passed since ``halt``."""
        self._cpu += time.process_time() - self._halted[0]
        self._wall += time.time() - self._halted[1]
        self._halted = None


clock = Clock()


def begin() -> Task:
    """Read the task named on the command line, seed everything, start the clock. Called when all is imported.

    What torch imports only when an optimizer first moves, over a second, is imported before the clock starts, too.
    """
    task = Task(**json.loads(Path(sys.argv[1]).read_text()))
    torch.set_num_threads(1)
    nothing = torch.nn.Parameter(torch.zeros(1))
    for optimizer in (torch.optim.Adam([nothing]), torch.optim.LBFGS([nothing], line_search_fn="strong_wolfe")):
        optimizer.step(lambda: (nothing**2).sum())
    random.seed(task.seed)
    np.random.seed(task.seed)
    torch.manual_seed(task.seed)
    clock.start()
    return task


def watch_lbfgs(tick: Callable[[], None]) -> None:
    """Call ``tick`` at every iterate of torch's L-BFGS, which makes many of them within one step.

    Its line search is entered once an iteration, with the parameters at the present iterate.
    """
    module = sys.modules[torch.optim.LBFGS.__module__]
    search = module._strong_wolfe

    def watched(*arguments: Any, **keywords: Any) -> Any:
        tick()
        return search(*arguments, **keywords)

    module._strong_wolfe = watched


def parameters_of(*nets: torch.nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for net in nets for parameter in net.parameters())
