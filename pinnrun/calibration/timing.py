"""Timing on the device at hand: its name, the seconds of a piece of work, several taken in turn."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

Track = Callable[[Sequence[Any]], Iterable[Any]]

LEAST, MOST = 3, 15
"""Rounds in which work is timed: at least, and at most however short it is."""


def machine(device: torch.device) -> str:
    """The processor's or the GPU's name, with the threads in use and the version of torch."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    return f"{name}, {torch.get_num_threads()} thread(s), torch {torch.__version__}"


def seconds_of(work: Callable[[], Any], device: torch.device) -> float:
    """How long it takes: CPU seconds of this thread where it works alone, since others may share the machine; wall time
    on a GPU, which is waited for before and after, and where torch has several threads.
    """
    on_gpu = device.type == "cuda"
    clock = time.thread_time if not on_gpu and torch.get_num_threads() == 1 else time.perf_counter
    if on_gpu:
        torch.cuda.synchronize(device)
    start = clock()
    work()
    if on_gpu:
        torch.cuda.synchronize(device)
    return clock() - start


def interleaved(
    works: Mapping[str, Callable[[], Any]], rounds: int, device: torch.device, longest: float = 5.0
) -> dict[str, np.ndarray]:
    """Seconds of every work in every round, taken in turn so that what disturbs the machine disturbs all of them.

    Stops early, after three rounds at least, when ``longest`` seconds are over.
    """
    for work in works.values():
        work()
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    end = time.monotonic() + longest
    for number in range(rounds):
        if number >= LEAST and time.monotonic() > end:
            break
        for name, work in works.items():
            taken[name].append(seconds_of(work, device))
    return {name: np.array(values) for name, values in taken.items()}


def in_rounds(
    works: Sequence[Callable[[], Any]], seconds: float, device: torch.device, warm_up: int, track: Track = iter
) -> list[np.ndarray]:
    """Seconds of every work, taken in turn in as many rounds as about ``seconds`` of wall time allow; 3 to 15 of them.

    Args:
        works: what is timed.
        seconds: wall time to spend, the warm-up aside.
        device: that is waited for.
        warm_up: times that each is done before.
        track: passes the steps of a list on one by one, and may show how far they are.
    """
    for work in track(works):
        for _ in range(warm_up):
            work()
    began = time.monotonic()
    taken = [[seconds_of(work, device)] for work in works]
    once = max(time.monotonic() - began, 1e-6)
    rounds = min(max(int(seconds / once), LEAST), MOST) - 1
    for _, index in track(list(product(range(rounds), range(len(works))))):
        taken[index].append(seconds_of(works[index], device))
    return [np.array(values) for values in taken]
