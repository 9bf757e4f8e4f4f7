"""`pinnrun sweep`: every combination once; done ones are skipped, begun ones resumed, failing ones stop no other."""

import re
import signal
from pathlib import Path

import pytest
from runs import TINY, assert_same, composed, lookup

from pinnrun import storage
from pinnrun.commands.sweep import config_key
from pinnrun.problems.poisson import Poisson

PLUGIN = f"plugins=[{Path(__file__).parents[1] / 'faulty.py'}]"
FAULTY = ("problem.type=faulty", PLUGIN, "+problem.fault=raises")
SWEEPS = Path("outputs/sweeps/poisson")


def folders(where: Path = SWEEPS) -> list[Path]:
    return sorted(path for path in where.iterdir() if path.is_dir())


def times(paths) -> dict[Path, int]:
    """When everything in these folders was last changed."""
    return {file: file.stat().st_mtime_ns for path in paths for file in path.rglob("*") if ".hydra" not in file.parts}


@pytest.fixture
def sweep(pinnrun):
    return lambda *words: pinnrun("sweep", *TINY, "budget.steps=6", *words)


def test_every_combination_once_and_never_again(sweep):
    first = sweep("architecture.width=3,4", "seed=1,2")
    assert first.code == 0 and first.err == ""
    assert len(folders()) == 4
    for folder in folders():
        assert (lookup(folder).result or {})["status"] == "budget"
    for word in ("architecture.width=3", "architecture.width=4", "seed=1", "seed=2"):
        assert first.out.count(word) == 2
    before = times(folders())
    again = sweep("seed=2,1", "architecture.width=4,3")  # in another order
    assert again.code == 0
    assert again.err.count("budget already") == 4
    assert times(folders()) == before


def test_the_order_of_what_is_asked_for_makes_no_other_job():
    words = ("problem.type=faulty", PLUGIN, "+problem.bound=1", "+problem.fault=slow", "seed=3")
    keys = {config_key(composed(*order)) for order in (words, words[::-1], (*words, "display=plain"))}
    assert len(keys) == 1
    assert config_key(composed(*words, "budget.steps=31")) not in keys


def test_a_job_killed_after_its_result_counts_as_done(sweep):
    sweep("seed=1")
    (folder,) = folders()
    storage.write_status(folder, "running")
    again = sweep("seed=1")
    assert again.code == 0 and " budget " in again.out


def test_sweeps_share_the_jobs_they_have_in_common(sweep):
    sweep("seed=1,2")
    more = sweep("seed=2,3", "architecture.width=3,null")  # null is 3 neurons too, but another config
    assert more.err.count("already") == 1
    assert len(folders()) == 5


def test_a_failing_job_stops_no_other_and_is_run_again(sweep, monkeypatch):
    first = sweep(*FAULTY, "+problem.bound=0,1e300", "seed=1,2")
    assert first.code == 1
    assert first.err.count("RuntimeError: the equation is broken") == 2
    assert first.out.count("RuntimeError: the equation is broken") == 2
    states = {folder: storage.open_run(folder).state for folder in folders()}
    assert sorted(states.values()) == ["budget", "budget", "failed", "failed"]
    failed = [folder for folder in folders() if states[folder] == "failed"]
    assert all("Traceback" in (folder / "error.txt").read_text() for folder in failed)
    good = times(folder for folder in folders() if folder not in failed)
    again = sweep(*FAULTY, "+problem.bound=0,1e300", "seed=1,2")
    assert again.code == 1
    assert times(folder for folder in folders() if folder not in failed) == good
    monkeypatch.setattr("pinnrun_plugin_faulty.Faulty.terms", Poisson.terms)  # the plugin is mended
    mended = sweep(*FAULTY, "+problem.bound=0,1e300", "seed=1,2")
    assert mended.code == 0 and "broken" not in mended.out
    assert not [folder for folder in folders() if (folder / "error.txt").exists()]


def test_a_job_that_fails_before_it_trains_is_told(sweep, monkeypatch):
    def fail(*_):
        raise MemoryError("no room for the network")

    with monkeypatch.context() as patch:
        patch.setattr("pinnrun.training.trainer.Trainer.draw_points", fail)
        first = sweep("seed=1,2")
    assert first.code == 1
    assert first.out.count("failed") == 2 and first.out.count("MemoryError: no room for the network") == 2
    assert sweep("seed=1,2").code == 0


def test_a_signal_ends_the_whole_sweep_and_the_job_is_resumed(tmp_path, workplace, zygote):
    words = ["sweep", *TINY, "budget.steps=40", "seed=1,2,3"]
    assert zygote.start(*words, f"hydra.sweep.dir={tmp_path}/whole", cwd=workplace).wait() == 0
    child = zygote.start(*words, f"hydra.sweep.dir={tmp_path}/parts", cwd=workplace)
    child.wait_for(lambda: len(list((tmp_path / "parts").glob("*/windows/*.h5"))) > 9)  # in the second job
    child.send(signal.SIGTERM)
    assert child.wait() == 143
    states = re.findall(r"^ +\d .*(budget|interrupted|not run) ", child.out, re.MULTILINE)
    assert states == ["budget", "interrupted", "not run"]
    assert "stopped by SIGTERM" in child.out
    again = zygote.start(*words, f"hydra.sweep.dir={tmp_path}/parts", cwd=workplace)
    assert again.wait() == 0, again.err
    assert again.err.count("already") == 1
    for folder in folders(tmp_path / "whole"):
        assert_same(folder, tmp_path / "parts" / folder.name)


def test_a_job_killed_between_two_generations_of_its_checkpoint_is_resumed(sweep):
    assert sweep("seed=1").code == 0
    (folder,) = folders()
    (folder / "checkpoint.pt").rename(folder / "checkpoint_prev.pt")
    for name in ("result.json", "status.json"):
        (folder / name).unlink()
    assert sweep("seed=1").code == 0
    assert (lookup(folder).result or {})["steps"] == 6


def test_a_job_that_another_process_trains_is_left_alone(sweep):
    assert sweep("seed=1").code == 0
    (folder,) = folders()
    (folder / "result.json").unlink()
    with storage.run_lock(folder):
        told = sweep("seed=1,2")
    assert told.code == 1
    assert "is in use by process" in told.err
    assert sweep("seed=1,2").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("seed=1,-2",), "seed"),
        (("scaleup=koopman,fixed", "optimizer.pace.horizon=3,50"), "horizon"),
        (("seed=1,2", "architecture.widht=3"), "architecture.width"),
        (("seed=1,2", "resume=last"), "resume"),
        (("seed=1,2", "plugins=[nowhere.py]"), "nowhere.py"),
    ],
)
def test_a_mistake_in_any_job_runs_none(sweep, workplace, words, told):
    refused = sweep(*words)
    assert refused.code == 2
    assert told in refused.err and len(refused.err.splitlines()) <= 6
    assert refused.out == ""
    assert list(workplace.iterdir()) == []
