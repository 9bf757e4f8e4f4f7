"""A run that is killed at any moment opens, and goes on to where it would have come without."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import h5py
import pytest
from runs import TINY, assert_same, resume, start

from pinnrun import storage
from pinnrun.errors import UserError
from pinnrun.run.execute import resumable


def test_killed_between_any_two_writes(tmp_path, monkeypatch):
    whole, states = tmp_path / "whole", []

    def replace_and_copy(*paths, replace=os.replace):
        replace(*paths)
        states.append(tmp_path / f"{len(states)}")
        shutil.copytree(whole, states[-1], ignore=shutil.ignore_patterns("run.lock"))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_and_copy)
        start(whole)
    assert len(states) > 20
    for number, state in enumerate(states):
        check(state)
        if not (state / "checkpoint.pt").exists() and not (state / "checkpoint_prev.pt").exists():
            assert number == 0
            with pytest.raises(UserError, match="no checkpoint"):
                resume(state)
        elif storage.read_status(state) == storage.read_status(whole):
            with pytest.raises(UserError, match="budget"):
                resume(state)
        else:
            resume(state)
            assert_same(whole, state)


@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path, zygote, kills):
    draw = random.Random(kills)
    words = ["train", *TINY, "sampling.every=3", "optimizer.pace.window=4", "optimizer.pace.snapshot=2"]
    assert zygote.start(*words, "hydra.run.dir=whole", cwd=tmp_path).wait() == 4
    last = len(storage.list_windows(tmp_path / "whole"))
    landed = 0
    for i in range(kills):
        folder = tmp_path / str(i)
        orders = [[*words, f"hydra.run.dir={i}"], ["train", f"resume={i}"]]
        for order in orders[: draw.choice((1, 2))]:  # the second time while it is being resumed
            child, after = zygote.start(*order, cwd=tmp_path), draw.randrange(last)
            child.wait_for(lambda: len(storage.list_windows(folder)) >= after)  # noqa: B023
            time.sleep(draw.uniform(0, 0.06))
            child.send(signal.SIGKILL)
            killed = child.wait() == -signal.SIGKILL
            if not resumable(folder):
                break  # killed before there was anything to go on with
            landed += killed
            assert storage.open_run(folder).state == ("budget" if finished(folder) else "killed")
            check(folder)
        if not finished(folder):
            child = zygote.start(*orders[resumable(folder)], cwd=tmp_path)
            assert child.wait() == 4, child.err
        assert_same(tmp_path / "whole", folder)
    assert landed > kills // 2


def finished(folder: Path) -> bool:
    """Whether the run had come to its end before the kill."""
    return (storage.read_status(folder) or {}).get("state") == "budget"


def check(folder: Path) -> None:
    """Plain h5py opens all there is, and the checkpoint is at most one window behind the windows."""
    run = storage.open_run(folder)
    for entry in run.windows:
        with h5py.File(entry.path) as file:
            assert file["columns/loss"].shape == file["columns/step"].shape
    assert run.gaps == ()
    if (folder / "run.h5").exists():
        with h5py.File(folder / "run.h5") as file:
            assert file.attrs["schema"] == b"pinnrun-run"
    if run.windows:
        state, _ = storage.load_checkpoint(folder)
        assert state["recorder"]["window"] >= len(run.windows) - 1
