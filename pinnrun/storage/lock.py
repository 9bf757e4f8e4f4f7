"""run.lock: one process at a time owns a run folder; a lock whose owner is dead is taken over."""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pinnrun.errors import UserError

NAME = "run.lock"

# How long an empty lock may be one that its owner has created but not yet written (seconds).
_GRACE = 5.0


@dataclass(frozen=True)
class Holder:
    """The process that a lock names.

    `birth` tells it from a later process with the same pid: on Linux boot id and start tick, else start time.
    `namespace` tells containers apart that share a host name; pids mean nothing across them.
    """

    pid: int
    host: str
    birth: str
    namespace: str

    def is_alive(self) -> bool:
        """Whether the process lives; True as well where that cannot be judged: another host or container."""
        if (self.host, self.namespace) != (socket.gethostname(), _namespace()):
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # somebody else's process: it exists, its birth decides
        birth = _birth(self.pid)
        return birth is None or birth == self.birth


def this_process() -> Holder:
    """Describe the calling process as the holder of a lock."""
    return Holder(os.getpid(), socket.gethostname(), _birth(os.getpid()) or "", _namespace())


@contextlib.contextmanager
def run_lock(folder: str | os.PathLike[str]) -> Iterator[Holder]:
    """Own the run folder until the block ends; a lock left by a killed process of this host is taken over.

    Raises:
        UserError: another process owns the folder, or the folder cannot be written.
    """
    path = Path(folder) / NAME
    holder = this_process()
    try:
        _acquire(path, holder)
    except KeyboardInterrupt:  # while the lock was being written
        _release(path, holder)
        raise
    try:
        yield holder
    finally:
        _release(path, holder)


def lock_holder(folder: str | os.PathLike[str]) -> Holder | None:
    """The living process that owns the run folder, or None; looks only, takes nothing."""
    try:
        holder = _parse((Path(folder) / NAME).read_bytes())
    except OSError:
        return None
    return holder if holder and holder.is_alive() else None


def _acquire(path: Path, holder: Holder) -> None:
    # Whoever decides about an existing lock holds flock() on that very file while reading, judging and
    # rewriting it. With deleting and making anew, two processes could delete one after the other: the second
    # one a lock that is no longer stale.
    deadline = time.monotonic() + 2 * _GRACE
    while time.monotonic() < deadline:
        try:
            if _taken(path, holder):
                return
        except OSError as error:
            raise UserError(
                f"{path.parent}: cannot lock this run folder: {error.strerror}.\n"
                "Check that the folder exists, that you may write to it, and that the disk is not full."
            ) from error
        time.sleep(0.05)
    raise UserError(f"{path} stays empty.\nIf no other pinnrun is starting in {path.parent}, delete that file.")


def _taken(path: Path, holder: Holder) -> bool:
    """Whether the lock is ours now; one that we made and could not write is not left behind."""
    handle, created = _open(path)
    if handle is None:
        return False
    try:
        return _take(handle, path, holder, created=created)
    except OSError:
        if created:
            path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)  # lets go of the flock as well


def _open(path: Path) -> tuple[int | None, bool]:
    """Create the lock exclusively, or open the one there is; (None, False) when it vanished in between."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        pass
    try:
        return os.open(path, os.O_RDWR), False
    except FileNotFoundError:
        return None, False


def _take(handle: int, path: Path, holder: Holder, *, created: bool) -> bool:
    """Write our name into the lock if it is free; False: look again.

    Raises:
        UserError: the lock belongs to somebody.
    """
    guarded = _flock(handle)
    if not _is_same_file(handle, path):
        return False  # its owner released it while we waited
    current = _parse(os.pread(handle, 4096, 0))
    if current is None:
        # Made, not yet written; if we did not make it, its maker may be at it, or dead.
        free = created or (guarded and time.time() - os.fstat(handle).st_mtime > _GRACE)
    else:
        # Without flock (some network file systems) two could take over a stale lock at once: refuse.
        free = guarded and not current.is_alive()
    if free:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
        os.fsync(handle)
    elif current is not None:
        raise UserError(
            f"{path.parent} is in use by process {current.pid} on host {current.host}.\n"
            "Wait until that run ends, stop it, or start this one in another folder.\n"
            f"If that process is surely gone, delete {path}."
        )
    return free


def _release(path: Path, holder: Holder) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            _flock(handle)
            if _is_same_file(handle, path) and _parse(os.pread(handle, 4096, 0)) == holder:
                path.unlink()
        finally:
            os.close(handle)


def _flock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _parse(data: bytes) -> Holder | None:
    try:
        return Holder(**json.loads(data))
    except (ValueError, TypeError):
        return None


def _birth(pid: int) -> str | None:
    """What no two processes with this pid share; None when it cannot be found out."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _birth_by_ps(pid)
    state, start_tick = fields[0], fields[19]  # fields 3 and 22 of proc(5)
    return "dead" if state in "ZX" else f"{boot} {start_tick}"


def _birth_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
