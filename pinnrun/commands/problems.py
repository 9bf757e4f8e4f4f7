"""`pinnrun problems`: what can be solved, one line each; read from the YAML files alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from pinnrun.errors import UserError


def main() -> int:
    """List the problems of pinnrun and those of --config-dir."""
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        print("usage: pinnrun problems [--config-dir FOLDER]\n\nLists the problems that can be solved.")
        return 0
    folders = [shipped()]
    if words and words[0] in ("--config-dir", "-cd") and len(words) == 2:
        folders.append(Path(words[1]))
    elif words:
        raise UserError(f"pinnrun problems takes no '{words[0]}'; only --config-dir FOLDER")
    elif os.environ.get("PINNRUN_CONFIG_DIR"):
        folders.append(Path(os.environ["PINNRUN_CONFIG_DIR"]))
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--config-dir: there is no folder '{folder}'")
    found = [(path.stem, summary(path)) for folder in folders for path in sorted((folder / "problem").glob("*.yaml"))]
    width = max(len(name) for name, _ in found) + 2
    for name, text in found:
        print(f"{name:<{width}}{text}")
    return 0


def shipped() -> Path:
    """Pinnrun's own configs (``confdir.conf_dir`` without its import of Hydra)."""
    package = Path(__file__).resolve().parents[1]
    return next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir())


def summary(path: Path) -> str:
    """The line that a problem's YAML file says of itself."""
    try:
        content: Any = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where} cannot be read: {getattr(error, 'problem', error)}") from error
    group = content.get("problem", content) if isinstance(content, dict) else {}
    return str(group.get("summary", "")) if isinstance(group, dict) else ""
