"""Signals: the first lets the step finish and saves, the second leaves at once; launchers are called."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from runs import TINY, assert_same, lookup, resume, send, start

import pinnrun
from pinnrun import cli, storage
from pinnrun.commands.train import exit_code
from pinnrun.errors import UserError
from pinnrun.run.signals import stop_on_signals

STOPPING = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 138}
SLOW = ("problem.type=faulty", f"plugins=[{Path(__file__).parents[1] / 'faulty.py'}]", "+problem.fault=slow")


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in ("SLURM_JOB_ID", "SUBMITIT_EXECUTOR"):
        monkeypatch.delenv(name, raising=False)


def saved_step(folder: Path) -> int:
    return storage.load_checkpoint(folder)[0]["trainer"]["step"]


# ---- the request itself ------------------------------------------------------------


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_is_noted_and_the_old_handler_comes_back(number):
    before = signal.getsignal(number)
    with stop_on_signals() as request:
        assert not request
        os.kill(os.getpid(), number)
        assert request and request.received is number and request.exit_code == STOPPING[number]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", STOPPING)
def test_the_second_signal_leaves_at_once(monkeypatch, number):
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with stop_on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        assert codes == []
        os.kill(os.getpid(), number)
    assert codes == [STOPPING[number]]


def test_other_threads_install_nothing(tmp_path):
    seen = []

    def train():
        with stop_on_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


# ---- a run that gets one ------------------------------------------------------------


@pytest.mark.parametrize("number", STOPPING)
def test_the_step_is_finished_and_saved(tmp_path, number):
    result = start(tmp_path, at={12: send(number)})
    assert result["shown"][-1] == saved_step(tmp_path) == 12
    assert exit_code(result) == STOPPING[number]
    assert result["reason"] == f"stopped by {signal.Signals(number).name} at step 12"
    status = storage.read_status(tmp_path) or {}
    assert status["state"] == "interrupted"
    assert status["resume"] == result["resume"] == f"pinnrun train resume={tmp_path}"
    assert storage.lock_holder(tmp_path) is None


def test_a_signal_at_the_edge_of_a_window_waits_for_no_further_step(tmp_path):
    result = start(tmp_path, at={10: send(signal.SIGINT)})
    assert result["status"] == "interrupted" and result["shown"][-1] == saved_step(tmp_path) == 10
    assert len(lookup(tmp_path).windows) == 2


def test_a_signal_in_the_last_step_does_not_spoil_the_end(tmp_path):
    result = start(tmp_path, at={30: send(signal.SIGTERM)})
    assert result["status"] == "budget" and exit_code(result) == 4
    assert result["signal"] == 143  # a sweep stops here


def test_in_a_batch_script_sigterm_stops_as_elsewhere(tmp_path, monkeypatch):
    """Nobody would requeue the job: it has to be over before SIGKILL comes."""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    result = start(tmp_path, at={11: send(signal.SIGTERM)})
    assert result["status"] == "interrupted" and exit_code(result) == 143
    assert saved_step(tmp_path) == 11


def test_under_a_launcher_sigterm_saves_and_goes_on(tmp_path, launcher):
    launcher(lambda number, frame: None)
    whole, folder, saved = tmp_path / "whole", tmp_path / "run", []
    start(whole)
    at = {step: lambda: saved.append(saved_step(folder)) for step in (12, 14)}
    assert start(folder, at={11: send(signal.SIGTERM), 21: send(signal.SIGTERM), **at})["status"] == "budget"
    assert saved == [11, 11]
    assert_same(whole, folder)
    assert start(tmp_path / "stopped", at={4: send(signal.SIGINT)})["status"] == "interrupted"


@pytest.fixture
def launcher():
    """Installs a handler for SIGUSR2 as a launcher does."""
    before = signal.getsignal(signal.SIGUSR2)
    yield lambda handler: signal.signal(signal.SIGUSR2, handler)
    signal.signal(signal.SIGUSR2, before)


def test_a_launcher_is_called_after_the_save_and_may_let_the_run_go_on(tmp_path, launcher):
    calls = []

    def handler(number, frame):
        calls.append((number, saved_step(tmp_path / "run")))

    launcher(handler)
    start(tmp_path / "whole")
    assert start(tmp_path / "run", at={11: send(signal.SIGUSR2)})["status"] == "budget"
    assert calls == [(signal.SIGUSR2, 11)]
    assert signal.getsignal(signal.SIGUSR2) is handler
    assert_same(tmp_path / "whole", tmp_path / "run")


def test_a_launcher_may_end_the_process_and_start_it_again(tmp_path, launcher):
    """submitit's handler requeues the job and leaves with SystemExit."""

    def requeue(number, frame):
        sys.exit(-1)

    launcher(requeue)
    whole, folder = tmp_path / "whole", tmp_path / "run"
    start(whole)
    with pytest.raises(SystemExit):
        start(folder, at={13: send(signal.SIGUSR2)})
    status, result = storage.read_status(folder) or {}, storage.read_result(folder) or {}
    assert status["state"] == result["status"] == "interrupted" and status["step"] == 13
    assert storage.lock_holder(folder) is None
    resume(folder)
    assert_same(whole, folder)


# ---- real processes ------------------------------------------------------------


@pytest.mark.parametrize("number", STOPPING)
def test_a_process_says_how_to_go_on(tmp_path, zygote, number):
    child = zygote.start("train", *TINY, "budget.steps=100000", "hydra.run.dir=run", cwd=tmp_path)
    child.wait_for(lambda: len(list((tmp_path / "run/windows").glob("*.h5"))) > 3)
    child.send(number)
    assert child.wait() == STOPPING[number]
    (command,) = re.findall(r"resume +pinnrun (train .*)", child.out)
    assert child.err == ""
    step = saved_step(tmp_path / "run")
    again = zygote.start(*command.split(), f"budget.steps={step + 20}", cwd=tmp_path)
    assert again.wait() == 4, again.err
    lookup(tmp_path / "run")
    assert saved_step(tmp_path / "run") == step + 20


def test_the_second_signal_ends_a_process_in_the_middle_of_a_step(tmp_path, zygote):
    child = zygote.start("train", *TINY, *SLOW, "+problem.bound=0", "hydra.run.dir=run", cwd=tmp_path)
    child.wait_for(lambda: "asleep" in child.err)
    child.send(signal.SIGINT)
    time.sleep(0.3)
    began = time.monotonic()
    child.send(signal.SIGTERM)
    assert child.wait() == 143
    assert time.monotonic() - began < 5
    assert saved_step(tmp_path / "run") == 0 and storage.open_run(tmp_path / "run").state == "killed"


def test_ctrl_c_while_torch_is_imported_leaves_nothing(tmp_path):
    """That takes seconds: Ctrl-C is likely there."""
    root = str(Path(pinnrun.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    command, pipe = [sys.executable, "-m", "pinnrun", "train", *TINY], subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    while "libtorch_cpu" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "interrupted\n")
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [AttributeError, ImportError, UserError])
def test_ctrl_c_that_a_library_turned_into_an_error_of_its_own(monkeypatch, capsys, kind):
    """OmegaConf does so when it is hit in the middle of a change that it then takes back."""

    def interrupted(_):
        try:
            raise KeyboardInterrupt
        finally:
            raise kind("half done")

    monkeypatch.setattr(cli, "_dispatch", interrupted)
    assert cli.main() == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_ctrl_c_at_any_early_moment_leaves_cleanly(tmp_path, zygote):
    began = time.monotonic()
    assert zygote.start("train", *TINY, cwd=tmp_path).wait() == 4
    length = time.monotonic() - began
    for i in range(12):
        folder = tmp_path / str(i)
        folder.mkdir()
        child = zygote.start("train", *TINY, cwd=folder)
        time.sleep(0.03 + 0.6 * length * i / 12)
        child.send(signal.SIGINT)
        assert child.wait() == 130 or "budget" in child.out
        assert child.err in ("", "interrupted\n")
        for run in filter(storage.is_run, folder.glob("outputs/poisson/*")):
            assert f"resume={run.relative_to(folder)}" in child.out
