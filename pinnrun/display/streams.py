"""What the stream at the other end is, and how to write lines to it that may go nowhere."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from typing import TextIO

_CLUMSY_TERMINALS = ("dumb", "unknown")


def is_terminal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is a terminal whose cursor can be moved."""
    try:
        attached = stream.isatty()
    except (AttributeError, ValueError):  # no such method; or the stream is closed
        return False
    return attached and environ.get("TERM", "").lower() not in _CLUMSY_TERMINALS


def can_animate(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a panel may be redrawn on the stream without being asked for.

    Not in continuous integration (whose pseudo-terminals keep every frame), not in a worker process (several
    would draw over each other), not from a background job (it would draw over the shell).
    """
    in_ci = environ.get("CI", "").lower() not in ("", "0", "false")
    in_worker = multiprocessing.current_process().name != "MainProcess"
    return is_terminal(stream, environ) and not in_ci and not in_worker and in_foreground(stream)


def in_foreground(stream: TextIO) -> bool:
    """Whether this process is in the foreground job of the stream's terminal; True where there are none."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        return True


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether colours are welcome: on a terminal or where FORCE_COLOR is set, never where NO_COLOR is set."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or is_terminal(stream, environ)


def text_width(stream: TextIO, *, least: int = 80, most: int = 120) -> int:
    """Columns to lay text out in: the terminal's, within [least, most]; `least` in a pipe or a file."""
    try:
        return min(max(os.get_terminal_size(stream.fileno()).columns, least), most)
    except (AttributeError, OSError, ValueError):
        return least


class LineWriter:
    """Writes whole lines to a stream whose reader may leave at any time; after that, lines are dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = False

    def write(self, text: str) -> None:
        """Write the text and a line end, and flush; never wraps, never raises because of the stream."""
        if self._lost:
            return
        try:
            self._stream.write(self._encodable(text) + "\n")
            self._stream.flush()
        except BlockingIOError:
            pass  # a full non-blocking pipe: this line is lost, the next may pass
        except (OSError, ValueError):  # the reader left, the disk is full; the stream is closed
            self._lost = True
            _discard_what_is_left(self._stream)

    def _encodable(self, text: str) -> str:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        return text.encode(encoding, "replace").decode(encoding)


def _discard_what_is_left(stream: TextIO) -> None:
    """Point the broken descriptor at the null device, else Python fails when it flushes it at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
    except (AttributeError, OSError, ValueError):
        return
