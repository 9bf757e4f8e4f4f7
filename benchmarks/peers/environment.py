"""The peers' environment: made once, kept in the user's cache folder, named after what is in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from pinnrun.errors import UserError

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def default_folder() -> Path:
    """Where it is kept: a name that changes with the pinned versions and with Python's."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256((version + REQUIREMENTS.read_text()).encode()).hexdigest()[:8]
    return cache / "pinnrun" / f"peers-{digest}"


def python_of(folder: Path) -> Path:
    """Its interpreter, whether it is there or not."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ready(folder: Path) -> bool:
    """Whether it was made to the end, from the requirements of today."""
    stamp = folder / REQUIREMENTS.name
    return stamp.is_file() and stamp.read_text() == REQUIREMENTS.read_text()


def make(folder: Path) -> Path:
    """The interpreter of the environment in ``folder``, which is made if need be: some 250 MB, minutes.

    Raises:
        UserError: pip could not install it.
    """
    python = python_of(folder)
    if ready(folder):
        return python
    print(f"making the peers' environment in {folder}", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
    except subprocess.CalledProcessError as error:
        raise UserError(
            f"the peers' environment could not be made: {error}.\n"
            f"Is the package index within reach? Delete {folder} and start again, or name another with --env."
        ) from error
    (folder / REQUIREMENTS.name).write_text(REQUIREMENTS.read_text())
    return python
