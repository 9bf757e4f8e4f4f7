"""What Hydra made is taken back, and nothing else is touched."""

import logging
from pathlib import Path

import pytest

from pinnrun.composition.rundir import discard_run_folder


@pytest.fixture
def run(workplace: Path) -> Path:
    """A run folder as Hydra leaves it for a task, its log file open."""
    folder = workplace / "outputs" / "wave" / "now_0000"
    (folder / ".hydra").mkdir(parents=True)
    for name in ("config", "hydra", "overrides"):
        (folder / ".hydra" / f"{name}.yaml").write_text("a: 1\n")
    logging.root.addHandler(logging.FileHandler(folder / "train.log"))
    logging.getLogger().error("before the mistake was seen")
    return folder


def test_a_fresh_folder_goes_with_the_parents_it_leaves_empty(run, workplace):
    assert discard_run_folder(run)
    assert list(workplace.rglob("*")) == [workplace / "outputs"]


def test_the_log_is_closed_so_that_nothing_writes_into_the_void(run):
    discard_run_folder(run)
    assert not [h for h in logging.root.handlers if isinstance(h, logging.FileHandler) and "now_0000" in str(h)]


def test_other_runs_of_the_problem_stay(run):
    other = run.parent / "earlier"
    other.mkdir()
    assert discard_run_folder(run)
    assert other.is_dir()


@pytest.mark.parametrize("name", ["run.h5", "other.log", ".hydra/mine.yaml", "windows/w.h5"])
def test_a_folder_with_anything_else_in_it_stays_as_it_is(run, name):
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_text("kept")
    before = sorted(run.rglob("*"))
    assert not discard_run_folder(run)
    assert sorted(run.rglob("*")) == before


def test_the_working_directory_stays(run, monkeypatch):
    monkeypatch.chdir(run)
    assert not discard_run_folder(".")
    assert run.is_dir()
    assert not list(run.iterdir())


def test_outside_of_outputs_no_parent_is_touched(tmp_path):
    folder = tmp_path / "my" / "run"
    folder.mkdir(parents=True)
    assert discard_run_folder(folder)
    assert (tmp_path / "my").is_dir()


def test_a_folder_that_does_not_exist_is_no_matter(tmp_path):
    assert not discard_run_folder(tmp_path / "nowhere")
