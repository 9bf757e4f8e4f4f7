"""Progress as plain lines, for logs and pipes: events at once, one line of progress every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from pinnrun.display.progress import Pace, Progress
from pinnrun.display.streams import LineWriter
from pinnrun.display.text import duration, one_line, size

FIRST_INTERVAL = 2.0
LAST_INTERVAL = 60.0
GROWTH = 1.5


class PlainDisplay:
    """One line per event and per interval; the interval grows from 2 s to 60 s, so that logs stay short."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = LineWriter(stream)
        self._clock = clock
        self._pace = Pace()
        self._interval = FIRST_INTERVAL
        self._due = float("inf")
        self._latest: Progress | None = None
        self._printed: Progress | None = None
        self._stopped = False

    def start(self, title: str, target: float) -> None:
        """Print the title and L_min."""
        self._due = self._clock() + self._interval
        self._lines.write(f"{one_line(title)}, target {target:.3g}")

    def update(self, progress: Progress) -> None:
        """Keep the progress; print it when the interval is over."""
        self._latest = progress
        self._pace.observe(progress)
        now = self._clock()
        if now >= self._due:
            self._interval = min(self._interval * GROWTH, LAST_INTERVAL)
            self._due = now + self._interval
            self._print_progress(progress)

    def event(self, text: str) -> None:
        """Print the event at once, with the time of the last progress in front."""
        elapsed = duration(self._latest.seconds if self._latest else 0.0)
        self._lines.write(f"[{elapsed}] {one_line(text)}")

    def stop(self, text: str | None = None) -> None:
        """Print the last progress, if it is not on the screen yet, and the closing line."""
        if self._stopped:
            return
        self._stopped = True
        if self._latest is not None and self._latest is not self._printed:
            self._print_progress(self._latest)
        if text:
            self._lines.write(text)

    def _print_progress(self, progress: Progress) -> None:
        self._printed = progress
        self._lines.write(progress_line(progress, self._pace))


def progress_line(progress: Progress, pace: Pace) -> str:
    """The state of a run in one line, every field with its name."""
    total = f"/{progress.steps_total}" if progress.steps_total else ""
    merit = "" if progress.merit is None else f"  merit {progress.merit:.3e}"
    left = pace.remaining(progress)
    parts = [
        f"[{duration(progress.seconds)}] step {progress.step}{total}",
        f"loss {progress.loss:.3e}{merit}  target {progress.target:.3g}",
        f"net {size(progress.width, progress.depth)} ({progress.parameters} parameters)",
        f"stage {progress.stage}",
        one_line(progress.forecast),
        f"ETA {duration(left[1])} ({left[0]})" if left else "",
    ]
    return "  ".join(part for part in parts if part)
