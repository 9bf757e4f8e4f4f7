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
    snapshots: int = setting(200, min=5, help="most snapshots that a spectrum of the weights is taken from")
    spectra: Literal["all", "weights", "loss", "edmd"] = setting("all", help="what spectra are taken of")
    time: Literal["log", "linear"] = setting("log", help="in which the rows of loss and edmd are equally spaced")
    rank: Literal["energy", "svht"] = setting("energy", help="modes kept of the weights: by their energy, or by noise")
    energy: float = setting(0.99, above=0, max=1, help="share of the increments' squares that the modes hold")
    modes: int = setting(10, min=1, help="the most modes of the weights")
    evaluate: bool = setting(True, help="evaluate the merit at forecast weights; rebuilds the run's problem")
    plugins: tuple[str, ...] = setting((), help="Python files, named again if the run was trained with plugins")


@dataclass(frozen=True)
class CompareSettings:
    """`pinnrun koopman compare`."""

    runs: str | tuple[str, ...] | None = setting(None, help="run folders, folders that hold runs, patterns of both")
    observable: Literal["weights", "loss", "log_loss"] = setting("weights", help="what the spectra are taken of")
    stage: int | Literal["last", "all"] = setting("last", min=0, help="the stage of every run that is compared")
    steps: tuple[int, int] | None = setting(None, min=1, help="first and last step of the stage; null: all in common")
    every: int | None = setting(None, min=1, help="steps between samples; null: the fewest that all runs have")
    delays: int | None = setting(None, min=0, help="samples stacked behind each; null: 32, a quarter of few samples")
    rank: int = setting(10, min=1, help="eigenvalues that are compared")
    clusters: int | None = setting(None, min=1, help="how many; null: by the largest silhouette")
    shuffles: int = setting(200, min=1, help="relabellings of the shuffle control")
    seed: int = setting(0, min=0, help="fixes shuffles and permutations")
    out: str | None = setting(None, help="folder of the files; null: comparison/ where the runs lie")
    figures: bool = setting(True, help="draw comparison.png")

    def problems(self) -> Iterator[str]:
        """What must be given, and in order."""
        if not self.runs:
            yield "runs: name what to compare, such as runs=[outputs/sweeps/poisson]"
        if self.steps is not None and self.steps[0] >= self.steps[1]:
            yield f"steps: the first, {self.steps[0]}, must be below the last, {self.steps[1]}"
