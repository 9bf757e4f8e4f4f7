"""`pinnrun calibrate`: what a step costs against width, depth and points on this device, and the α that it implies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pinnrun import storage
from pinnrun.build import checked_config
from pinnrun.calibration.kept import cache_folder, keep, stored_path
from pinnrun.calibration.measure import CalibrationSettings, calibrate
from pinnrun.commands.tables import csv_text
from pinnrun.composition.confdir import run_hydra
from pinnrun.display.calibration import calibration_figure, print_calibration
from pinnrun.display.tracking import tracker
from pinnrun.errors import UserError
from pinnrun.settings import setting
from pinnrun.strict import build

OWN = ("calibration", "resume")


@dataclass(frozen=True)
class CalibrateSettings:
    """The keys of `pinnrun calibrate` beside those of a run."""

    calibration: CalibrationSettings = setting(CalibrationSettings(), help="what is measured")


def main() -> int:
    """Measure, print, keep."""
    run_hydra(run, "calibrate", check=split)
    return 0


def split(composed: DictConfig) -> tuple[DictConfig, CalibrationSettings]:
    """The config of a run, checked, and the calibration's own."""
    own = build(CalibrateSettings, OmegaConf.masked_copy(composed, ["calibration"]))
    if composed.get("resume"):
        raise UserError("resume: a calibration measures a run that begins; leave it out")
    of_run = OmegaConf.masked_copy(composed, [str(key) for key in composed if key not in OWN])
    checked_config(of_run)
    return of_run, own.calibration


def run(composed: DictConfig) -> None:
    """Calibrate, tell, and write the files."""
    of_run, settings = split(composed)
    record = calibrate(of_run, settings, tracker)
    print_calibration(record)
    write(record, settings)


def write(record: Mapping[str, Any], settings: CalibrationSettings) -> None:
    """The JSON that scaleup.alpha=auto reads, and beside it, or in ``calibration.out``, the curves as CSV and figure.

    Raises:
        UserError: neither can be written.
    """
    name = stored_path(record).stem
    place = Path(settings.out) if settings.out else cache_folder()
    lines = [{"along": along, **row} for along, curve in record["curves"].items() for row in curve]
    paths = []
    try:
        paths.append(keep(record))
    except OSError as error:
        if not settings.out:
            raise UserError(
                f"cannot write {error.filename}: {error.strerror}.\nSet PINNRUN_CACHE_DIR to a folder of yours."
            ) from error
        print(f"scaleup.alpha=auto will not find it: {error}", file=sys.stderr)
    try:
        place.mkdir(parents=True, exist_ok=True)
        paths.append(storage.write_text(place / f"{name}.csv", csv_text(lines)))
    except OSError as error:
        raise UserError(f"calibration.out: cannot write {error.filename}: {error.strerror}") from error
    if settings.figures:
        try:
            paths.append(calibration_figure(record, place / f"{name}.png"))
        except (UserError, OSError) as error:  # no matplotlib, no room: the numbers stand without the picture
            print(f"no figure: {error}", file=sys.stderr)
    print("\nfiles      " + "\n           ".join(map(str, paths)))
