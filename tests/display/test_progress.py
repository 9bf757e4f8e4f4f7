import io
import multiprocessing
import os
import subprocess
import sys

import pytest

from pinnrun.display import Pace, QuietDisplay, make_display
from pinnrun.display.choice import choose_kind
from pinnrun.display.live import LiveDisplay
from pinnrun.display.plain import PlainDisplay
from pinnrun.errors import UserError


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


TERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("kind", "terminal", "environ", "chosen"),
    [
        ("auto", True, TERM, "live"),
        ("auto", True, {}, "live"),
        ("auto", False, TERM, "plain"),
        ("auto", True, {"TERM": "dumb"}, "plain"),
        ("auto", True, {"TERM": "unknown"}, "plain"),
        ("auto", True, TERM | {"CI": "true"}, "plain"),
        ("auto", True, TERM | {"CI": "1"}, "plain"),
        ("auto", True, TERM | {"CI": "false"}, "live"),
        ("auto", True, TERM | {"CI": ""}, "live"),
        ("auto", False, TERM | {"FORCE_COLOR": "1"}, "plain"),
        ("auto", False, TERM | {"TTY_INTERACTIVE": "1"}, "plain"),
        ("auto", True, TERM | {"NO_COLOR": "1"}, "live"),
        ("live", True, TERM | {"CI": "true"}, "live"),
        ("live", True, {"TERM": "dumb"}, "plain"),
        ("live", False, TERM | {"FORCE_COLOR": "1"}, "plain"),
        ("plain", True, TERM, "plain"),
        ("plain", False, TERM, "plain"),
        ("quiet", True, TERM, "quiet"),
        ("quiet", False, TERM, "quiet"),
    ],
)
def test_the_display_fits_the_stream_and_the_environment(kind, terminal, environ, chosen):
    assert choose_kind(kind, Stream(terminal), environ) == chosen


def test_a_closed_or_missing_stream_is_no_terminal():
    closed = io.StringIO()
    closed.close()
    assert choose_kind("auto", closed, TERM) == "plain"
    assert choose_kind("auto", None, TERM) == "quiet"


def test_worker_processes_print_lines():
    process = multiprocessing.current_process()
    name = process.name
    try:
        process.name = "LokyProcess-3"
        assert choose_kind("auto", Stream(True), TERM) == "plain"
    finally:
        process.name = name
    assert choose_kind("auto", Stream(True), TERM) == "live"


def test_background_jobs_print_lines(terminal, monkeypatch):
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: os.getpgrp())
    assert choose_kind("auto", terminal.stream, TERM) == "live"
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: os.getpgrp() + 1)
    assert choose_kind("auto", terminal.stream, TERM) == "plain"


def test_an_unknown_kind_is_refused_with_the_choices():
    with pytest.raises(UserError, match=r"'fancy'.*auto, live, plain, quiet"):
        make_display("fancy", io.StringIO())


def test_make_display_builds_what_was_chosen(terminal, plain_environment):
    assert isinstance(make_display("auto", terminal.stream), LiveDisplay)
    assert isinstance(make_display("auto", Stream(False)), PlainDisplay)
    assert isinstance(make_display("plain", terminal.stream), PlainDisplay)
    assert isinstance(make_display("quiet", terminal.stream), QuietDisplay)


def test_quiet_is_silent(capfd, progress):
    display = make_display("quiet")
    display.start("poisson", 1e-5)
    display.update(progress())
    display.event("widen")
    display.stop("done")
    assert capfd.readouterr() == ("", "")


SCRIPT = """
from pinnrun.display import Progress, make_display
display = make_display({kind!r})
display.start("poisson", 1e-5)
for step in range(1, 200):
    display.update(Progress(0, 3, 1, 13, step, 200, step / 100, None, 1 / step, None, 1e-5))
display.event("widen")
display.stop("finished")
"""


@pytest.mark.parametrize("kind", ["auto", "live", "plain"])
def test_progress_goes_to_standard_error_alone_and_forced_colour_does_not_animate(kind):
    environ = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(kind=kind)],
        capture_output=True,
        text=True,
        env=environ,
        check=True,
    )
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "finished"
    assert "step 199/200" in done.stderr
    assert "\x1b" not in done.stderr and "\r" not in done.stderr


def test_rich_is_left_alone_where_nothing_is_animated():
    code = SCRIPT.format(kind="auto") + "import sys\nassert 'rich' not in sys.modules, 'rich'\n"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


@pytest.mark.parametrize(
    ("changes", "fraction"),
    [
        ({"step": 100, "steps_total": 400}, 0.25),
        ({"step": 100, "steps_total": 400, "seconds": 30.0, "seconds_total": 40.0}, 0.75),
        ({"steps_total": None, "seconds": 5.0, "seconds_total": 20.0}, 0.25),
        ({"step": 500, "steps_total": 400}, 1.0),
        ({"steps_total": None}, None),
    ],
)
def test_fraction_is_that_of_the_scarcer_budget(progress, changes, fraction):
    assert progress(**changes).fraction == fraction


def test_time_left_of_a_step_budget(progress):
    pace = Pace()
    pace.observe(progress(stage=0, step=1, seconds=1.0))
    later = progress(stage=0, step=101, seconds=21.0, steps_total=1101)
    pace.observe(later)
    # 100 steps took 20 s, so the 1000 to come take 200 s
    assert pace.remaining(later) == ("budget", pytest.approx(200.0))


def test_a_new_stage_sets_the_pace_anew(progress):
    pace = Pace()
    for now in (progress(stage=0, step=1, seconds=1.0), progress(stage=0, step=1000, seconds=2.0)):
        pace.observe(now)
    pace.observe(progress(stage=1, step=1001, seconds=3.0))
    slower = progress(stage=1, step=1011, seconds=13.0, steps_total=1111)
    pace.observe(slower)
    assert pace.remaining(slower) == ("budget", pytest.approx(100.0))


def test_what_comes_first_is_named(progress):
    pace = Pace()
    pace.observe(progress(step=0, seconds=0.0))
    soon = progress(step=100, seconds=10.0, steps_total=1000, seconds_total=500.0, steps_to_target=40.0)
    assert pace.remaining(soon) == ("target", pytest.approx(4.0))
    never = progress(step=100, seconds=10.0, steps_total=1000, seconds_total=50.0, steps_to_target=1e9)
    assert pace.remaining(never) == ("budget", pytest.approx(40.0))


def test_no_budget_and_no_forecast_leave_the_end_open(progress):
    assert Pace().remaining(progress(steps_total=None)) is None
    assert Pace().remaining(progress(steps_total=None, steps_to_target=float("inf"))) is None
