import json
import os
from pathlib import Path

import pytest

from pinnrun.errors import UserError
from pinnrun.storage import latest_run, run_lock, runs_below


def make_run(path: Path, started: str | None = None, state: str = "interrupted") -> Path:
    path.mkdir(parents=True)
    status = {"state": state} | ({"started": started} if started else {})
    (path / "status.json").write_text(json.dumps(status))
    return path


def test_the_run_that_started_last_wins_wherever_it_lies(tmp_path):
    make_run(tmp_path / "npbe" / "b", "2026-11-21T10:00:00+01:00")
    newest = make_run(tmp_path / "poisson" / "a", "2026-11-21T09:30:00+00:00")  # half an hour later
    assert latest_run(tmp_path) == newest
    newest = make_run(tmp_path / "sweeps" / "npbe" / "width" / "w=4", "2026-11-21T10:45:00+01:00")
    assert latest_run(tmp_path) == newest


def test_without_a_status_the_name_of_the_folder_tells_the_time_then_its_last_change(tmp_path):
    (tmp_path / "npbe" / "2026-11-21_10-00-00_ca80" / "windows").mkdir(parents=True)
    newest = tmp_path / "npbe" / "2026-11-21_10-00-01_0b11"
    (newest / "windows").mkdir(parents=True)
    assert latest_run(tmp_path) == newest
    for name, changed in (("old", 0), ("new", 4e9)):
        (tmp_path / "npbe" / name / "windows").mkdir(parents=True)
        os.utime(tmp_path / "npbe" / name, (changed, changed))
    assert latest_run(tmp_path) == tmp_path / "npbe" / "new"


def test_folders_that_are_no_runs_are_passed_over(tmp_path):
    run = make_run(tmp_path / "npbe" / "run", "2020-01-01T00:00:00+00:00")
    (tmp_path / "npbe" / "2026-11-21_10-00-00_ca80" / ".hydra").mkdir(parents=True)
    make_run(tmp_path / "npbe" / ".trash", "2026-01-01T00:00:00+00:00")
    make_run(tmp_path / "npbe" / "run" / "windows", "2026-01-01T00:00:00+00:00")
    (tmp_path / "npbe" / "link").symlink_to(make_run(tmp_path.parent / f"{tmp_path.name}_x", "2026-01-01T00:00:00"))
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "up").symlink_to(tmp_path)
    (tmp_path / "notes.txt").touch()
    assert latest_run(tmp_path) == run


def test_a_spoilt_status_hides_nothing(tmp_path):
    run = make_run(tmp_path / "npbe" / "2026-11-21_10-00-00_ca80")
    make_run(tmp_path / "npbe" / "old", "2020-01-01T00:00:00+00:00")
    (run / "status.json").write_text("{")
    assert latest_run(tmp_path) == run


@pytest.mark.parametrize("end", ["done", "stalled"])
@pytest.mark.parametrize("state", ["running", "budget", "interrupted", "diverged", "failed"])
def test_unfinished_means_neither_done_nor_stalled(tmp_path, state, end):
    run = make_run(tmp_path / "npbe" / "a", "2020-01-01T00:00:00+00:00", state)
    done = make_run(tmp_path / "npbe" / "b", "2021-01-01T00:00:00+00:00", end)
    assert latest_run(tmp_path) == done
    assert latest_run(tmp_path, unfinished=True) == run


def test_unfinished_leaves_out_what_another_process_is_busy_with(tmp_path):
    idle = make_run(tmp_path / "npbe" / "a", "2020-01-01T00:00:00+00:00", "running")
    busy = make_run(tmp_path / "npbe" / "b", "2021-01-01T00:00:00+00:00", "running")
    with run_lock(busy):
        assert latest_run(tmp_path) == busy
        assert latest_run(tmp_path, unfinished=True) == idle
    assert latest_run(tmp_path, unfinished=True) == busy


def test_no_run_at_all(tmp_path):
    with pytest.raises(UserError, match=f"no run under {tmp_path / 'nowhere'}"):
        latest_run(tmp_path / "nowhere")
    make_run(tmp_path / "npbe" / "b", "2021-01-01T00:00:00+00:00", "done")
    with pytest.raises(UserError, match="no unfinished run"):
        latest_run(tmp_path, unfinished=True)


def test_runs_below_a_folder_by_name_at_any_depth(tmp_path):
    inner, outer = make_run(tmp_path / "b" / "c"), make_run(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    make_run(outer / "not another")  # what a run holds is its own
    (tmp_path / "link").symlink_to(outer)
    assert runs_below(tmp_path) == [outer, inner]
    assert runs_below(tmp_path / "nowhere") == []


def test_runs_that_are_left_out_because_of_their_locks_are_named(tmp_path):
    """A lock of a process on another machine is never taken to be stale: a person has to say so."""
    busy = make_run(tmp_path / "npbe" / "b", "2021-01-01T00:00:00+00:00", "running")
    (busy / "run.lock").write_text('{"pid": 77, "host": "node7", "birth": "x", "namespace": ""}')
    with pytest.raises(UserError) as caught:
        latest_run(tmp_path, unfinished=True)
    assert f"{busy} is in use by process 77 on node7" in str(caught.value)
    assert "delete the run.lock of that folder" in str(caught.value)
