"""status.json and result.json: how a run stands and what came out, for people, scripts and sweeps to read."""

import json
import os
import socket
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from pinnrun.errors import UserError
from pinnrun.storage import atomic

STATUS = "status.json"
RESULT = "result.json"


class State(str, Enum):
    """How a run stands, or how it ended; status.json and result.json hold the word."""

    RUNNING = "running"
    DONE = "done"  # the target holds
    BUDGET = "budget"  # spent before the target was reached
    STALLED = "stalled"  # the optimizer cannot go on, and the network may not grow
    UNREACHABLE = "unreachable"  # the forecast is all but sure that the budget will not do
    INTERRUPTED = "interrupted"  # by a signal
    DIVERGED = "diverged"  # the loss is not finite, or has blown up, and smaller steps did not help
    FAILED = "failed"  # by an error

    __str__ = str.__str__

    @property
    def settled(self) -> bool:
        """Whether the run has come to an end of its own, with a result to go by."""
        return self in (State.DONE, State.BUDGET, State.STALLED, State.UNREACHABLE)

    @property
    def resumable(self) -> bool:
        """Whether it makes sense to go on with the run as it is."""
        return self not in (State.DONE, State.STALLED)


def write_status(
    folder: str | os.PathLike[str],
    state: State | str,
    *,
    reason: str = "",
    step: int = 0,
    stage: int = 0,
    resume: str = "",
) -> Path:
    """Replace status.json; adds pid, host, `updated` (now) and `started` (when it was written first).

    Args:
        folder: the run folder.
        state: how it stands.
        reason: why it ended, or the last decision.
        step: run-global step reached.
        stage: stage reached.
        resume: the command that takes the run up again, "" when it is done.

    Raises:
        ValueError: `state` is no `State`.
        OSError: the disk is full or the folder is not writable; the old status is left as it was.
    """
    now = datetime.now().astimezone().isoformat(timespec="milliseconds")
    try:
        started = (read_status(folder) or {}).get("started", now)
    except UserError:
        started = now  # a status spoilt by hand is no reason to end a run
    status = {
        "state": State(state).value,
        "reason": reason,
        "step": step,
        "stage": stage,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": started,
        "updated": now,
        "resume": resume,
    }
    return atomic.write_json(Path(folder) / STATUS, status)


def read_status(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What `write_status` wrote last; None before the first time.

    Raises:
        UserError: the file does not hold a JSON object.
    """
    return _read_object(Path(folder) / STATUS)


def write_result(folder: str | os.PathLike[str], result: Mapping[str, Any]) -> Path:
    """Replace result.json; NaN and infinities are stored as null.

    Raises:
        OSError: the disk is full or the folder is not writable; an old result is left as it was.
        TypeError: `result` holds something that JSON has no word for.
    """
    return atomic.write_json(Path(folder) / RESULT, result)


def remove_result(folder: str | os.PathLike[str]) -> None:
    """Forget result.json: the run goes on, and what it says is not how it ended."""
    (Path(folder) / RESULT).unlink(missing_ok=True)


def read_result(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What `write_result` wrote; None while there is no result.

    Raises:
        UserError: the file does not hold a JSON object.
    """
    return _read_object(Path(folder) / RESULT)


def _read_object(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.\nDelete it; the run itself is not harmed.") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} does not hold a JSON object.\nDelete it; the run itself is not harmed.")
    return value
