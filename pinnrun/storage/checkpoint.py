"""Checkpoints: tensors and plain values in two generations, verified before use; nothing in them executes."""

import io
import os
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pinnrun.errors import UserError
from pinnrun.storage import atomic

NAME = "checkpoint.pt"
PREVIOUS = "checkpoint_prev.pt"
SCHEMA = "pinnrun-checkpoint"
SCHEMA_VERSION = 1


class _Unusable(Exception):
    """One file cannot be used; the other generation may."""


def save_checkpoint(folder: str | os.PathLike[str], state: Mapping[str, Any]) -> Path:
    """Write checkpoint.pt, the one before becomes checkpoint_prev.pt; at every instant one of them is good.

    `state` holds tensors (stored detached), int, float, str, bool, None, and lists, tuples, dicts of these.

    Raises:
        TypeError: `state` holds anything else; names the key path.
        OSError: the disk is full or the folder is not writable; both old files are left as they were.
    """
    import torch

    buffer = io.BytesIO()
    torch.save({"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "state": _plain(state, "state")}, buffer)
    current, previous = Path(folder) / NAME, Path(folder) / PREVIOUS
    fresh = atomic.stage(current, buffer.getbuffer())
    # A current file that has rotted must not push the last good one out.
    if current.exists() and _damage(current) is None:
        os.replace(current, previous)
    os.replace(fresh, current)
    atomic.sync_folder(current.parent)
    return current


def load_checkpoint(folder: str | os.PathLike[str], *, device: str = "cpu") -> tuple[dict[str, Any], str | None]:
    """Read the newest usable checkpoint: its state, all tensors on `device`, and None or what was wrong.

    The second value is a note for the user, when the last checkpoint was unusable and the previous one is it.

    Raises:
        UserError: there is none, none is usable, or it was written by another version of the format.
    """
    problems: list[str] = []
    for name in (NAME, PREVIOUS):
        try:
            state = _load(Path(folder) / name, device)
        except _Unusable as error:
            problems.append(f"{name} {error}")
        else:
            return state, f"{problems[0]}; going on from {name}" if problems else None
    raise UserError(
        f"{folder} has no checkpoint to go on from:\n  {problems[0]};\n  {problems[1]}.\n"
        "Copy one back from a backup, or train from the start in a new folder."
    )


def _load(path: Path, device: str) -> dict[str, Any]:
    if not path.exists():
        raise _Unusable("is missing")
    if damage := _damage(path):
        raise _Unusable(f"is damaged ({damage})")
    import torch

    try:
        content = torch.load(path, map_location=device, weights_only=True)
        schema, version, state = content["schema"], content["schema_version"], content["state"]
    except Exception as error:
        # The unpickler names many kinds of trouble; all mean that save_checkpoint did not write this file.
        raise _Unusable(f"is not a checkpoint of pinnrun ({type(error).__name__})") from error
    if schema != SCHEMA:
        raise _Unusable(f"is not a checkpoint of pinnrun (schema {schema!r})")
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has checkpoint version {version}, this pinnrun reads version {SCHEMA_VERSION}.\n"
            "Resume with the pinnrun that wrote it (its version is in run.h5), or train from the start."
        )
    return state


def _damage(path: Path) -> str | None:
    """What the zip archive's checksums tell against the file, None if they hold; torch.load skips them."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.testzip()
    except Exception as error:  # zipfile raises half a dozen kinds on a damaged archive
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"checksum of {member}" if member else None


def _plain(value: Any, where: str) -> Any:
    """Copy nested plain values, tensors detached; exact types, as weights_only=True refuses most subclasses.

    Raises:
        TypeError: names the key path of the first value that is not plain.
    """
    import torch

    kind = type(value)
    if kind in (int, float, str, bool) or value is None:
        return value
    if kind in (torch.Tensor, torch.nn.Parameter):
        return _compact(value.detach())
    if kind in (list, tuple):
        return kind(_plain(item, f"{where}[{index}]") for index, item in enumerate(value))
    if kind in (dict, OrderedDict):
        for key in value:
            if type(key) not in (int, str):
                raise TypeError(f"{where}: key {key!r} is {type(key).__name__}, not int or str")
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    raise TypeError(
        f"{where} is {kind.__module__}.{kind.__name__}; "
        "a checkpoint holds tensors, int, float, str, bool, None, and lists, tuples and dicts of these"
    )


def _compact(tensor: Any) -> Any:
    # torch.save writes the whole storage under a view, for one row of a window as much as for all of it
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if whole else tensor.clone()
