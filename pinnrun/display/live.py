"""Progress as a panel that is redrawn in place on a terminal (rich)."""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pinnrun.display.progress import Pace, Progress
from pinnrun.display.streams import LineWriter, in_foreground, is_terminal
from pinnrun.display.text import duration, one_line, size, sparkline

FRAMES_PER_SECOND = 4
EVENTS_SHOWN = 3
SPARKLINE_CELLS = 40
WIDEST_PANEL = 100


@dataclass(frozen=True)
class View:
    """Everything that one frame of the panel shows."""

    title: str
    target: float
    progress: Progress | None
    elapsed: float
    remaining: tuple[str, float] | None
    losses: Sequence[float]
    events: Sequence[str]


class History:
    """The loss at every `stride`-th update; the stride doubles when the record is full."""

    def __init__(self, capacity: int = 512) -> None:  # even, so that halving keeps the stride regular
        self._capacity = capacity
        self._values: list[float] = []
        self._stride = 1
        self._skip = 0

    def append(self, value: float) -> None:
        """Record the value if its turn has come."""
        if self._skip:
            self._skip -= 1
            return
        self._values.append(value)
        self._skip = self._stride - 1
        if len(self._values) >= self._capacity:
            self._values = self._values[::2]  # a new list: the thread that draws may still read the old one
            self._stride *= 2

    def values(self) -> list[float]:
        """The record, oldest first."""
        return list(self._values)


class LiveDisplay:
    """A panel on a terminal, redrawn four times a second by a thread of its own.

    `update` only keeps the progress, so it costs a training step next to nothing however fast the steps are,
    and the clock goes on through a step that takes minutes. The panel hides no cursor and enters no other
    mode of the terminal: there is nothing to restore, even after SIGKILL, and the shell's prompt finds a line
    of its own.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        # force_terminal: whether to animate was decided by choose_kind; rich's own rules are different
        self._console = console or Console(file=stream, force_terminal=True, force_interactive=True)
        self._clock = clock
        self._title, self._target = "", math.nan
        self._pace = Pace()
        self._history = History()
        self._events: deque[str] = deque(maxlen=EVENTS_SHOWN)
        self._latest: tuple[Progress | None, float] = (None, 0.0)
        self._live: _Painter | None = None

    def start(self, title: str, target: float) -> None:
        """Draw the empty panel and begin to redraw it."""
        self._title, self._target = one_line(title), target
        self._latest = (None, self._clock())
        # what others print to this terminal scrolls by above the panel; what goes to a file is left alone
        self._live = _Painter(
            console=self._console,
            refresh_per_second=FRAMES_PER_SECOND,
            redirect_stdout=is_terminal(sys.stdout, os.environ),
            redirect_stderr=self._stream is sys.stderr,
            get_renderable=self._frame,
        )
        self._live.visible = lambda: in_foreground(self._stream)
        atexit.register(self.stop)
        with contextlib.suppress(OSError, ValueError):
            self._live.start(refresh=True)
            self._console.show_cursor(True)

    def update(self, progress: Progress) -> None:
        """Keep the progress for the next frame."""
        self._pace.observe(progress)
        self._history.append(progress.loss)
        self._latest = (progress, self._clock())

    def event(self, text: str) -> None:
        """Keep the event for the next frame; the last three are shown."""
        progress = self._latest[0]
        elapsed = duration(progress.seconds if progress else 0.0)
        self._events.append(f"{elapsed}  {one_line(text)}")

    def stop(self, text: str | None = None) -> None:
        """Draw the last frame, leave it on the screen, and print the closing line below it."""
        live, self._live = self._live, None
        if live is None:
            return
        atexit.unregister(self.stop)
        live.final = True
        with contextlib.suppress(OSError, ValueError):
            live.stop()
        if text and not live.lost:
            LineWriter(self._stream).write(text)

    def _frame(self) -> RenderableType:
        progress, seen = self._latest
        live = self._live
        final = live is None or live.final
        # between two updates the clock goes on; what is left goes down by the same amount
        since = 0.0 if final else self._clock() - seen
        remaining = self._pace.remaining(progress) if progress else None
        view = View(
            title=self._title,
            target=self._target,
            progress=progress,
            elapsed=(progress.seconds if progress else 0.0) + since,
            remaining=remaining and (remaining[0], max(remaining[1] - since, 0.0)),
            losses=self._history.values(),
            events=tuple(self._events),
        )
        width = min(self._console.width, WIDEST_PANEL)
        panel = panel_of(view, width=width, ascii_only=self._console.options.ascii_only)
        # an empty last line keeps the cursor, and whatever the shell prints after a kill, out of the panel
        return panel if final else Group(panel, Text(""))


class _Painter(Live):
    """rich's Live, which gives up quietly when the terminal has gone and holds still in the background."""

    final = False
    lost = False
    visible: Callable[[], bool] = staticmethod(lambda: True)

    def refresh(self) -> None:
        if self.lost or not (self.final or self.visible()):
            return
        try:
            super().refresh()
        except (OSError, ValueError):  # the terminal was closed; training goes on
            self.lost = True
            self.console.quiet = True


def panel_of(view: View, *, width: int, ascii_only: bool = False) -> Panel:
    """Lay one frame out as a panel of `width` columns."""
    rows: list[Any] = [Text("waiting for the first step")]
    if view.progress is not None:
        rows = [_bar_row(view, view.progress), *_field_rows(view, view.progress, ascii_only)]
    rows += [_line("" if index else "events", event) for index, event in enumerate(view.events)]
    title = Text(view.title, style="bold", overflow="ellipsis", no_wrap=True)
    return Panel(Group(*rows), title=title, title_align="left", width=width, border_style="cyan")


def _bar_row(view: View, progress: Progress) -> Table:
    total = f"/{progress.steps_total}" if progress.steps_total else ""
    left = f"  ETA {duration(view.remaining[1])} ({view.remaining[0]})" if view.remaining else ""
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(ratio=1)
    row.add_column(no_wrap=True)
    bar = (
        ""
        if progress.fraction is None
        else ProgressBar(total=1.0, completed=progress.fraction, complete_style="green", finished_style="green")
    )
    row.add_row(bar, Text(f"step {progress.step}{total}  elapsed {duration(view.elapsed)}{left}"))
    return row


def _field_rows(view: View, progress: Progress, ascii_only: bool) -> list[Text]:
    merit = "" if progress.merit is None else f"   merit {progress.merit:.3e}"
    rows = [
        _line(
            "loss",
            f"{progress.loss:.3e}{merit}   target {progress.target:.3g}{_distance(progress)}",
            style="bold",
        ),
        _line("", sparkline(view.losses, SPARKLINE_CELLS, ascii_only=ascii_only), style="blue"),
        _line(
            "network",
            f"{size(progress.width, progress.depth)} ({progress.parameters} parameters)   stage {progress.stage}",
        ),
    ]
    if progress.forecast:
        rows.append(_line("forecast", one_line(progress.forecast)))
    return rows


def _distance(progress: Progress) -> str:
    """How far the merit is above the target, as a factor."""
    if progress.merit is None or not math.isfinite(progress.merit) or progress.target <= 0:
        return ""
    factor = progress.merit / progress.target
    return " (reached)" if factor <= 1 else f" ({factor:.3g} x above)"


def _line(name: str, value: str, style: str = "") -> Text:
    text = Text(f"{name:<10}", style="cyan", no_wrap=True, overflow="ellipsis")
    return text.append(value, style=style or "default")
