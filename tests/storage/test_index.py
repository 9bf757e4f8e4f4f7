import json
import math
import os
import re
import shutil

import h5py
import numpy as np
import pytest

from pinnrun.errors import UserError
from pinnrun.storage import encode_decision, read_index, write_index, write_window

PROVENANCE = {
    "run_id": "8c1f",
    "config": "problem:\n  name: npbe  # Å\n" * 200,
    "argv": ["pinnrun", "train", "problem=npbe"],
    "seed": 2**127 + 5,
    "device": "cpu",
    "threads": "",
    "versions": {"numpy": "2.4.6", "torch": "2.13.0+cpu"},
    "git": {"commit": None, "dirty": None},
    "plugins": {},
}
STAGES = [
    {
        "width": 4,
        "depth": 1,
        "steps": 40,
        "seconds": 0.5,
        "decision": "WIDEN",
        "evidence": "P 0.1",
        "growth": None,
    },
    {
        "width": 8,
        "depth": 1,
        "steps": 20,
        "growth": {"from": [4, 1], "change": 1e-16},
        "evidence": "long " * 900,
    },
]
DECISIONS = [
    {
        "step": 20,
        "stage": 0,
        "window": 0,
        "action": "CONTINUE",
        "evidence": "",
        "forecast": {"median": [0.1, 0.01]},
    },
    {
        "step": 40,
        "stage": 0,
        "window": 1,
        "action": "WIDEN",
        "evidence": "τ½ = 7",
        "forecast": {"median": []},
    },
]
RECORDS = {"run_id": "8c1f", "provenance": PROVENANCE, "stages": STAGES, "decisions": DECISIONS}


@pytest.fixture
def folder(tmp_path, make_window):
    for number, stage in enumerate((0, 0, 1)):
        write_window(tmp_path / "run", make_window(number, stage=stage))
    write_index(tmp_path / "run", **RECORDS)
    return tmp_path / "run"


def test_an_index_comes_back_as_it_was(folder):
    index = read_index(folder)
    assert index.run_id == "8c1f"
    assert index.provenance == PROVENANCE
    assert list(index.stages) == STAGES
    assert list(index.decisions) == DECISIONS


def test_values_keep_their_types(folder):
    stage = read_index(folder).stages[0]
    assert [type(stage[name]) for name in ("width", "seconds", "decision", "growth")] == [
        int,
        float,
        str,
        type(None),
    ]


def test_an_index_may_be_empty(tmp_path):
    write_index(tmp_path, run_id="", provenance={}, stages=[], decisions=[])
    index = read_index(tmp_path)
    assert (index.run_id, dict(index.provenance), index.stages, index.decisions) == ("", {}, (), ())


def test_plain_h5py_reads_an_index_and_follows_its_links(folder, make_window):
    with h5py.File(folder / "run.h5") as file:
        assert file.attrs["schema"] == b"pinnrun-run"
        assert file.attrs["schema_version"] == 1
        assert file.attrs["run_id"] == b"8c1f"
        assert file["provenance/config"].asstr()[0] == PROVENANCE["config"]
        assert file["provenance/versions"].attrs["numpy"] == b"2.4.6"
        assert file["stages/00"].attrs["width"] == 4
        assert [json.loads(line) for line in file["decisions"].asstr()[:]] == DECISIONS
        assert list(file["stages/00/windows"]) == ["w0000", "w0001"]
        for number, stage in enumerate((0, 0, 1)):
            stored = file[f"stages/{stage:02d}/windows/w{number:04d}/columns/loss"][:]
            np.testing.assert_array_equal(stored, make_window(number).columns["loss"])


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_links_survive_moving_and_copying_the_run(folder, tmp_path, monkeypatch, make_window, move):
    move(folder, tmp_path / "archive")
    shutil.rmtree(folder, ignore_errors=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for path in (tmp_path / "archive" / "run.h5", "../archive/run.h5"):
        with h5py.File(path) as file:
            stored = file["stages/01/windows/w0002/weights"][:]
        np.testing.assert_array_equal(stored, make_window(2).weights)


def test_reading_needs_no_windows(folder):
    shutil.rmtree(folder / "windows")
    assert list(read_index(folder).stages) == STAGES


def test_every_dataset_has_a_checksum(folder):
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found.append(name)
            assert item.fletcher32, name

    with h5py.File(folder / "run.h5") as file:
        file.visititems(visit)
    assert {"decisions", "provenance/config", "provenance/argv", "stages/01/growth"} <= set(found)


def test_decisions_may_come_encoded_and_hold_numpy_values(tmp_path):
    record = {"window": np.int64(3), "forecast": {"median": np.array([0.5, np.inf]), "reach": float("nan")}}
    write_index(tmp_path, run_id="", provenance={}, stages=[], decisions=[encode_decision(record), record])
    for found in read_index(tmp_path).decisions:
        assert found["window"] == 3
        assert found["forecast"]["median"] == [0.5, math.inf]
        assert math.isnan(found["forecast"]["reach"])


def test_many_stages_stay_in_order(tmp_path):
    stages = [{"width": width} for width in range(120)]
    write_index(tmp_path, run_id="", provenance={}, stages=stages, decisions=[])
    assert list(read_index(tmp_path).stages) == stages


def test_a_failed_write_leaves_the_old_index(folder):
    before = (folder / "run.h5").read_bytes()
    with pytest.raises(TypeError, match="complex"):
        write_index(folder, **RECORDS | {"decisions": [{"eigenvalue": 1j}]})
    assert (folder / "run.h5").read_bytes() == before
    assert sorted(os.listdir(folder)) == ["run.h5", "windows"]


@pytest.mark.parametrize("flips", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_reported_or_harmless(folder, flips):
    path = folder / "run.h5"
    good, expected = path.read_bytes(), read_index(folder)
    detected = 0
    for position in np.random.default_rng(flips).choice(8 * len(good), flips, replace=False):
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        path.write_bytes(bad)
        try:
            found = read_index(folder)
        except UserError as error:
            assert str(path) in str(error)
            detected += 1
        else:
            assert found == expected
    assert detected > 0.8 * flips


def test_damage_to_the_header_of_any_group_or_dataset_is_reported(tmp_path):
    path = write_index(tmp_path, **RECORDS)  # without windows, whose links are not read
    good = path.read_bytes()
    headers = [match.start() for match in re.finditer(b"OHDR", good)]
    assert len(headers) > 10
    for start in headers:
        bad = bytearray(good)
        bad[start + 30] ^= 1
        path.write_bytes(bad)
        with pytest.raises(UserError, match="damaged"):
            read_index(tmp_path)


def test_errors_name_the_file_and_the_remedy(folder):
    (folder / "run.h5").write_bytes(b"not HDF5")
    with pytest.raises(UserError, match=r"run\.h5 is damaged(.|\n)*Delete it"):
        read_index(folder)
    with pytest.raises(UserError, match=r"run\.h5 does not exist"):
        read_index(folder / "windows")
