"""A run that is killed at any moment opens, and has everything it acknowledged."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from pinnrun.storage import load_checkpoint, open_run, read_window, remove_leftovers, run_lock

OWN_FILES = r"run\.lock|run\.h5|status\.json|checkpoint\.pt|checkpoint_prev\.pt|windows|s00_w\d{4}\.h5"

DISK_FULL = """
import errno, resource, sys
from pathlib import Path
import numpy as np
from pinnrun import storage

folder = Path(sys.argv[1])


def write(number, size):
    column = np.ones(4)
    names = ("loss", "merit", "gradient_norm", "damping", "seconds", "accepted", "evaluations")
    columns = {name: column for name in names} | {"step": np.arange(4) + 1}
    layout = (("weight", (size,)),)
    window = storage.Window(0, number, 1, columns, np.ones((4, size)), np.arange(4), layout, {})
    storage.write_window(folder, window)
    storage.write_index(folder, run_id="", provenance={"config": "x" * size}, stages=[], decisions=[])
    storage.save_checkpoint(folder, {"window": number, "values": [1.5] * size})


def refused(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return error.errno == errno.EFBIG
    return False


write(0, 1000)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
print(refused(write, 1, 20_000))
config = {"config": "x" * 100_000}
print(refused(lambda: storage.write_index(folder, run_id="", provenance=config, stages=[], decisions=[])))
print(refused(storage.save_checkpoint, folder, {"window": 1, "values": [1.5] * 20_000}))
"""


def check(folder: Path, acknowledged: dict[str, int]) -> None:
    """Everything in the folder of a killed run opens, and nothing that it acknowledged is missing."""
    run = open_run(folder)
    assert run.state == "killed"
    assert [entry.number for entry in run.windows] == list(range(len(run.windows)))
    assert len(run.windows) > acknowledged.get("window", -1)
    for entry in run.windows:
        with h5py.File(entry.path) as file:
            assert (file["weights"][:] == entry.number).all()
        np.testing.assert_array_equal(read_window(entry.path).columns["step"], np.arange(6) + 6 * entry.number + 1)
    if "index" in acknowledged:
        assert len(run.decisions) > acknowledged["index"]
        with h5py.File(folder / "run.h5") as file:
            links = file["stages/00/windows"]
            assert all((links[name]["weights"][:] == int(name[1:])).all() for name in links)
    if "checkpoint" in acknowledged:
        state, _ = load_checkpoint(folder)
        assert state["window"] >= acknowledged["checkpoint"]
        assert (state["theta"] == state["window"]).all()


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_opens_and_has_what_it_acknowledged(tmp_path, python, kills):
    python(Path(__file__).with_name("kill_writers.py"), tmp_path, kills, kills)
    windows = leftovers = 0
    for i in range(kills):
        folder = tmp_path / str(i)
        if not (folder / "windows").exists():
            continue  # killed before it wrote anything
        lines = (tmp_path / f"{i}.acknowledged").read_text().split("\n")[:-1]
        acknowledged = {what: int(number) for what, number in map(str.split, lines)}
        windows += acknowledged.get("window", -1) + 1
        check(folder, acknowledged)
        with run_lock(folder):  # the next run takes the folder over and clears up
            leftovers += len(remove_leftovers(folder))
            names = [path.name for path in folder.rglob("*")]
            assert [name for name in names if not re.fullmatch(OWN_FILES, name)] == []
        check(folder, acknowledged)
    assert windows > 0  # else every kill came before the first write
    if kills >= 100:
        assert leftovers > 0  # else no kill hit a file that was being written


def test_a_full_disk_stops_the_write_and_spoils_nothing(tmp_path, python):
    assert python(DISK_FULL, tmp_path).split() == ["True"] * 3
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert names == ["checkpoint.pt", "run.h5", "windows", "windows/s00_w0000.h5"]
    run = open_run(tmp_path)
    assert run.stages[0].weights.shape == (4, 1000)
    assert run.provenance["config"] == "x" * 1000
    assert load_checkpoint(tmp_path)[0]["window"] == 0
