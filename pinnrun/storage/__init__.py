"""The run folder on disk: windows, index, status, checkpoints, lock.

A run appends immutable window files and replaces everything else atomically, so a kill at any instant
loses nothing that was acknowledged, and plain h5py opens every HDF5 file at any time::

    with run_lock(folder):
        remove_leftovers(folder)
        write_window(folder, window)
        write_index(folder, run_id=..., provenance=..., stages=..., decisions=...)
        save_checkpoint(folder, state)

    run = open_run(folder)
    run.stages[0].columns["loss"]
"""

from pinnrun.storage.atomic import remove_leftovers, write_bytes, write_json, write_text
from pinnrun.storage.checkpoint import load_checkpoint, save_checkpoint
from pinnrun.storage.index import Index, encode_decision, read_index, write_index
from pinnrun.storage.latest import latest_run, runs_below
from pinnrun.storage.lock import Holder, lock_holder, run_lock
from pinnrun.storage.provenance import collect_provenance, git_state, versions
from pinnrun.storage.run import Run, Stage, is_run, open_run
from pinnrun.storage.status import State, read_result, read_status, remove_result, write_result, write_status
from pinnrun.storage.window import (
    Window,
    WindowFile,
    drop_windows_from,
    list_windows,
    read_window,
    write_window,
)

__all__ = [
    "Holder",
    "Index",
    "Run",
    "Stage",
    "State",
    "Window",
    "WindowFile",
    "collect_provenance",
    "drop_windows_from",
    "encode_decision",
    "git_state",
    "is_run",
    "latest_run",
    "list_windows",
    "load_checkpoint",
    "lock_holder",
    "open_run",
    "read_index",
    "read_result",
    "read_status",
    "read_window",
    "remove_leftovers",
    "remove_result",
    "run_lock",
    "runs_below",
    "save_checkpoint",
    "versions",
    "write_bytes",
    "write_index",
    "write_json",
    "write_result",
    "write_status",
    "write_text",
    "write_window",
]
