"""Atomic file replacement: a reader, or a kill at any instant, finds the old file or the new one, whole."""

import contextlib
import json
import math
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Such as .run.h5.9f03c1d2.tmp: a name nothing else has, so that the sweep for leftovers hits nothing else.
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


def write_bytes(path: str | os.PathLike[str], data: bytes | memoryview) -> Path:
    """Replace `path` by `data` in one step: temporary file, fsync, rename, fsync of the folder.

    Raises:
        OSError: the disk is full, a quota is spent or the folder is not writable; the old file is left
            as it was and no temporary file stays behind.
    """
    path = Path(path)
    temporary = stage(path, data)
    try:
        os.replace(temporary, path)
    except BaseException:
        _discard(temporary)
        raise
    sync_folder(path.parent)
    return path


def stage(path: Path, data: bytes | memoryview) -> Path:
    """Write `data` to a temporary file beside `path`, durable and ready to be renamed to it; return its path.

    Raises:
        OSError: as `write_bytes`; no temporary file stays behind.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_through(temporary, data)
    except OSError as error:
        _discard(temporary)
        # write() and fsync() do not say which file they failed on
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        _discard(temporary)
        raise
    return temporary


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Replace `path` by `text` in UTF-8; atomic and with the errors of `write_bytes`."""
    return write_bytes(path, text.encode())


def write_json(path: str | os.PathLike[str], value: Any) -> Path:
    """Replace `path` by `value` as strict JSON: NaN and infinities become null, arrays become lists.

    Atomic and with the errors of `write_bytes`.

    Raises:
        TypeError: `value` holds something that JSON has no word for.
    """
    try:
        text = json.dumps(value, indent=2, default=plain, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=2, allow_nan=False)
    return write_text(path, text + "\n")


def remove_leftovers(folder: str | os.PathLike[str]) -> list[Path]:
    """Delete the temporary files that killed writers left in `folder` and below; return their paths.

    Call it only while holding the run's lock: a temporary file of a living writer looks the same.
    """
    found = [path for path in Path(folder).rglob(".*.tmp") if _TEMPORARY.fullmatch(path.name)]
    for path in found:
        _discard(path)
    return found


def plain(value: Any) -> Any:
    """Turn numpy scalars, arrays and paths into what JSON knows; the `default` hook of `json.dumps`.

    Raises:
        TypeError: `value` is none of these.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON: {value!r}")


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable, where the file system can (some network ones refuse)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_through(path: Path, data: bytes | memoryview) -> None:
    # os.open and not tempfile: the file keeps the mode that the umask gives, so a group can read the run
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(data)
        while len(rest):  # one write() may take less than all of it
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return _finite(plain(value))
