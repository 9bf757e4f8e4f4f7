"""One window of training: n steps of columns, k snapshots of the weights, in one immutable HDF5 file."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import h5py
import numpy as np

from pinnrun.errors import UserError
from pinnrun.storage import hdf

SCHEMA = "pinnrun-window"
SCHEMA_VERSION = 1
FOLDER = "windows"

# The columns that every window has, with the type each is stored in; others, such as "term/<name>", are float64.
COLUMNS: dict[str, str] = {
    "step": "i8",
    "loss": "f8",
    "merit": "f8",
    "gradient_norm": "f8",
    "damping": "f8",
    "accepted": "i1",
    "evaluations": "i8",
    "seconds": "f8",
}

Layout = tuple[tuple[str, tuple[int, ...]], ...]

_FILE_NAME = re.compile(r"s(\d{2,})_w(\d{4,})\.h5")
_REMEDY = (
    "Copy it back from a backup, or delete it: the run can be read without it (its steps are then missing),\n"
    "and training resumes from the checkpoint."
)


@dataclass(frozen=True)
class Window:
    """A trial of n steps with one architecture; what is trained, stored, analysed and decided upon at a time.

    Attributes:
        stage: number of the stage, from 0.
        number: number of the window within the run, across stages.
        first_step: run-global step of the first row.
        columns: (n,) each, n >= 1; those of `COLUMNS` and any "term/<name>". `step` is run-global and 1-based
            (a row is the state after that step), `seconds` is CPU time since the start of the run, `merit` is
            NaN where it was not measured.
        weights: (k, P) float64 or float32, snapshots of the flat parameter vector; k may be 0.
        weight_steps: (k,) run-global steps of the snapshots.
        layout: names and shapes that unflatten a row of `weights`, in order.
        architecture: plain values that describe the network: width, depth, parameters, activation ...

    Raises:
        ValueError: the parts do not fit together; says which.
    """

    stage: int
    number: int
    first_step: int
    columns: Mapping[str, np.ndarray]
    weights: np.ndarray
    weight_steps: np.ndarray
    layout: Layout
    architecture: Mapping[str, int | float | str]

    def __post_init__(self):
        if missing := COLUMNS.keys() - self.columns.keys():
            raise ValueError(f"columns missing: {', '.join(sorted(missing))}")
        steps = self.columns["step"]
        if len(steps) == 0 or steps[0] != self.first_step or np.any(np.diff(steps) <= 0):
            raise ValueError(f"column step must increase from first_step={self.first_step}")
        for name, column in self.columns.items():
            if not all(part.strip(".") for part in name.split("/")):
                raise ValueError(f"{name!r} is no name for a column")
            if np.shape(column) != np.shape(steps):
                raise ValueError(f"column {name} has shape {np.shape(column)}, step has {np.shape(steps)}")
        parameters = sum(int(np.prod(shape)) for _, shape in self.layout)
        if np.shape(self.weights) != (len(self.weight_steps), parameters):
            raise ValueError(
                f"weights have shape {np.shape(self.weights)}, "
                f"weight_steps and layout ask for {(len(self.weight_steps), parameters)}"
            )

    @property
    def file_name(self) -> str:
        """Name of the window's file in the folder windows/, such as s00_w0007.h5."""
        return f"s{self.stage:02d}_w{self.number:04d}.h5"


class WindowFile(NamedTuple):
    """A window on disk: run-global number, stage, path; sorts by number."""

    number: int
    stage: int
    path: Path


def write_window(
    folder: str | os.PathLike[str], window: Window, *, dtype: Literal["float64", "float32"] | None = None
) -> Path:
    """Write a window into the run folder, complete and durable when this returns; the path of its file.

    `dtype` converts the weights, None keeps theirs. "float32" halves the file; resuming stays exact, because
    it takes the weights from the checkpoint.

    Raises:
        FileExistsError: the run has this window; windows are immutable, `drop_windows_from` removes them.
        OSError: the disk is full or the folder is not writable; nothing is left behind.
    """
    path = Path(folder) / FOLDER / window.file_name
    if path.exists():
        raise FileExistsError(f"{path} exists; drop the windows from number {window.number} on before training again")
    path.parent.mkdir(parents=True, exist_ok=True)
    with hdf.replacing(path, SCHEMA, SCHEMA_VERSION) as file:
        numbers = {"stage": window.stage, "number": window.number, "first_step": window.first_step}
        hdf.write_record(file, numbers)
        hdf.write_record(file.create_group("architecture"), window.architecture)
        columns = file.create_group("columns")
        for name, column in window.columns.items():
            hdf.write_array(columns, name, np.asarray(column, dtype=COLUMNS.get(name, "f8")))
        hdf.write_array(file, "weights", np.asarray(window.weights, dtype=dtype))
        hdf.write_array(file, "weight_steps", np.asarray(window.weight_steps, dtype="i8"))
        hdf.write_texts(file, "layout", [json.dumps(entry) for entry in window.layout])
    return path


def read_window(path: str | os.PathLike[str], *, weights: bool = True) -> Window:
    """Read a window and verify its checksums; `weights=False` skips the snapshots (they read as k = 0).

    Raises:
        UserError: the file is missing, damaged or of another schema; names the file and the remedy.
    """
    with hdf.reading(Path(path), SCHEMA, SCHEMA_VERSION, remedy=_REMEDY) as file:
        entries = [json.loads(text) for text in hdf.read_texts(file, "layout")]
        rows = slice(None) if weights else slice(0)
        record = hdf.read_record(file)
        return Window(
            stage=record["stage"],
            number=record["number"],
            first_step=record["first_step"],
            columns=_read_columns(hdf.subgroup(file, "columns")),
            weights=hdf.read_array(file, "weights", rows),
            weight_steps=hdf.read_array(file, "weight_steps", rows),
            layout=tuple((name, tuple(shape)) for name, shape in entries),
            architecture=hdf.read_record(hdf.subgroup(file, "architecture")),
        )


def list_windows(folder: str | os.PathLike[str]) -> tuple[WindowFile, ...]:
    """The windows of a run folder by number; empty when there are none yet.

    Raises:
        UserError: two files claim the same window number.
    """
    found: dict[int, WindowFile] = {}
    directory = Path(folder) / FOLDER
    for path in directory.iterdir() if directory.is_dir() else ():
        if match := _FILE_NAME.fullmatch(path.name):
            entry = WindowFile(number=int(match[2]), stage=int(match[1]), path=path)
            if entry.number in found:
                pair = sorted([path.name, found[entry.number].path.name])
                raise UserError(
                    f"{directory} holds window {entry.number} twice: {pair[0]} and {pair[1]}.\n"
                    "Delete the one that does not belong to this run."
                )
            found[entry.number] = entry
    return tuple(sorted(found.values()))


def drop_windows_from(folder: str | os.PathLike[str], number: int) -> list[Path]:
    """Delete the windows `number` and later, before training goes on from an older state; return their paths.

    The last goes first, so that a kill in between leaves a run without gaps.
    """
    dropped = [entry.path for entry in reversed(list_windows(folder)) if entry.number >= number]
    for path in dropped:
        path.unlink()
    return dropped


def _read_columns(group: h5py.Group) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            columns[name] = item[:]

    group.visititems(visit)
    return columns
