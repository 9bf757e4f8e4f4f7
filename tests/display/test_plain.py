import io
import os
import timeit

import pytest

from pinnrun.display.plain import PlainDisplay


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_all_fields_in_one_line_however_long(clock, progress):
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=clock)
    display.start("poisson · adam · koopman", 1e-5)
    display.update(progress(step=100, seconds=10.0))
    clock.now += 2.5
    display.update(progress(step=120, seconds=12.0, forecast="P(reach) 0.82 [bold], ~340\nsteps"))
    first, line = stream.getvalue().splitlines()
    assert first == "poisson · adam · koopman, target 1e-05"
    # 20 steps took 2 s, so 3880 take 388 s
    assert line == (
        "[0:00:12] step 120/4000  loss 3.210e-04  merit 1.020e-03  target 1e-05  net 7 x 3 (141 parameters)  "
        "stage 2  P(reach) 0.82 [bold], ~340 steps  ETA 0:06:28 (budget)"
    )


def test_lines_come_at_growing_intervals_up_to_a_minute(clock, progress):
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=clock)
    display.start("poisson", 1e-5)
    begin, times, lines = clock.now, [], 1
    for tick in range(1, 40_000):
        clock.now = begin + 0.01 * tick
        display.update(progress(step=tick))
        if stream.getvalue().count("\n") > lines:
            lines += 1
            times.append(clock.now - begin)
    gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    expected = [min(2.0 * 1.5**k, 60.0) for k in range(len(gaps))]
    assert len(gaps) == 13  # the first nine take 150 s, and four minutes fit into what is left of the 400 s
    assert gaps == pytest.approx(expected, abs=0.011)
    assert expected[-1] == 60.0


def test_events_come_at_once_in_one_line(clock, progress):
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=clock)
    display.start("poisson", 1e-5)
    display.event("first\nsecond [red]not markup[/red]")
    display.update(progress(seconds=3723.0))
    display.event("widen 7 -> 10")
    assert stream.getvalue().splitlines()[1:] == [
        "[0:00:00] first second [red]not markup[/red]",
        "[1:02:03] widen 7 -> 10",
    ]


def test_the_last_progress_is_printed_once(clock, progress):
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=clock)
    display.start("poisson", 1e-5)
    display.update(progress(step=119))
    display.update(progress(step=120))
    display.stop("stopped by SIGTERM at step 120")
    display.stop("again")
    lines = stream.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "[0:00:12] step 120/4000",
        "stopped by SIGTERM at step 120",
    ]


def test_what_is_unknown_is_left_out(clock, progress):
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=clock)
    display.start("poisson", 1e-5)
    display.update(progress(steps_total=None, merit=None, forecast="", loss=float("nan")))
    display.stop()
    line = stream.getvalue().splitlines()[1]
    assert "step 120  loss nan  target" in line
    assert "merit" not in line and "ETA" not in line and "None" not in line


def test_a_reader_that_left_does_not_stop_the_run(clock, progress):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        display = PlainDisplay(stream, clock=clock)
        display.start("poisson", 1e-5)
        for _ in range(3):
            clock.now += 100
            display.update(progress())
            display.event("widen")
        display.stop("done")


def test_an_update_that_prints_nothing_is_cheap(progress):
    display = PlainDisplay(io.StringIO())
    display.start("poisson", 1e-5)
    now = progress()
    seconds = min(timeit.repeat(lambda: display.update(now), number=2000, repeat=10)) / 2000
    assert seconds < 10e-6
