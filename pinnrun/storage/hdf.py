"""What all HDF5 files of a run share: built in memory, checksummed throughout, records of plain values."""

import contextlib
import errno
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pinnrun.errors import UserError
from pinnrun.storage import atomic

# v110 because its metadata carries checksums, unlike the default's; HDF5 1.10 (2016) and later read it.
_LIBRARY_VERSION = ("v110", "v110")
_CHUNK_BYTES = 2**20

# Longer attributes may become "huge objects", which HDF5 does not checksum; longer texts become datasets.
_ATTRIBUTE_CHARACTERS = 512

# What keeps a file from being read that may be sound.
UNREADABLE = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EIO)

# What h5py raises on damaged files, besides OSError.
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError)


@contextlib.contextmanager
def replacing(path: Path, schema: str, version: int) -> Iterator[h5py.File]:
    """Build an HDF5 file in memory and, when the block ends well, put it at `path` in one atomic step.

    Raises:
        OSError: the disk is full or the folder is not writable; an old file at `path` is untouched.
    """
    # BytesIO, not the core driver: the image of a file that is still open fails its checksum on HDF5 1.14.
    image = io.BytesIO()
    with h5py.File(image, "w", libver=_LIBRARY_VERSION) as file:
        write_record(file, {"schema": schema, "schema_version": version})
        yield file
    atomic.write_bytes(path, image.getbuffer())


@contextlib.contextmanager
def reading(path: Path, schema: str, version: int, *, remedy: str) -> Iterator[h5py.File]:
    """Open `path` to read; damage, met here or inside the block, becomes an error that names file and remedy.

    Raises:
        UserError: missing, damaged, not of this schema, or written by a newer pinnrun.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist.\n{remedy}")
    try:
        # Files of a run are replaced, never changed: no lock needed, and network file systems may have none.
        with h5py.File(path, "r", locking=False) as file:
            found = read_record(file)
            if found.get("schema") != schema:
                raise UserError(f"{path} is no {schema} file (schema: {found.get('schema')!r}).\n{remedy}")
            if found["schema_version"] != version:
                raise UserError(
                    f"{path} has {schema} version {found['schema_version']}; "
                    f"this pinnrun reads version {version}.\n"
                    "Read it with the pinnrun that wrote it."
                )
            yield file
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno in UNREADABLE:
            raise UserError(f"{path} cannot be read: {os.strerror(error.errno)}.") from error
        raise UserError(f"{path} is damaged: {first_line(error)}.\n{remedy}") from error


def write_array(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    """Store an array (n, ...) in chunks of whole rows, about 1 MiB each, with Fletcher checksums."""
    if values.size == 0:  # nothing to protect, and HDF5 has no empty chunks
        return group.create_dataset(name, data=values)
    row_bytes = values[0].nbytes
    rows = min(len(values), max(1, _CHUNK_BYTES // row_bytes))
    return group.create_dataset(name, data=values, chunks=(rows, *values.shape[1:]), fletcher32=True)


def write_texts(group: h5py.Group, name: str, texts: list[str]) -> h5py.Dataset:
    """Store texts as a dataset (n,) of UTF-8 strings of one length; h5py's `.asstr()` reads them.

    Of one length because variable-length strings lie in HDF5's global heap, which no checksum covers.
    """
    encoded = [text.encode() for text in texts]
    length = max((len(data) for data in encoded), default=1) or 1
    return write_array(group, name, np.array(encoded, dtype=h5py.string_dtype("utf-8", length)))


def read_array(group: h5py.Group, name: str, rows: slice = slice(None)) -> np.ndarray:
    """Read what `write_array` stored; HDF5 verifies the checksums of the chunks it touches.

    Raises:
        TypeError: `name` is not a dataset.
    """
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset):
        raise TypeError(f"{name} is not a dataset")
    return dataset[rows]


def read_texts(group: h5py.Group, name: str) -> list[str]:
    """Read what `write_texts` stored."""
    return [bytes(data).decode() for data in read_array(group, name)]


def subgroup(group: h5py.Group, name: str) -> h5py.Group:
    """The group `name` in `group`.

    Raises:
        TypeError: `name` is not a group.
    """
    found = group[name]
    if not isinstance(found, h5py.Group):
        raise TypeError(f"{name} is not a group")
    return found


def write_record(group: h5py.Group, record: Mapping[str, Any]) -> None:
    """Store a mapping of JSON-able values: short ones as attributes, long texts and JSON as datasets."""
    for key, value in record.items():
        value = value.item() if isinstance(value, np.generic) else value
        if value is None:
            group.attrs[key] = h5py.Empty("i1")
        elif isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**63):
            group.attrs[key] = value
        elif isinstance(value, str) and "\0" not in value:
            if len(value) <= _ATTRIBUTE_CHARACTERS:
                _write_short_text(group, key, value)
            else:
                _write_long_text(group, key, value, "text")
        else:
            _write_long_text(group, key, json.dumps(value, default=atomic.plain), "json")


def read_record(group: h5py.Group) -> dict[str, Any]:
    """Read what `write_record` stored, as plain Python values."""
    record = {key: _plain_attribute(value) for key, value in group.attrs.items()}
    for key in list(group):
        # Not items(): it hands out None for a damaged object, where this raises.
        item = group[key]
        if isinstance(item, h5py.Dataset) and "encoding" in item.attrs:
            (text,) = read_texts(group, key)
            record[key] = json.loads(text) if _plain_attribute(item.attrs["encoding"]) == "json" else text
    return record


def first_line(error: BaseException) -> str:
    """The first line of an error's text, short enough for a message of six lines."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def _write_short_text(owner: h5py.Group | h5py.Dataset, key: str, text: str) -> None:
    data = text.encode()
    owner.attrs.create(key, data, dtype=h5py.string_dtype("utf-8", max(1, len(data))))


def _write_long_text(group: h5py.Group, key: str, text: str, encoding: str) -> None:
    _write_short_text(write_texts(group, key, [text]), "encoding", encoding)


def _plain_attribute(value: Any) -> Any:
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, bytes):  # np.bytes_ is one
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value
