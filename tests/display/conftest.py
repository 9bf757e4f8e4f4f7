"""A terminal to show things on, and a progress to show."""

import contextlib
import fcntl
import os
import re
import struct
import termios
import threading
import time

import pytest

from pinnrun.display import Progress

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """The far end of a pseudo-terminal of a fixed size, which keeps everything that is written to it."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.stream = os.fdopen(os.dup(self.slave), "w", encoding="utf-8")
        self._bytes = bytearray()
        self._open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while self._open:
            try:
                self._bytes += os.read(self.master, 65536)
            except OSError:
                return

    def raw(self) -> str:
        return self._bytes.decode("utf-8", "replace")

    def text(self) -> str:
        return ESCAPES.sub("", self.raw()).replace("\r\n", "\n").replace("\r", "\n")

    def last_panel(self) -> str:
        return self.text()[self.text().rfind("╭") :]

    def wait_for(self, wanted: str, seconds: float = 10.0) -> str:
        end = time.monotonic() + seconds
        while wanted not in self.text():
            if time.monotonic() > end:
                raise AssertionError(f"{wanted!r} never came up on the terminal:\n{self.text()}")
            time.sleep(0.01)
        return self.text()

    def hang_up(self) -> None:
        """Close the window: whoever writes to the stream from now on gets an input/output error."""
        os.write(self.slave, b"\n~gone~")
        self.wait_for("~gone~")
        self._open = False
        os.write(self.slave, b".")
        self._reader.join(5.0)
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        if self.master >= 0:
            self.hang_up()
        os.close(self.slave)
        with contextlib.suppress(OSError):
            self.stream.close()


@pytest.fixture
def terminal():
    window = Terminal()
    yield window
    window.close()


@pytest.fixture
def plain_environment(monkeypatch):
    """The environment of an ordinary terminal, whatever runs the tests."""
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


@pytest.fixture
def progress():
    def make(**changes) -> Progress:
        values = {
            "stage": 2,
            "width": 7,
            "depth": 3,
            "parameters": 141,
            "step": 120,
            "steps_total": 4000,
            "seconds": 12.0,
            "seconds_total": None,
            "loss": 3.21e-4,
            "merit": 1.02e-3,
            "target": 1e-5,
            "forecast": "P(reach) 0.82, ~340 steps",
            "steps_to_target": None,
        }
        return Progress(**{**values, **changes})

    return make
