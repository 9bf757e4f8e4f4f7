"""Which display a run is shown on: live in a terminal, plain lines elsewhere, or none."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from pinnrun.display.progress import Display, Progress
from pinnrun.display.streams import can_animate, is_terminal
from pinnrun.errors import UserError

KINDS = ("auto", "live", "plain", "quiet")


class QuietDisplay:
    """Shows nothing at all."""

    def start(self, title: str, target: float) -> None:
        """Nothing."""

    def update(self, progress: Progress) -> None:
        """Nothing."""

    def event(self, text: str) -> None:
        """Nothing."""

    def stop(self, text: str | None = None) -> None:
        """Nothing."""


def choose_kind(kind: str, stream: TextIO | None, environ: Mapping[str, str]) -> str:
    """Resolve `kind` to "live", "plain" or "quiet" for this stream and environment.

    "auto" animates only in a foreground terminal outside continuous integration. "live" is taken at its word
    wherever a cursor can be moved, and gives way to plain lines elsewhere. FORCE_COLOR asks for colour, not
    for animation.

    Raises:
        UserError: `kind` is none of auto, live, plain, quiet.
    """
    if kind not in KINDS:
        raise UserError(f"display kind {kind!r} is unknown; choose one of {', '.join(KINDS)}")
    if kind == "quiet" or stream is None:
        return "quiet"
    if kind == "live":
        return "live" if is_terminal(stream, environ) else "plain"
    if kind == "auto":
        return "live" if can_animate(stream, environ) else "plain"
    return kind


def make_display(kind: str = "auto", stream: TextIO | None = None) -> Display:
    """Make the display of a run: `kind` is auto, live, plain or quiet; `stream` defaults to standard error.

    Raises:
        UserError: `kind` is none of these.
    """
    target = stream or sys.stderr
    chosen = choose_kind(kind, target, os.environ)
    if chosen == "live":
        from pinnrun.display.live import LiveDisplay  # imports rich

        return LiveDisplay(target)
    if chosen == "plain":
        from pinnrun.display.plain import PlainDisplay

        return PlainDisplay(target)
    return QuietDisplay()
