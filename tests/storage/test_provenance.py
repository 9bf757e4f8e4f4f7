import importlib.metadata
import json
import platform
import subprocess
import sys

import h5py
import numpy as np
import pytest

import pinnrun
from pinnrun.storage import collect_provenance, git_state, read_index, versions, write_index


def git(folder, *arguments):
    identity = ["-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "plugin.py").write_text("x = 1\n")
    git(tmp_path, "add", "plugin.py")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_versions_are_those_of_this_process():
    found = versions()
    assert found["pinnrun"] == pinnrun.__version__
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert found["h5py"] == h5py.__version__
    assert found["hdf5"] == ".".join(map(str, h5py.h5.get_libversion()))
    assert found["torch"].split("+")[0] == importlib.metadata.version("torch").split("+")[0]


def test_collecting_does_not_import_torch(python):
    script = """
import json, sys
from pinnrun.storage import collect_provenance
found = collect_provenance("a: 1", seed=0, device="cpu")
print(json.dumps(["torch" in sys.modules, "torch" in found["versions"]]))
"""
    assert json.loads(python(script)) == [False, True]


def test_a_package_that_is_not_there_is_left_out(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.delitem(sys.modules, "omegaconf", raising=False)
    assert "omegaconf" not in versions()


def test_the_commit_is_recorded_and_whether_files_differ_from_it(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "untracked.txt").touch()
    assert git_state(checkout) == {"commit": commit, "dirty": False}
    (checkout / "plugin.py").write_text("x = 2\n")
    assert git_state(checkout) == {"commit": commit, "dirty": True}


def test_no_repository_no_commit_no_git(tmp_path, monkeypatch, checkout):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    (tmp_path / "fresh").mkdir()
    git(tmp_path / "fresh", "init", "-q")
    nothing = {"commit": None, "dirty": None}
    assert git_state(tmp_path / "plain") == nothing
    assert git_state(tmp_path / "fresh") == nothing
    assert git_state(tmp_path / "missing") == nothing
    monkeypatch.setenv("PATH", "")
    assert git_state(checkout) == nothing


def test_a_provenance_says_what_was_asked_for_and_survives_the_index(tmp_path, monkeypatch, checkout):
    monkeypatch.chdir(checkout)
    found = collect_provenance("seed: 3\n", seed=3, device="cuda:0", argv=["pinnrun", "train", "seed=3"])
    assert (found["config"], found["seed"], found["device"]) == ("seed: 3\n", 3, "cuda:0")
    assert found["argv"] == ["pinnrun", "train", "seed=3"]
    assert found["git"]["commit"] == git(checkout, "rev-parse", "HEAD")
    assert found["host"] == platform.node()
    assert found["folder"] == str(checkout)
    write_index(tmp_path, run_id=found["run_id"], provenance=found, stages=[], decisions=[])
    assert read_index(tmp_path).provenance == found


def test_every_run_has_its_own_id_unless_told():
    first, second = (collect_provenance("", seed=0, device="cpu")["run_id"] for _ in range(2))
    assert first != second
    assert collect_provenance("", seed=0, device="cpu", run_id="mine")["run_id"] == "mine"
