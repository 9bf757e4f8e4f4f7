"""The calibrations that are kept, as JSON in the user's cache folder, and what ``scaleup.alpha=auto`` takes of them.

A run takes α from there, or measures a quick one. What it was given is written into its config, so that a resumed run
never measures again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pinnrun import storage
from pinnrun.build import checked_config
from pinnrun.calibration.measure import SCHEMA, VERSION, CalibrationSettings, Track, calibrate, key_of
from pinnrun.config import Config


def cache_folder() -> Path:
    """Where calibrations are kept: below $PINNRUN_CACHE_DIR, else $XDG_CACHE_HOME/pinnrun, else ~/.cache/pinnrun."""
    if own := os.environ.get("PINNRUN_CACHE_DIR"):
        return Path(own) / "calibrations"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pinnrun" / "calibrations"


def stored_path(record: Mapping[str, Any]) -> Path:
    """The file of a calibration in the cache folder."""
    return cache_folder() / f"{record['problem']}_{record['optimizer']}_{record['key']}.json"


def stored_alpha(config: Config, key: str) -> tuple[float, Path] | None:
    """α of the calibration kept for this key, with its file; None where there is none that can be read."""
    path = stored_path({"problem": config.problem.name, "optimizer": config.optimizer.type, "key": key})
    try:
        record = json.loads(path.read_text())
        alpha = float(record["alpha"])
        sound = (record["schema"], record["version"], record["key"]) == (SCHEMA, VERSION, key)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return (alpha, path) if sound and isfinite(alpha) and alpha > 1 else None


def keep(record: Mapping[str, Any]) -> Path:
    """Store a calibration; returns its file.

    Raises:
        OSError: the cache folder cannot be written.
    """
    path = stored_path(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    return storage.write_json(path, record)


def settled(composed: Any, track: Callable[[str], Track]) -> Any:
    """The config with a number for ``scaleup.alpha=auto``: that of a stored calibration, or of a quick one.

    Raises:
        UserError: there are too few sizes to calibrate with.
    """
    config = checked_config(composed)
    if config.scaleup.alpha != "auto":
        return composed
    if not config.scaleup.grows:
        alpha = 2.0  # of a size that is fixed nothing comes
    elif found := stored_alpha(config, key_of(composed, config)):
        alpha = found[0]
        print(f"scaleup.alpha: {alpha:g}, as calibrated ({found[1]})", file=sys.stderr)
    else:
        record = calibrate(composed, CalibrationSettings(), track, quick=True)
        alpha = record["alpha"]
        print(f"scaleup.alpha: {alpha:g}, by a quick calibration of {record['machine']}", file=sys.stderr)
        try:
            keep(record)
        except OSError as error:
            print(f"the calibration is not kept: {error}", file=sys.stderr)
    changed = composed.copy()
    OmegaConf.update(changed, "scaleup.alpha", alpha)
    return changed
