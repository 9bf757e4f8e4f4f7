"""How slow the machine is at the moment, so that what it takes can be told in seconds of one that is left alone.

A processor that is shared with strangers was seen to take up to five times as long for the same work from one hour to
the next, in CPU seconds too: caches and execution units are shared, and nobody is told. So a probe, which is always the
same work and none of pinnrun's, is timed beside every training, and

    seconds told = CPU seconds x REFERENCE / probe

It mixes what a small network's training is made of: calls of small operations by Python, a product of matrices and a
factorisation. One factor cannot be right for all: between optimizers the slow-down differed by a third either way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

import torch

from pinnrun.run.clock import Clock

REFERENCE = 1.8e-3
"""CPU seconds of the probe where `record_poisson2d` takes 5.0 ms a step: an undisturbed core of docs/records.md."""

ROUNDS, WARM = 60, 3
ROWS, WIDTH, GRADIENTS = 300, 16, 8
TALL = (1200, 130)  # of the matrix that is squared and factorised

Result = TypeVar("Result")


def pace(rounds: int = ROUNDS) -> float:
    """How many times as long as on the undisturbed machine work takes now; half a second to find out."""
    draw = torch.Generator().manual_seed(0)
    x, tall = (torch.randn(shape, dtype=torch.float64, generator=draw) for shape in ((ROWS, 2), TALL))
    shapes = ((WIDTH, 2), (WIDTH, WIDTH), (1, WIDTH))
    weights = [torch.randn(shape, dtype=torch.float64, generator=draw).requires_grad_() for shape in shapes]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = [_timed(x, weights, tall) for _ in range(WARM + rounds)][WARM:]
    finally:
        torch.set_num_threads(threads)
    return median(taken) / REFERENCE


def _timed(x: torch.Tensor, weights: list[torch.Tensor], tall: torch.Tensor) -> float:
    start = time.process_time()
    for _ in range(GRADIENTS):
        h = x
        for weight in weights:
            h = torch.tanh(h @ weight.T)
        torch.autograd.grad(h.square().sum(), weights)
    torch.linalg.cholesky(tall.T @ tall)
    return time.process_time() - start


def paced(work: Callable[[float], Result]) -> tuple[Result, float]:
    """Have another process do work that is told the present pace; its result, and the mean pace before and after."""
    before = pace()
    done = work(before)
    return done, (before + pace()) / 2


class PacedClock(Clock):
    """A run's clock that shows seconds of the undisturbed machine.

    Args:
        cpu, wall: what it shows at first.
        pace: seconds here for one of those.
    """

    def __init__(self, cpu: float = 0.0, wall: float = 0.0, pace: float = 1.0) -> None:
        super().__init__(cpu, wall)
        self.pace, self._first = pace, cpu

    @property
    def cpu(self) -> float:
        """Processor seconds, as the undisturbed machine would have taken them."""
        return self._first + (super().cpu - self._first) / self.pace
