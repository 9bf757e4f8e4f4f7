"""`pinnrun sweep`: one run for every combination of values; done ones are skipped, one that fails stops no other."""

from __future__ import annotations

import hashlib
import sys
import traceback
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pinnrun import storage
from pinnrun.build import checked_config
from pinnrun.commands import train
from pinnrun.confdir import run_hydra
from pinnrun.display import print_sweep_table
from pinnrun.errors import UserError

NO_IDENTITY = ("hydra", "display", "resume")  # what does not change what a job computes
SETTLED = ("done", "budget", "stalled")


def config_key(_root_: DictConfig) -> str:
    """Eight hex digits of a job's config: the same job finds its own folder again, in whatever sweep it is asked for."""
    kept = OmegaConf.masked_copy(_root_, [key for key in _root_ if key not in NO_IDENTITY])
    return hashlib.sha1(OmegaConf.to_yaml(kept, resolve=True, sort_keys=True).encode()).hexdigest()[:8]


OmegaConf.register_new_resolver("config_key", config_key, replace=True)


def main() -> int:
    """Run the sweep and print its table; 1 if a job failed."""
    jobs: list[Path] = []

    def check(composed: DictConfig) -> None:
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
    return 1 if any(row["status"] not in SETTLED for row in rows) else 0


def job(composed: DictConfig) -> None:
    """One job of the sweep; what goes wrong is told here and in its folder, and stops no other job."""
    folder = train.output_folder()
    try:
        run_job(composed, folder)
    except Exception as error:
        print(f"{folder}: {type(error).__name__}: {error}", file=sys.stderr)
        storage.write_text(folder / "error.txt", traceback.format_exc())


def run_job(composed: DictConfig, folder: Path) -> None:
    """Skip a job whose result is there, resume one that was interrupted, train any other."""
    result = storage.read_result(folder)
    if result is not None and result["status"] in SETTLED:
        print(f"{folder}: {result['status']} already", file=sys.stderr)
        return
    if resumable(folder):
        result = train.resume(
            str(folder), [f"plugins=[{','.join(composed.plugins)}]"] if composed.plugins else []
        )
    else:
        result = train.train(composed, folder)
    if "signal" in result:  # it is meant for the whole sweep
        raise SystemExit(result["signal"])


def resumable(folder: Path) -> bool:
    """Whether an interrupted or killed run lies there."""
    return (folder / "checkpoint.pt").exists() and (folder / "run.h5").exists()


def sweep_folder() -> Path:
    """Where Hydra puts the jobs of this sweep."""
    from hydra.core.hydra_config import HydraConfig

    return Path(HydraConfig.get().sweep.dir)


def row(folder: Path) -> dict[str, Any]:
    """A job's line of the table, from what it left in its folder."""
    overrides = OmegaConf.load(folder / ".hydra" / "overrides.yaml") if (folder / ".hydra").is_dir() else []
    line: dict[str, Any] = {
        "folder": str(folder),
        "overrides": " ".join(map(str, overrides)),
        "status": "not run",
    }
    try:
        result = storage.read_result(folder)
        status = storage.read_status(folder)
    except UserError:
        return line
    if result is None:
        return {
            **line,
            "status": status["state"] if status else "not run",
            "reason": (status or {}).get("reason", ""),
        }
    names = ("width", "depth", "parameters", "loss", "error", "status")
    errors = [item["error"] for item in result["observables"].values() if item["error"] is not None]
    return {
        **line,
        **{name: result[name] for name in names},
        "worst": max(errors, default=None),
        "seconds": result["cpu_seconds"],
    }
