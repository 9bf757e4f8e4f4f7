"""A run from its start to whatever end, with what it leaves in its folder: index, result, status."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from pinnrun import storage
from pinnrun.errors import UserError
from pinnrun.run.signals import stop_on_signals
from pinnrun.storage import State
from pinnrun.theory import start_text


def resumable(folder: Path) -> bool:
    """Whether a run was begun there."""
    kept = any((folder / name).exists() for name in ("checkpoint.pt", "checkpoint_prev.pt"))
    return kept or bool(storage.list_windows(folder))


def execute(runner: Any) -> dict[str, Any]:
    """Run, and conclude; returns what result.json holds, with the signal's exit code under "signal" if one came.

    Raises:
        UserError: the run folder cannot be written.
    """
    config, recorder, display = runner.config, runner.recorder, runner.display
    with stop_on_signals() as runner.request:
        try:
            storage.remove_leftovers(recorder.folder)
            title = f"{config.problem.name} · {config.optimizer.type} · {config.scaleup.type}"
            display.start(title, config.target.loss)
            recorder.write_index()
            if runner.trainer.step == 0:
                if runner.trainer.bound and config.scaleup.start != "theory":
                    display.event(start_text(runner.trainer.bound, runner.trainer.network))
                runner.checkpoint()
            recorder.status(State.RUNNING, runner.evidence, runner.trainer.step, runner.stage)
            storage.remove_result(recorder.folder)  # of an end that was not the last
            state, reason = runner.run()
            result = conclude(runner, state, reason)
        except BaseException as error:
            display.stop()
            give_up(runner, error)
            raise
    display.stop(f"{state}: {reason}")
    if runner.request.received is not None:
        result["signal"] = runner.request.exit_code
    return result


def conclude(runner: Any, state: State, reason: str, *, assess: bool = True) -> dict[str, Any]:
    """Leave index, result and, last, the status that says so; returns the result."""
    recorder = runner.recorder
    recorder.write_index()
    result = runner.result(state, reason, assess=assess)
    result["resume"] = recorder.resume_command(state)
    storage.write_result(recorder.folder, result)
    recorder.status(state, reason, runner.trainer.step, runner.stage)
    return result


def give_up(runner: Any, error: BaseException) -> None:
    """After an error, leave as much of a record as can be written.

    Raises:
        UserError: the error was that the run folder cannot be written.
    """
    recorder = runner.recorder
    left = isinstance(error, (KeyboardInterrupt, SystemExit))  # by a launcher that requeues the job
    with suppress(OSError):
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        conclude(runner, State.INTERRUPTED if left else State.FAILED, reason, assess=False)
    if isinstance(error, OSError) and Path(error.filename or "").is_relative_to(recorder.folder):
        advice = "Make room and start again."
        if resumable(recorder.folder):
            advice = "Everything up to the last checkpoint is safe; make room and go on with:\n  "
            advice += recorder.resume_command(State.FAILED)
        raise UserError(f"cannot write {error.filename}: {error.strerror}.\n{advice}") from error
