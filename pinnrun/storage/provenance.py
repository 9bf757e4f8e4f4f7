"""Where a run comes from: versions, config, command, machine, seed, commit, time."""

import importlib.metadata
import os
import platform
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py

import pinnrun

_PACKAGES = ("torch", "numpy", "scipy", "h5py", "hydra-core", "omegaconf")
_GIT_SECONDS = 2.0


def collect_provenance(
    config: str, *, seed: int, device: str, argv: Sequence[str] | None = None, run_id: str | None = None
) -> dict[str, Any]:
    """Describe this run and the process it starts in; plain values, ready for `write_index`.

    Args:
        config: the composed configuration as YAML text.
        seed: the one seed of the run.
        device: the device as the config names it, "cpu" or "cuda:0".
        argv: the command, `sys.argv` unless told.
        run_id: identity of the run; drawn at random unless told.

    Returns:
        run_id, started (ISO 8601 with time zone), argv, config, seed, device, host, platform, threads, folder
        (the working directory), versions {name: version} and git {commit, dirty}.
    """
    return {
        "run_id": run_id or secrets.token_hex(8),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "argv": list(sys.argv if argv is None else argv),
        "config": config,
        "seed": seed,
        "device": device,
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "folder": str(Path.cwd()),
        "versions": versions(),
        "git": git_state(),
    }


def versions() -> dict[str, str]:
    """Versions of pinnrun, Python, HDF5 and the packages a result depends on; imports none of them."""
    found = {name: _version(name) for name in _PACKAGES}
    return {
        "pinnrun": pinnrun.__version__,
        "python": platform.python_version(),
        "hdf5": h5py.version.hdf5_version,
        **{name: version for name, version in found.items() if version},
    }


def git_state(folder: str | os.PathLike[str] = ".") -> dict[str, Any]:
    """Commit of the checkout around `folder`, and whether tracked files differ from it; None without one."""
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _version(package: str) -> str | None:
    # A loaded module knows its build ("2.13.0+cpu"), the metadata only its release.
    loaded = getattr(sys.modules.get(package), "__version__", None)
    if loaded:
        return str(loaded)
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(folder: str | os.PathLike[str], *arguments: str) -> str | None:
    # No optional locks: looking must not stand in the way of a git command that runs at the same time.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", os.fspath(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, env=environment)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
