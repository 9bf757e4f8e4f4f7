import dataclasses
import errno
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pinnrun.errors import UserError
from pinnrun.storage import Holder, lock, lock_holder, run_lock


@pytest.fixture
def sleeper():
    """A process that lives as long as the test."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def leave(folder: Path, holder: Holder) -> None:
    (folder / "run.lock").write_text(json.dumps(dataclasses.asdict(holder)))


def holder_of(pid: int) -> Holder:
    """What the process would write into its lock; its birth is read from /proc here, or from ps."""
    try:
        tick = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        birth = Path("/proc/sys/kernel/random/boot_id").read_text().strip() + " " + tick
    except OSError:
        birth = subprocess.check_output(["ps", "-o", "lstart=", "-p", str(pid)], text=True).strip()
    return Holder(pid, socket.gethostname(), birth, lock.this_process().namespace)


def test_the_lock_names_its_holder_and_goes_when_the_block_ends(tmp_path):
    with run_lock(tmp_path) as holder:
        stored = json.loads((tmp_path / "run.lock").read_text())
        assert (stored["pid"], stored["host"]) == (os.getpid(), socket.gethostname())
        assert holder == holder_of(os.getpid())
        assert lock_holder(tmp_path) == holder
    assert os.listdir(tmp_path) == []
    assert lock_holder(tmp_path) is None


def test_an_error_in_the_block_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError), run_lock(tmp_path):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_a_living_holder_is_named_with_the_way_out(tmp_path, sleeper):
    leave(tmp_path, holder_of(sleeper.pid))
    with pytest.raises(UserError) as caught, run_lock(tmp_path):
        pass
    message = str(caught.value)
    assert f"process {sleeper.pid} on host {socket.gethostname()}" in message
    assert f"delete {tmp_path / 'run.lock'}" in message
    assert len(message.splitlines()) <= 6
    assert lock_holder(tmp_path) == holder_of(sleeper.pid)


def test_a_process_does_not_lock_a_folder_twice(tmp_path):
    with run_lock(tmp_path), pytest.raises(UserError, match="in use"), run_lock(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, sleeper):
    leave(tmp_path, holder_of(sleeper.pid))
    sleeper.kill()
    sleeper.wait()
    assert lock_holder(tmp_path) is None
    with run_lock(tmp_path) as holder:
        assert lock_holder(tmp_path) == holder == holder_of(os.getpid())
    assert os.listdir(tmp_path) == []


def test_a_killed_process_that_nobody_has_waited_for_is_dead(tmp_path, sleeper):
    leave(tmp_path, holder_of(sleeper.pid))
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    with run_lock(tmp_path):
        pass


def test_a_recycled_pid_does_not_keep_the_lock(tmp_path, sleeper):
    leave(tmp_path, dataclasses.replace(holder_of(sleeper.pid), birth="another boot 12345"))
    with run_lock(tmp_path):
        pass


@pytest.mark.parametrize("change", [{"host": "another"}, {"namespace": "pid:[1]"}])
def test_a_process_that_cannot_be_seen_from_here_keeps_its_lock(tmp_path, change):
    holder = dataclasses.replace(holder_of(os.getpid()), pid=2**22 + 1, **change)
    leave(tmp_path, holder)
    with pytest.raises(UserError, match="in use"), run_lock(tmp_path):
        pass
    assert lock_holder(tmp_path) == holder


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}'])
def test_a_lock_whose_writer_died_writing_it_is_taken_over(tmp_path, content):
    (tmp_path / "run.lock").write_text(content)
    os.utime(tmp_path / "run.lock", (time.time() - 60,) * 2)
    with run_lock(tmp_path):
        pass


def test_a_lock_that_is_being_written_is_not_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_GRACE", 0.1)
    (tmp_path / "run.lock").touch()
    os.utime(tmp_path / "run.lock", (time.time() + 60,) * 2)
    with pytest.raises(UserError, match="stays empty"), run_lock(tmp_path):
        pass


def test_without_flock_a_free_folder_is_locked_and_a_stale_lock_is_left_alone(tmp_path, monkeypatch, sleeper):
    def refuse(*_):
        raise OSError("not supported")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with run_lock(tmp_path):
        pass
    assert os.listdir(tmp_path) == []
    leave(tmp_path, dataclasses.replace(holder_of(sleeper.pid), birth="another boot 12345"))
    with pytest.raises(UserError, match="delete"), run_lock(tmp_path):
        pass


def test_a_stale_lock_replaced_while_we_look_at_it_is_not_taken(tmp_path, monkeypatch, sleeper):
    leave(tmp_path, dataclasses.replace(holder_of(sleeper.pid), birth="another boot 12345"))
    flock = lock._flock

    def overtaken(handle):
        monkeypatch.setattr(lock, "_flock", flock)
        (tmp_path / "run.lock").unlink()
        leave(tmp_path, holder_of(sleeper.pid))
        return flock(handle)

    monkeypatch.setattr(lock, "_flock", overtaken)
    with pytest.raises(UserError, match="in use"), run_lock(tmp_path):
        pass


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(UserError, match="cannot lock"), run_lock(tmp_path / "nowhere"):
        pass


def test_a_lock_replaced_by_another_run_is_not_removed(tmp_path, sleeper):
    with run_lock(tmp_path):
        leave(tmp_path, holder_of(sleeper.pid))
    assert lock_holder(tmp_path) == holder_of(sleeper.pid)


@pytest.mark.parametrize("rounds", [25, pytest.param(1000, marks=pytest.mark.slow)])
def test_of_several_processes_exactly_one_takes_a_stale_lock_over(tmp_path, python, rounds):
    printed = python(Path(__file__).with_name("contend.py"), tmp_path, 6, rounds)
    assert printed.splitlines() == ["1 False"] * rounds


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_full_disk_is_told_in_one_message_and_leaves_no_lock(tmp_path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lock.os, call, full)
    with pytest.raises(UserError, match="No space left on device"), run_lock(tmp_path):
        pass
    assert os.listdir(tmp_path) == []
