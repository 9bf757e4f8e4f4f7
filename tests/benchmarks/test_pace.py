"""Seconds of an undisturbed machine: one factor on processor time."""

import time

import pytest

from benchmarks import pace as module
from benchmarks.pace import REFERENCE, PacedClock, pace, paced


def spend(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_the_pace_is_the_median_probe_over_that_of_the_reference(monkeypatch):
    taken = iter([9.0] * module.WARM + [REFERENCE, 3 * REFERENCE, 50 * REFERENCE])
    monkeypatch.setattr(module, "_timed", lambda *_: next(taken))
    assert pace(3) == pytest.approx(3.0)


def test_a_real_probe_is_within_what_any_machine_takes():
    assert 0.05 < pace(5) < 100


def test_a_paced_clock_runs_by_its_pace():
    clock = PacedClock(7.0, 20.0, pace=4.0)
    before = clock.cpu
    assert before == pytest.approx(7.0, abs=0.01)
    spend(0.2)
    assert clock.cpu - before == pytest.approx(0.05, rel=0.1)
    assert clock.wall == pytest.approx(20.0, abs=5.0)


def test_work_elsewhere_is_told_the_pace_and_gets_the_mean_of_two(monkeypatch):
    taken = iter([2.0, 4.0])
    monkeypatch.setattr(module, "pace", lambda: next(taken))
    assert paced(lambda now: 10 * now) == (20.0, 3.0)
