"""How far a command is that works through a list: a bar with the time left, or a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO, TypeVar

from pinnrun.display.streams import LineWriter, can_animate
from pinnrun.display.text import duration

T = TypeVar("T")

EVERY = 10.0
"""Seconds between two lines where no bar can be drawn."""


def tracker(title: str, file: TextIO | None = None) -> Callable[[Sequence[T]], Iterable[T]]:
    """A function that passes the items of a sequence on one by one, and shows on standard error how far they are.

    In a terminal a bar with the time left, gone at the end; elsewhere a line every ten seconds, none if it is shorter.
    """
    stream = file or sys.stderr

    def track(items: Sequence[T]) -> Iterable[T]:
        if can_animate(stream, os.environ):
            from rich.console import Console
            from rich.progress import track as bar

            return bar(items, title, console=Console(file=stream), transient=True)
        return _lines(items, title, stream)

    return track


def _lines(items: Sequence[T], title: str, stream: TextIO) -> Iterator[T]:
    writer = LineWriter(stream)
    start = told = time.monotonic()
    for index, item in enumerate(items):
        now = time.monotonic()
        if now - told >= EVERY:
            left = (now - start) / index * (len(items) - index) if index else None
            writer.write(f"{title}: {index} of {len(items)}, {duration(left)} left")
            told = now
        yield item
