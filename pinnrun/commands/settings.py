"""The settings of the commands that work on saved runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pinnrun.config import Forecaster
from pinnrun.settings import setting


@dataclass(frozen=True)
class EvaluateSettings:
    """`pinnrun evaluate`."""

    run: str = setting("last", help="a run folder, or last")
    points: str | None = setting(None, help=".csv or .npy with one row of coordinates per point")
    out: str | None = setting(None, help="where the field goes, .csv or .npy; null: beside the points")
    gradient: bool = setting(False, help="also the gradient")
    plugins: tuple[str, ...] = setting((), help="Python files, named again if the run was trained with plugins")

    def problems(self) -> Iterator[str]:
        """What must be given."""
        if self.points is None:
            yield "points: give a file with one row of coordinates per point, points=file.csv or points=file.npy"


@dataclass(frozen=True)
class AnalyzeSettings:
    """`pinnrun koopman analyze`."""

    run: str = setting("last", help="a run folder, or last")
    horizon: int | None = setting(None, min=1, help="forecast each stage up to this many steps of it")
    target: float | None = setting(None, above=0, help="L_min to forecast against; null: the run's own")
    forecaster: Forecaster | None = setting(None, help="another forecaster than the run's own")
    clock: Literal["auto", "steps", "rate", "evaluations"] | None = setting(None, help="another clock")
    observable: Literal["auto", "merit", "loss"] | None = setting(None, help="another observable")
    figures: bool = setting(True, help="write figures into the run's folder")
    snapshots: int = setting(200, min=4, help="latest weight snapshots of a stage that the spectrum is taken from")
