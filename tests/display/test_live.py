import signal
import subprocess
import sys
import time
import timeit

import pytest

from pinnrun.display.live import History, LiveDisplay

pytestmark = pytest.mark.usefixtures("plain_environment")


def show(terminal, *updates, events=(), text="finished"):
    display = LiveDisplay(terminal.stream)
    display.start("poisson · adam · koopman", 1e-5)
    for update in updates:
        display.update(update)
    for event in events:
        display.event(event)
    display.stop(text)
    terminal.wait_for(text)
    return terminal.last_panel()


def test_the_panel_shows_every_field(terminal, progress):
    first = progress(step=100, seconds=10.0, loss=1e-1)
    last = progress(steps_to_target=340.0, seconds_total=3600.0)
    events = [f"widen {k} -> {k + 1} [red]as it is[/red]" for k in range(4)]
    panel = show(terminal, first, last, events=events)
    lines = panel.splitlines()
    assert "poisson · adam · koopman" in lines[0]
    assert "step 120/4000" in lines[1] and "elapsed 0:00:12" in lines[1]
    # 20 steps took 2 s, so 340 take 34 s
    assert "ETA 0:00:34 (target)" in lines[1]
    assert "loss      3.210e-04   merit 1.020e-03   target 1e-05 (102 x above)" in lines[2]
    assert "█▁" in lines[3]
    assert "network   7 x 3 (141 parameters)   stage 2" in lines[4]
    assert "forecast  P(reach) 0.82, ~340 steps" in lines[5]
    assert "widen 0" not in panel
    assert [f"widen {k} -> {k + 1} [red]as it is[/red]" in lines[5 + k] for k in (1, 2, 3)] == [True] * 3
    assert lines[-1] == "finished"
    assert {len(line) for line in lines[:-1]} == {80}


def test_unknown_quantities_and_a_diverged_loss(terminal, progress):
    bare = progress(steps_total=None, merit=None, forecast="", loss=float("nan"))
    panel = show(terminal, bare)
    assert "loss      nan   target 1e-05" in panel
    for word in ("merit", "ETA", "None", "forecast", "events"):
        assert word not in panel


def test_a_merit_below_the_target_is_said_to_be_reached(terminal, progress):
    assert "merit 9.000e-06   target 1e-05 (reached)" in show(terminal, progress(merit=9e-6))


def test_before_the_first_step(terminal):
    display = LiveDisplay(terminal.stream)
    display.start("poisson", 1e-5)
    terminal.wait_for("waiting for the first step")
    display.stop()


def test_the_clock_goes_on_during_a_long_step(terminal, progress):
    now = [50.0]
    display = LiveDisplay(terminal.stream, clock=lambda: now[0])
    display.start("poisson", 1e-5)
    display.update(progress(seconds=12.0, steps_total=None, seconds_total=612.0))
    terminal.wait_for("elapsed 0:00:12  ETA 0:10:00 (budget)")
    now[0] += 100.0
    terminal.wait_for("elapsed 0:01:52  ETA 0:08:20 (budget)")
    display.stop("closed")
    terminal.wait_for("closed")
    # the last frame shows what the run counted, not the wait
    assert "elapsed 0:00:12" in terminal.last_panel()


def test_at_most_ten_frames_a_second(terminal, progress):
    display = LiveDisplay(terminal.stream)
    display.start("poisson", 1e-5)
    begin, updates = time.monotonic(), 0
    while time.monotonic() < begin + 1.5:
        display.update(progress(step=updates))
        updates += 1
    frames = terminal.raw().count("╭")
    display.stop("closed")
    terminal.wait_for("closed")
    assert updates > 10_000
    assert 2 <= frames <= 15


def test_an_update_is_cheap(terminal, progress):
    display = LiveDisplay(terminal.stream)
    display.start("poisson", 1e-5)
    now = progress()
    seconds = min(timeit.repeat(lambda: display.update(now), number=2000, repeat=10)) / 2000
    display.stop("closed")
    terminal.wait_for("closed")
    assert seconds < 10e-6


def test_no_color_keeps_the_panel(terminal, progress, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "step 120/4000" in show(terminal, progress())
    colours = [code for code in range(30, 50) if f"\x1b[{code}m" in terminal.raw()]
    # 39 and 49 are the defaults
    assert set(colours) <= {39, 49}


def test_colour_is_the_default(terminal, progress):
    show(terminal, progress())
    assert "\x1b[36m" in terminal.raw()


def test_what_goes_to_a_file_is_left_alone(terminal, progress, capfd):
    display = LiveDisplay(terminal.stream)
    display.start("poisson", 1e-5)
    print("a result", flush=True)
    display.stop("closed")
    terminal.wait_for("closed")
    assert capfd.readouterr() == ("a result\n", "")
    assert "a result" not in terminal.text()


def test_a_closed_window_does_not_stop_the_run(terminal, progress):
    display = LiveDisplay(terminal.stream)
    display.start("poisson", 1e-5)
    display.update(progress())
    terminal.hang_up()
    for _ in range(10):
        display.update(progress())
        display.event("widen")
        time.sleep(0.1)
    display.stop("closed")


def test_stopping_twice_or_before_the_start_is_harmless(terminal):
    display = LiveDisplay(terminal.stream)
    display.stop("never shown")
    display.start("poisson", 1e-5)
    display.stop("once")
    display.stop("twice")
    assert "never shown" not in terminal.wait_for("once")
    assert "twice" not in terminal.text()


SCRIPT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits it ignored
from pinnrun.display import Progress, make_display
display = make_display("auto")
display.start("poisson", 1e-5)
display.update(Progress(0, 3, 1, 13, 17, 200, 1.0, None, 0.5, None, 1e-5))
time.sleep(0.6)
if sys.argv[1] == "raise":
    raise RuntimeError("out of luck")
if sys.argv[1] != "leave":
    os.kill(os.getpid(), int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("leave", 0),
        ("raise", 1),
        (str(int(signal.SIGINT)), -signal.SIGINT),
        (str(int(signal.SIGTERM)), -signal.SIGTERM),
        (str(int(signal.SIGKILL)), -signal.SIGKILL),
    ],
)
def test_the_terminal_is_left_as_it_was_however_the_run_ends(terminal, how, code):
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, how], stderr=terminal.slave, stdout=subprocess.PIPE, timeout=60
    )
    terminal.stream.write("$ prompt")
    terminal.stream.flush()
    terminal.wait_for("$ prompt")
    assert process.returncode == code
    assert process.stdout == b""
    raw = terminal.raw()
    assert "step 17/200" in terminal.text()
    assert ("RuntimeError: out of luck" in terminal.text()) is (how == "raise")
    assert raw.rfind("\x1b[?25h") > raw.rfind("\x1b[?25l"), "the cursor is hidden"
    assert "\x1b[?1049h" not in raw
    assert terminal.text().splitlines()[-1] == "$ prompt"


def test_history_keeps_every_stride_th_value():
    values = [float(k) for k in range(1000)]
    for count in (1, 15, 16, 17, 100, 1000):
        history = History(capacity=16)
        for value in values[:count]:
            history.append(value)
        kept = history.values()
        # the stride that keeps the record below its capacity, found by trying
        stride = next(2**k for k in range(20) if len(values[:count][:: 2**k]) < 16)
        assert kept == values[:count][::stride]
