"""`pinnrun sweep`: one run for every combination of values; done ones are skipped, one that fails stops no other."""

from __future__ import annotations

import hashlib
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pinnrun import storage
from pinnrun.build import checked_config
from pinnrun.commands import train
from pinnrun.composition.confdir import run_hydra
from pinnrun.config import plugin_words
from pinnrun.display import print_sweep_table
from pinnrun.errors import UserError
from pinnrun.run.execute import resumable
from pinnrun.storage import State

NO_IDENTITY = ("hydra", "display", "resume")  # what does not change what a job computes
ERROR = "error.txt"  # why a job failed, the reason in its last line


def config_key(_root_: DictConfig) -> str:
    """Eight hex digits of a job's config: the same job finds its own folder again, whatever sweep asks for it."""
    kept = OmegaConf.masked_copy(_root_, [str(key) for key in _root_ if key not in NO_IDENTITY])
    return hashlib.sha1(OmegaConf.to_yaml(kept, resolve=True, sort_keys=True).encode()).hexdigest()[:8]


OmegaConf.register_new_resolver("config_key", config_key, replace=True)


def main() -> int:
    """Run the sweep and print its table; 1 if a job failed."""
    jobs: list[Path] = []

    def check(composed: DictConfig) -> None:
        if composed.get("resume"):
            raise UserError("resume: a sweep resumes the jobs that were begun by itself; leave it out")
        checked_config(composed)
        jobs.append(sweep_folder() / config_key(composed))

    stopped: SystemExit | None = None
    try:
        run_hydra(job, "train", check=check)
    except SystemExit as signal:
        stopped = signal
    rows = [row(folder) for folder in dict.fromkeys(jobs)]
    if rows:
        print_sweep_table(rows)
    if stopped is not None:
        return int(stopped.code or 0)
    return 1 if any(not State(row["status"]).settled for row in rows) else 0


def job(composed: DictConfig) -> None:
    """One job of the sweep; what goes wrong is told here and in its folder, and stops no other job."""
    folder = train.output_folder()
    try:
        (folder / ERROR).unlink(missing_ok=True)
        run_job(composed, folder)
    except Exception as error:
        print(f"{folder}: {reason_of(error)}", file=sys.stderr)
        with suppress(OSError):
            storage.write_text(folder / ERROR, f"{traceback.format_exc()}\n{reason_of(error)}\n")


def reason_of(error: Exception) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def run_job(composed: DictConfig, folder: Path) -> None:
    """Skip a job whose result is there, resume one that was begun, train any other."""
    result = storage.read_result(folder)
    if result is not None and State(result["status"]).settled:
        print(f"{folder}: {result['status']} already", file=sys.stderr)
        return
    if resumable(folder):
        words = [f"display.kind={composed.display.kind}"]
        result = train.resume(str(folder), words + plugin_words(composed.plugins))
    else:
        result = train.train(composed, folder)
    if "signal" in result:  # it is meant for the whole sweep
        raise SystemExit(result["signal"])


def sweep_folder() -> Path:
    """Where Hydra puts the jobs of this sweep."""
    from hydra.core.hydra_config import HydraConfig

    return Path(HydraConfig.get().sweep.dir)


def row(folder: Path) -> dict[str, Any]:
    """A job's line of the table, from what it left in its folder."""
    overrides = OmegaConf.load(folder / ".hydra" / "overrides.yaml") if (folder / ".hydra").is_dir() else []
    line: dict[str, Any] = {"folder": str(folder), "overrides": [str(word) for word in overrides], "status": "not run"}
    try:
        result, status = storage.read_result(folder), storage.read_status(folder) or {}
    except UserError as error:
        return {**line, "status": "failed", "reason": reason_of(error)}
    if status:
        line |= {"status": status["state"], "reason": status["reason"]}
    if (folder / ERROR).exists():
        line |= {"status": "failed", "reason": (folder / ERROR).read_text().strip().rpartition("\n")[2]}
    if result is None:
        return line
    if State(result["status"]).settled:
        line |= {"status": result["status"], "reason": ""}
    names = ("width", "depth", "parameters", "loss", "error")
    errors = [item["error"] for item in result["observables"].values() if item["error"] is not None]
    return {
        **{name: result[name] for name in names},
        **line,
        "worst": max(errors, default=None),
        "seconds": result["cpu_seconds"],
    }
