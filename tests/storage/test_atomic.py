import errno
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from pinnrun.storage import remove_leftovers, write_bytes, write_json, write_text

DISK_FULL = """
import errno, os, resource, sys
from pathlib import Path
from pinnrun.storage import write_bytes

folder = Path(sys.argv[1])
write_bytes(folder / "old", b"good")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_bytes(folder / "old", bytes(200_000))
except OSError as error:
    print(errno.errorcode[error.errno], error.filename)
print(*sorted(os.listdir(folder)))
write_bytes(folder / "small", bytes(1000))
"""


def test_write_bytes_replaces_the_whole_content(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"something much longer than what follows")
    assert write_bytes(path, b"short") == path
    assert path.read_bytes() == b"short"
    assert os.listdir(tmp_path) == ["file"]


def test_write_bytes_takes_several_writes_for_what_one_does_not_take(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:1000]))
    data = np.random.default_rng(0).bytes(12_345)
    write_bytes(tmp_path / "file", data)
    assert (tmp_path / "file").read_bytes() == data


def test_new_files_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, python):
    error, files = python(DISK_FULL, tmp_path).splitlines()
    assert error == f"EFBIG {tmp_path / 'old'}"
    assert files == "old"
    assert (tmp_path / "old").read_bytes() == b"good"
    assert (tmp_path / "small").stat().st_size == 1000


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("kind", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_at_any_point_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, call, kind):
    path = write_text(tmp_path / "file", "old")

    def fail(*_):
        raise kind

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(kind)):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_write_json_is_strict_json(tmp_path):
    value = {
        "loss": np.float64(0.5),
        "merit": float("nan"),
        "steps": np.arange(3),
        "nested": [{"gap": np.float64("inf"), "folder": Path("outputs"), "pair": (1, np.int64(2))}],
        "unit": "Å",
        "none": None,
        "ok": np.bool_(True),
    }
    path = write_json(tmp_path / "file.json", value)

    def reject(constant):
        raise AssertionError(constant)

    assert json.loads(path.read_text(), parse_constant=reject) == {
        "loss": 0.5,
        "merit": None,
        "steps": [0, 1, 2],
        "nested": [{"gap": None, "folder": "outputs", "pair": [1, 2]}],
        "unit": "Å",
        "none": None,
        "ok": True,
    }


def test_write_json_refuses_what_json_has_no_word_for(tmp_path):
    with pytest.raises(TypeError, match="complex"):
        write_json(tmp_path / "file.json", {"eigenvalue": 1j})
    assert os.listdir(tmp_path) == []


def test_remove_leftovers_hits_temporary_files_only(tmp_path):
    kept = [".hydra/config.yaml", "run.h5", ".run.h5.tmp", "notes.tmp", "windows/s00_w0000.h5"]
    gone = [".run.h5.0123abcd.tmp", "windows/.s00_w0001.h5.89abcdef.tmp"]
    for name in kept + gone:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert {str(path.relative_to(tmp_path)) for path in remove_leftovers(tmp_path)} == set(gone)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(kept)
