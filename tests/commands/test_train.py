"""`pinnrun train`: what it refuses, what it leaves, and how a run is taken up again."""

import json
import os
import re
from pathlib import Path

import pytest
from runs import TINY, assert_same, interrupt, lookup, resume, start

from pinnrun import storage

PLUGIN = f"plugins=[{Path(__file__).parents[1] / 'faulty.py'}]"
FAULTY = ("problem.type=faulty", PLUGIN)


@pytest.fixture
def interrupted(workplace):
    """A run that was stopped at step 12, in outputs/poisson/one."""
    folder = Path("outputs/poisson/one")
    assert start(folder, at={12: interrupt})["status"] == "interrupted"
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- a new run ----------------------------------------------------------------------------


def test_a_run_tells_its_result_on_stdout_and_keeps_it(pinnrun):
    ran = pinnrun("train", *TINY)
    assert (ran.code, ran.err) == (4, "")
    (folder,) = Path("outputs/poisson").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{4}", folder.name)
    result = json.loads((folder / "result.json").read_text())
    assert result["folder"] == str(folder) in ran.out
    assert result["steps"] == 30 and f"{result['merit']:.3e}" in ran.out
    names = {path.name for path in folder.iterdir()}
    assert names == {
        ".hydra", "checkpoint.pt", "checkpoint_prev.pt", "result.json", "run.h5", "status.json", "windows",
    }  # fmt: skip
    assert lookup(folder).provenance["config"] in lookup(folder).provenance.values()


def test_progress_goes_to_stderr(pinnrun):
    ran = pinnrun("train", *TINY, "display=plain")
    assert "poisson · lm · koopman" in ran.err and "widen to 6 x 1" in ran.err and "step 30/30" in ran.err
    assert "step 30/30" not in ran.out and ran.out.startswith("poisson: budget")


def test_two_runs_of_one_config_are_the_same_run(pinnrun):
    for name in ("one", "two"):
        assert pinnrun("train", *TINY, f"hydra.run.dir={name}").code == 4
    assert_same(Path("one"), Path("two"))


def test_a_folder_that_holds_a_run_is_not_trained_over(pinnrun, interrupted):
    before = files(interrupted)
    refused = pinnrun("train", *TINY, f"hydra.run.dir={interrupted}")
    assert refused.code == 2
    assert f"pinnrun train resume={interrupted}" in refused.err
    assert {name: data for name, data in files(interrupted).items() if ".hydra" not in name} == before


# ---- mistakes ----------------------------------------------------------------------------


def test_all_mistakes_at_once_and_nothing_left(pinnrun, workplace):
    wrong = ("architecture.width=0", "optimizer.damping=-1", "scaleup.alpha=1", "dtype=float16")
    refused = pinnrun("train", *TINY, *wrong)
    assert refused.code == 2 and refused.out == ""
    for key in ("architecture.width", "optimizer.damping", "scaleup.alpha", "dtype"):
        assert refused.err.count(key) == 1
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("architecture.widht=3",), "architecture.width"),
        (("problem.solution=cosine_sum", "problem.boundary=hard"), "boundary"),
        (("optimizer=adm",), "adam"),
        (("plugins=[nowhere.py]",), "nowhere.py"),
        (("seed=1,2",), "pinnrun sweep"),
        (("+resume=outputs/x",), "resume"),
        (("++resume=outputs/x",), "without +"),
        (("optimizer.pace.horizon=3",), "horizon"),
    ],
)
def test_a_mistake_is_named_and_leaves_nothing(pinnrun, workplace, words, told):
    refused = pinnrun("train", *TINY, *words)
    assert refused.code == 2
    assert told in refused.err and len(refused.err.splitlines()) <= 6
    assert [path for path in workplace.rglob("*") if path.name not in ("outputs", "poisson")] == []


def test_a_plugin_that_fails_on_import_is_a_mistake(pinnrun, workplace):
    (workplace / "mine.py").write_text("import nothing_of_that_name\n")
    refused = pinnrun("train", *TINY, "plugins=[mine.py]")
    assert refused.code == 2 and "nothing_of_that_name" in refused.err
    assert [path.name for path in workplace.iterdir()] == ["mine.py"]


def test_a_place_that_cannot_be_written(pinnrun, workplace):
    (workplace / "outputs").write_text("a file where the folder should be")
    refused = pinnrun("train", *TINY)
    assert refused.code == 2
    assert "outputs" in refused.err and "hydra.run.dir=" in refused.err and len(refused.err.splitlines()) <= 6


@pytest.mark.parametrize(("limit", "file"), [(5000, "run.h5"), (12000, "checkpoint.pt"), (None, "checkpoint.pt")])
def test_a_full_disk(zygote, tmp_path, limit, file):
    """No file may exceed so many bytes: a stand-in for a disk that fills up. What was saved is safe."""
    assert zygote.start("train", *TINY, "hydra.run.dir=whole", cwd=tmp_path).wait() == 4
    largest = (tmp_path / "whole/checkpoint.pt").stat().st_size - 1
    child = zygote.start("train", *TINY, "hydra.run.dir=run", cwd=tmp_path, fsize=limit or largest)
    assert child.wait() == 2
    assert f"cannot write run/{file}: File too large." in child.err
    assert len(child.err.splitlines()) <= 4
    assert list((tmp_path / "run").rglob("*.tmp")) == []
    assert ("start again" in child.err) == (limit is not None)
    again = ["train", *TINY, "hydra.run.dir=run"]
    if limit is None:
        assert len(lookup(tmp_path / "run").windows) > 2
        again = re.findall(r"pinnrun (train resume=.*)", child.err)[0].split()
    child = zygote.start(*again, cwd=tmp_path)
    assert child.wait() == 4, child.err
    assert_same(tmp_path / "whole", tmp_path / "run")


# ---- resuming ----------------------------------------------------------------------------


def test_resume_last_goes_on_with_the_newest_that_is_not_done(pinnrun, interrupted):
    assert start(Path("outputs/poisson/two"), "target.loss=100", "scaleup=fixed")["status"] == "done"
    ran = pinnrun("train", "resume=last")
    assert ran.code == 4 and str(interrupted) in ran.out
    assert (lookup(interrupted).result or {})["steps"] == 30


def test_resume_last_without_any(pinnrun, workplace):
    refused = pinnrun("train", "resume=last")
    assert refused.code == 2 and "no unfinished run" in refused.err and "pinnrun train" in refused.err
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize("folder", ["outputs/nothing", "."])
def test_resume_of_what_is_no_run(pinnrun, folder):
    refused = pinnrun("train", f"resume={folder}")
    assert refused.code == 2 and "is not a run folder" in refused.err


@pytest.mark.parametrize(
    "word", ["seed=3", "problem.points=50", "optimizer=adam", "architecture.width=9", "scaleup=fixed", "--cfg=job"]
)
def test_what_may_not_change_is_refused(pinnrun, interrupted, word):
    before = files(interrupted)
    refused = pinnrun("train", f"resume={interrupted}", word)
    assert refused.code == 2
    assert word in refused.err and "budget, target" in refused.err
    assert files(interrupted) == before


def test_mistakes_in_what_may_change_are_told(pinnrun, interrupted):
    before = files(interrupted)
    refused = pinnrun("train", f"resume={interrupted}", "budget.stepz=100", "target.hold=0")
    assert refused.code == 2
    assert "budget.steps" in refused.err and "target.hold" in refused.err
    assert files(interrupted) == before


def test_a_run_that_is_busy_is_refused(pinnrun, interrupted):
    with storage.run_lock(interrupted):
        refused = pinnrun("train", f"resume={interrupted}")
        assert refused.code == 2 and f"in use by process {os.getpid()}" in refused.err
        assert storage.lock_holder(interrupted) is not None


def test_a_finished_run_wants_a_stricter_target(pinnrun, workplace):
    words = ("scaleup=fixed", "architecture.width=8")
    assert start(Path("run"), "target.loss=1", *words)["status"] == "done"
    before = files(Path("run"))
    refused = pinnrun("train", "resume=run")
    assert refused.code == 2 and "target.loss=" in refused.err
    assert files(Path("run")) == before
    assert pinnrun("train", "resume=run", "target.loss=0.3").code == 0
    assert start(Path("whole"), "target.loss=0.3", *words)["status"] == "done"
    columns = [lookup(Path(name)).stages[0].columns for name in ("run", "whole")]
    assert (columns[0]["merit"][-3:] <= 0.3).all()
    common = min(len(column["loss"]) for column in columns)
    assert columns[0]["loss"][:common].tolist() == columns[1]["loss"][:common].tolist()


def test_a_spent_budget_wants_a_larger_one_and_keeps_it(pinnrun, workplace):
    start(Path("whole"), "budget.steps=45")
    start(Path("run"))
    before = files(Path("run"))
    refused = pinnrun("train", "resume=run")
    assert refused.code == 2 and "budget.steps=" in refused.err
    assert files(Path("run")) == before
    assert resume(Path("run"), "budget.steps=45", at={34: interrupt})["status"] == "interrupted"
    assert pinnrun("train", "resume=run").code == 4
    windows = [lookup(Path(name)) for name in ("run", "whole")]
    assert windows[0].stages[-1].columns["loss"].tolist() == windows[1].stages[-1].columns["loss"].tolist()


def test_plugins_must_be_named_again(pinnrun, workplace):
    start(Path("run"), *FAULTY, at={12: interrupt})
    refused = pinnrun("train", "resume=run")
    assert refused.code == 2
    assert PLUGIN in refused.err and "trust" in refused.err
    assert pinnrun("train", "resume=run", PLUGIN).code == 4
    assert lookup(Path("run")).status["resume"] == f"pinnrun train resume=run '{PLUGIN}'"


def test_a_damaged_checkpoint_gives_way_to_the_one_before(pinnrun, interrupted):
    start(Path("whole"))
    path = interrupted / "checkpoint.pt"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    ran = pinnrun("train", f"resume={interrupted}", "display=plain")
    assert ran.code == 4
    assert "checkpoint.pt is damaged" in ran.err and "going on from checkpoint_prev.pt" in ran.err
    assert_same(Path("whole"), interrupted)


def test_without_any_good_checkpoint_there_is_no_going_on(pinnrun, interrupted):
    for name in ("checkpoint.pt", "checkpoint_prev.pt"):
        (interrupted / name).write_bytes(b"no archive")
    before = files(interrupted)
    refused = pinnrun("train", f"resume={interrupted}")
    assert refused.code == 2 and refused.err.count("damaged") == 2 and len(refused.err.splitlines()) <= 6
    assert files(interrupted) == before


@pytest.mark.parametrize("command", ["train resume={}", "evaluate run={} points=p.csv", "koopman analyze run={}"])
def test_without_its_index_a_run_has_no_config(pinnrun, interrupted, command):
    (interrupted / "run.h5").unlink()
    Path("p.csv").write_text("x,y\n0.5,0.5\n")
    refused = pinnrun(*command.format(interrupted).split())
    assert refused.code == 2 and "run.h5" in refused.err


@pytest.fixture
def later(workplace):
    """A run that was stopped at step 23, with two windows in its present stage."""
    assert start(Path("later"), at={23: interrupt})["status"] == "interrupted"
    assert [entry.stage for entry in lookup(Path("later")).windows[-2:]] == [2, 2]
    return Path("later")


def test_a_damaged_window_is_named(pinnrun, later):
    path = lookup(later).windows[-1].path
    path.write_bytes(path.read_bytes()[:-300])
    refused = pinnrun("train", f"resume={later}")
    assert refused.code == 2 and path.name in refused.err and len(refused.err.splitlines()) <= 6


def test_a_missing_window_is_no_reason_to_stop(pinnrun, later):
    missing = lookup(later).windows[-2]
    missing.path.unlink()
    assert pinnrun("train", f"resume={later}").code == 4
    run = storage.open_run(later)
    assert run.gaps == (missing.number,) and run.stages[-1].columns["step"][-1] == 30
