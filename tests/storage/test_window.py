import dataclasses
import errno
import json

import h5py
import numpy as np
import pytest

from pinnrun.errors import UserError
from pinnrun.storage import drop_windows_from, hdf, list_windows, read_window, write_window


def test_a_window_comes_back_as_it_was(tmp_path, make_window, assert_same_window):
    window = make_window(7, stage=2)
    path = write_window(tmp_path, window)
    assert path == tmp_path / "windows" / "s02_w0007.h5"
    assert_same_window(read_window(path), window)


def test_plain_h5py_reads_a_window(tmp_path, make_window):
    window = make_window(3, stage=1)
    with h5py.File(write_window(tmp_path, window)) as file:
        assert file.attrs["schema"] == b"pinnrun-window"
        assert file.attrs["schema_version"] == 1
        assert (file.attrs["stage"], file.attrs["number"], file.attrs["first_step"]) == (1, 3, 25)
        np.testing.assert_array_equal(file["columns/loss"][:], window.columns["loss"])
        np.testing.assert_array_equal(file["columns/term/edge"][:], window.columns["term/edge"])
        np.testing.assert_array_equal(file["weights"][:], window.weights)
        np.testing.assert_array_equal(file["weight_steps"][:], window.weight_steps)
        assert [json.loads(text) for text in file["layout"].asstr()[:]] == [
            ["weight_0", [3, 2]],
            ["bias_0", [3]],
            ["scale", []],
        ]
        assert dict(file["architecture"].attrs)["width"] == 3


def test_every_dataset_has_a_checksum_and_none_is_compressed(tmp_path, make_window):
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found.append(name)
            assert item.fletcher32, name
            assert item.compression is None, name

    with h5py.File(write_window(tmp_path, make_window())) as file:
        file.visititems(visit)
    assert len(found) == 8 + 2 + 3  # columns, terms; weights, weight_steps, layout


@pytest.mark.parametrize(
    ("k", "size", "dtype", "rows"),
    [(4, 10, None, 4), (100, 10_000, None, 13), (100, 10_000, "float32", 26), (2, 200_000, None, 1)],
)
def test_weights_lie_in_chunks_of_whole_rows_of_about_a_mebibyte(tmp_path, make_window, k, size, dtype, rows):
    window = make_window(n=max(k, 1), k=k, layout=(("weight", (size,)),))
    with h5py.File(write_window(tmp_path, window, dtype=dtype)) as file:
        assert file["weights"].chunks == (rows, size)


def test_weights_may_be_stored_in_single_precision(tmp_path, make_window):
    window = make_window()
    stored = read_window(write_window(tmp_path, window, dtype="float32"))
    assert stored.weights.dtype == np.float32
    np.testing.assert_array_equal(stored.weights, window.weights.astype(np.float32))
    assert stored.columns["loss"].dtype == np.float64


def test_a_window_may_have_no_snapshots(tmp_path, make_window, assert_same_window):
    window = make_window(k=0)
    assert_same_window(read_window(write_window(tmp_path, window)), window)


def test_weights_may_be_left_unread(tmp_path, make_window):
    window = make_window()
    found = read_window(write_window(tmp_path, window), weights=False)
    assert found.weights.shape == (0, 10)
    np.testing.assert_array_equal(found.columns["loss"], window.columns["loss"])


def test_many_and_long_architecture_values_come_back(tmp_path, make_window):
    values = {f"size_{i}": i for i in range(30)} | {"activation": "tänh", "spec": "(x) " * 5000, "empty": ""}
    window = dataclasses.replace(make_window(), architecture=values)
    assert read_window(write_window(tmp_path, window)).architecture == values


def test_equal_windows_make_equal_files(tmp_path, make_window):
    first = write_window(tmp_path / "a", make_window()).read_bytes()
    assert write_window(tmp_path / "b", make_window()).read_bytes() == first


def test_a_window_is_never_overwritten(tmp_path, make_window):
    path = write_window(tmp_path, make_window())
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="s00_w0000"):
        write_window(tmp_path, make_window(n=3, k=1))
    assert path.read_bytes() == before


@pytest.mark.parametrize("flips", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_reported_or_harmless(tmp_path, make_window, assert_same_window, flips):
    window = make_window()
    path = write_window(tmp_path, window)
    good = path.read_bytes()
    detected = 0
    for position in np.random.default_rng(flips).choice(8 * len(good), flips, replace=False):
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        path.write_bytes(bad)
        try:
            found = read_window(path)
        except UserError as error:
            assert str(path) in str(error)
            detected += 1
        else:
            assert_same_window(found, window)
    assert detected > 0.8 * flips  # the rest fell into space that HDF5 left unused


@pytest.mark.parametrize("flips", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_flipped_bit_in_the_weights_is_always_detected(tmp_path, make_window, flips):
    window = make_window(n=32, k=32)
    path = write_window(tmp_path, window)
    good = path.read_bytes()
    start = good.index(window.weights.tobytes())
    for offset in np.random.default_rng(flips).choice(8 * window.weights.nbytes, flips, replace=False):
        bad = bytearray(good)
        bad[start + offset // 8] ^= 1 << offset % 8
        path.write_bytes(bad)
        with pytest.raises(UserError, match=r"s00_w0000\.h5 is damaged"):
            read_window(path)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_window_is_reported(tmp_path, make_window, kept):
    path = write_window(tmp_path, make_window())
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(UserError, match="damaged") as caught:
        read_window(path)
    assert "backup" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 6


def test_a_missing_window_is_reported(tmp_path):
    with pytest.raises(UserError, match=r"s00_w0000\.h5 does not exist"):
        read_window(tmp_path / "s00_w0000.h5")


def test_another_schema_is_refused(tmp_path, make_window):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["data"] = [1.0]
    with pytest.raises(UserError, match="no pinnrun-window file"):
        read_window(path)
    path = write_window(tmp_path, make_window())
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 2
    with pytest.raises(UserError, match="version 2"):
        read_window(path)


def test_a_window_whose_parts_do_not_fit_is_refused(make_window):
    window = make_window()
    columns = dict(window.columns)
    cases = {
        "columns missing: damping": {"columns": {k: v for k, v in columns.items() if k != "damping"}},
        "increase": {"columns": columns | {"step": columns["step"][::-1]}},
        "first_step=2": {"first_step": 2},
        "column loss has shape": {"columns": columns | {"loss": np.ones(3)}},
        "no name": {"columns": columns | {"term/": np.ones(8)}},
        "weights have shape": {"weights": np.ones((4, 9))},
        r"ask for \(3, 10\)": {"weight_steps": np.arange(3)},
    }
    for message, change in cases.items():
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(window, **change)


def test_windows_are_listed_by_number(tmp_path, make_window):
    for number, stage in ((0, 0), (1, 0), (9999, 1), (10_000, 12)):
        write_window(tmp_path, make_window(number, stage=stage))
    (tmp_path / "windows" / ".s00_w0002.h5.0123abcd.tmp").touch()
    (tmp_path / "windows" / "notes.txt").touch()
    found = list_windows(tmp_path)
    assert [(entry.number, entry.stage) for entry in found] == [(0, 0), (1, 0), (9999, 1), (10_000, 12)]
    assert found[3].path == tmp_path / "windows" / "s12_w10000.h5"
    assert list_windows(tmp_path / "elsewhere") == ()


def test_two_windows_of_one_number_are_reported(tmp_path, make_window):
    write_window(tmp_path, make_window(4, stage=0))
    write_window(tmp_path, make_window(4, stage=1))
    with pytest.raises(UserError, match=r"window 4 twice: s00_w0004\.h5 and s01_w0004\.h5"):
        list_windows(tmp_path)


def test_windows_from_a_number_on_are_dropped(tmp_path, make_window):
    for number in range(5):
        write_window(tmp_path, make_window(number, stage=number // 2))
    dropped = drop_windows_from(tmp_path, 3)
    assert [path.name for path in dropped] == ["s02_w0004.h5", "s01_w0003.h5"]
    assert [entry.number for entry in list_windows(tmp_path)] == [0, 1, 2]
    assert drop_windows_from(tmp_path, 3) == []


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, make_window, monkeypatch):
    path = write_window(tmp_path, make_window(0))

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(hdf.h5py, "File", refused)
    with pytest.raises(UserError) as caught:
        read_window(path)
    assert str(caught.value) == f"{path} cannot be read: Permission denied."
