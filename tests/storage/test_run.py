import shutil

import numpy as np
import pytest

from pinnrun.errors import UserError
from pinnrun.storage import (
    drop_windows_from,
    open_run,
    run_lock,
    save_checkpoint,
    write_index,
    write_result,
    write_status,
    write_window,
)

WIDE = (("weight", (5, 4)),)


@pytest.fixture
def windows(make_window):
    return [
        make_window(0),
        make_window(1, n=5, k=2),
        make_window(2, stage=1, layout=WIDE),
        make_window(3, stage=1, layout=WIDE, k=0),
    ]


@pytest.fixture
def folder(tmp_path, windows):
    for window in windows:
        write_window(tmp_path / "run", window)
    return tmp_path / "run"


def index(folder, windows=4):
    decisions = [{"window": number, "action": "CONTINUE"} for number in range(windows)]
    stages = [{"width": 3, "decision": "WIDEN"}, {"width": 5, "decision": "CONTINUE"}]
    write_index(folder, run_id="8c1f", provenance={"seed": 3}, stages=stages, decisions=decisions)


def test_stages_hold_their_windows_end_to_end(folder, windows):
    index(folder)
    run = open_run(folder)
    assert [stage.number for stage in run.stages] == [0, 1]
    for stage, parts in zip(run.stages, (windows[:2], windows[2:]), strict=True):
        assert stage.columns.keys() == parts[0].columns.keys()
        for name in parts[0].columns:
            expected = np.concatenate([part.columns[name] for part in parts])
            np.testing.assert_array_equal(stage.columns[name], expected)
            assert stage.columns[name].dtype == expected.dtype
        np.testing.assert_array_equal(stage.weights, np.concatenate([part.weights for part in parts]))
        np.testing.assert_array_equal(stage.weight_steps, np.concatenate([part.weight_steps for part in parts]))
        assert stage.layout == parts[0].layout
        assert stage.architecture == parts[0].architecture
        assert stage.first_step == parts[0].first_step
    assert [stage.record["decision"] for stage in run.stages] == ["WIDEN", "CONTINUE"]
    assert (run.run_id, run.provenance["seed"], len(run.decisions), run.gaps) == ("8c1f", 3, 4, ())


def test_a_column_that_a_window_lacks_is_nan_there(tmp_path, make_window):
    write_window(tmp_path, make_window(0, terms=("residual",)))
    write_window(tmp_path, make_window(1, terms=("residual", "edge")))
    columns = open_run(tmp_path).stages[0].columns
    assert np.isnan(columns["term/edge"][:8]).all()
    np.testing.assert_array_equal(columns["term/edge"][8:], make_window(1).columns["term/edge"])


def test_a_run_killed_before_its_first_index_can_be_read(folder, windows):
    run = open_run(folder)
    assert len(run.stages) == 2
    np.testing.assert_array_equal(run.stages[1].columns["loss"][:8], windows[2].columns["loss"])
    assert (run.run_id, dict(run.provenance), run.decisions, dict(run.stages[0].record)) == ("", {}, (), {})
    assert (run.status, run.result, run.state) == ({}, None, "killed")


def test_windows_count_where_the_index_is_stale(folder, windows, make_window):
    index(folder)
    write_window(folder, make_window(4, stage=2))
    run = open_run(folder)
    assert [stage.number for stage in run.stages] == [0, 1, 2]
    assert dict(run.stages[2].record) == {}
    drop_windows_from(folder, 2)
    run = open_run(folder)
    assert [stage.number for stage in run.stages] == [0]
    assert [record["window"] for record in run.decisions] == [0, 1]


def test_a_missing_window_shows_as_a_gap(folder, windows):
    (folder / "windows" / "s00_w0001.h5").unlink()
    run = open_run(folder)
    assert run.gaps == (1,)
    np.testing.assert_array_equal(run.stages[0].columns["loss"], windows[0].columns["loss"])


def test_a_damaged_window_is_named_and_the_other_stages_can_be_read(folder):
    (folder / "windows" / "s01_w0003.h5").write_bytes(b"damage")
    run = open_run(folder)
    assert len(run.stages[0].columns["loss"]) == 13
    with pytest.raises(UserError, match=r"s01_w0003\.h5 is damaged"):
        _ = run.stages[1].columns


def test_a_window_of_another_size_is_named(folder, make_window):
    write_window(folder, make_window(4, stage=1))
    with pytest.raises(UserError, match=r"s01_w0004\.h5 has 10 parameters; stage 1 began with 20"):
        _ = open_run(folder).stages[1].weights


def test_state_and_result(folder):
    write_status(folder, "running", step=5)
    assert open_run(folder).state == "killed"
    with run_lock(folder):
        assert open_run(folder).state == "running"
    write_status(folder, "done", step=9)
    write_result(folder, {"status": "done", "loss": 0.25})
    run = open_run(folder)
    assert (run.state, run.status["step"], run.result) == ("done", 9, {"status": "done", "loss": 0.25})


def test_a_run_is_read_from_where_it_was_moved_to(folder, tmp_path, windows):
    index(folder)
    shutil.move(folder, tmp_path / "archive")
    run = open_run(tmp_path / "archive")
    np.testing.assert_array_equal(run.stages[0].weights[:4], windows[0].weights)


def test_a_run_of_one_checkpoint_is_a_run(tmp_path):
    save_checkpoint(tmp_path, {"step": 0})
    assert open_run(tmp_path).stages == ()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(UserError, match="not a run folder"):
            open_run(path)


def test_a_stage_begins_where_it_began_though_its_first_window_is_gone(tmp_path, make_window):
    first, second = make_window(0), make_window(1)
    for window in (first, second):
        write_window(tmp_path, window)
    begun = first.first_step
    stages = [{"width": 3, "first_step": begun}]
    write_index(tmp_path, run_id="r", provenance={}, stages=stages, decisions=[])
    assert open_run(tmp_path).stages[0].first_step == begun
    open_run(tmp_path).windows[0].path.unlink()
    stage = open_run(tmp_path).stages[0]
    assert stage.columns["step"][0] == second.first_step > begun
    assert stage.first_step == begun
