"""Find the run that `run=last` and `resume=last` mean."""

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pinnrun.errors import UserError
from pinnrun.storage.lock import lock_holder
from pinnrun.storage.run import is_run
from pinnrun.storage.status import State, read_status

SWEEPS = "sweeps"
MENTIONED = 3  # runs in use, in an error


def latest_run(root: str | os.PathLike[str] = "outputs", *, unfinished: bool = False) -> Path:
    """The run under `root` that started last: root/<problem>/<run>, and root/sweeps/ at any depth.

    `unfinished` leaves out runs that are done, stalled or given up and runs that a living process is busy with.

    Raises:
        UserError: there is none.
    """
    runs = [run for run in _find_runs(Path(root)) if not (unfinished and _is_settled(run))]
    busy = {run: holder for run in runs if unfinished and (holder := lock_holder(run))}
    newest = max((run for run in runs if run not in busy), key=_started, default=None)
    if newest is None:
        locks = (f"\n{run} is in use by process {who.pid} on {who.host}" for run, who in list(busy.items())[:MENTIONED])
        gone = "; if a process is surely gone, delete the run.lock of that folder." if busy else ""
        raise UserError(
            f"There is no {'unfinished run that is free' if busy else 'unfinished run' if unfinished else 'run'} under "
            f"{root}.{''.join(locks)}{gone}\n"
            "Name a run folder instead of 'last', or start a run with: pinnrun train"
        )
    return newest


def runs_below(folder: str | os.PathLike[str]) -> list[Path]:
    """The run folders in `folder`, at any depth, by name; links are not followed."""
    return sorted(_find_below(Path(folder)))


def _find_runs(root: Path) -> Iterator[Path]:
    for problem in _folders(root):
        if problem.name == SWEEPS:
            yield from _find_below(problem)
        else:
            yield from filter(is_run, _folders(problem))


def _find_below(folder: Path) -> Iterator[Path]:
    for child in _folders(folder):
        if is_run(child):
            yield child
        else:
            yield from _find_below(child)


def _folders(folder: Path) -> list[Path]:
    # No links: outputs/latest -> outputs/npbe/... would show a run twice, a link upwards would never end.
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != "."]
    except OSError:
        return []


def _is_settled(folder: Path) -> bool:
    return _status(folder).get("state") in (State.DONE, State.STALLED, State.UNREACHABLE)


def _started(folder: Path) -> tuple[float, str]:
    """When a run began: its status, else the date in its name, else the time of its last change."""
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(str(_status(folder).get("started"))).timestamp(), folder.name
    with contextlib.suppress(ValueError):
        return datetime.strptime(folder.name[:19], "%Y-%m-%d_%H-%M-%S").timestamp(), folder.name
    return folder.stat().st_mtime, folder.name


def _status(folder: Path) -> dict[str, Any]:
    try:
        return read_status(folder) or {}
    except UserError:
        return {}  # one spoilt status must not hide the other runs
