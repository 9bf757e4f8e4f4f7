import json
import os
import socket
from datetime import datetime, timedelta

import pytest

from pinnrun.errors import UserError
from pinnrun.storage import State, read_result, read_status, write_result, write_status


def test_a_status_comes_back_with_who_and_when(tmp_path):
    write_status(tmp_path, "interrupted", reason="SIGTERM", step=120, stage=2, resume="pinnrun train resume=last")
    status = json.loads((tmp_path / "status.json").read_text())
    assert status == read_status(tmp_path)
    names = ["state", "reason", "step", "stage", "pid", "host", "started", "updated", "resume"]
    assert list(status) == names
    assert (status["state"], status["reason"], status["step"], status["stage"]) == (
        "interrupted",
        "SIGTERM",
        120,
        2,
    )
    assert (status["pid"], status["host"]) == (os.getpid(), socket.gethostname())
    assert datetime.now().astimezone() - datetime.fromisoformat(status["updated"]) < timedelta(seconds=60)


def test_the_start_time_stays_that_of_the_first_status(tmp_path):
    write_status(tmp_path, "running")
    path = tmp_path / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"started": "2020-01-01T00:00:00+00:00"}))
    write_status(tmp_path, "done")
    status = read_status(tmp_path)
    assert status is not None
    assert status["started"] == "2020-01-01T00:00:00+00:00"
    assert status["updated"] > "2020-01-02"


def test_states_are_those_of_the_documentation(tmp_path):
    with pytest.raises(ValueError, match="'finished' is not a valid State"):
        write_status(tmp_path, "finished")
    assert {state.value for state in State if state.settled} == {"done", "budget", "stalled", "unreachable"}
    assert {state.value for state in State if not state.resumable} == {"done", "stalled"}
    assert f"{State.DONE}" == "done" and json.dumps(State.DONE) == '"done"'


def test_a_result_comes_back_without_nan(tmp_path):
    write_result(tmp_path, {"status": "done", "loss": 1e-12, "merit": float("nan"), "stages": [{"width": 4}]})
    assert read_result(tmp_path) == {"status": "done", "loss": 1e-12, "merit": None, "stages": [{"width": 4}]}


def test_nothing_yet(tmp_path):
    assert read_status(tmp_path) is None
    assert read_result(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '"done"'])
def test_a_spoilt_file_is_named_and_mended_by_the_next_write(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    with pytest.raises(UserError, match=r"status\.json"):
        read_status(tmp_path)
    write_status(tmp_path, "running", step=3)
    status = read_status(tmp_path)
    assert status is not None
    assert status["step"] == 3
