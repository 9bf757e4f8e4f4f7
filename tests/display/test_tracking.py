"""How far a command is: a bar in a terminal, a line now and then elsewhere, nothing of what is short."""

from io import StringIO
from types import SimpleNamespace

from pinnrun.display import tracking
from pinnrun.display.tracking import tracker


def test_items_pass_unchanged_and_short_work_says_nothing():
    stream = StringIO()
    assert list(tracker("reading", stream)([3, 1, 2])) == [3, 1, 2]
    assert stream.getvalue() == ""


def test_long_work_has_a_line_every_ten_seconds_with_the_time_left(monkeypatch):
    clock = iter([0.0, 0.0, 4.0, 8.0, 12.0, 16.0])
    monkeypatch.setattr(tracking, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    stream = StringIO()
    assert list(tracker("spectra", stream)("abcde")) == list("abcde")
    assert stream.getvalue() == "spectra: 3 of 5, 0:00:08 left\n"


def test_a_terminal_gets_a_bar_that_goes_away(terminal, plain_environment):
    seen = []
    for item in tracker("spectra", terminal.stream)(range(5)):
        seen.append(item)
    assert seen == list(range(5))
    print("~after~", file=terminal.stream, flush=True)  # the reader is behind by as much as the machine is busy
    assert "spectra" in terminal.wait_for("~after~")
    assert "100%" in terminal.text()
    shown = terminal.raw().split("~after~")[0]
    assert shown.rstrip().endswith(("\x1b[2K", "\x1b[?25h"))
