"""What an analysis costs beside a training step, at 10⁴ parameters and 200 snapshots.

The step is that of the problem as it is shipped, but for the points that a network of this size would get in addition.
The inner products of the increments alone are T²P = 4e8 multiplications and additions, 9 ms at the 43 Gflop/s of one
core of an EPYC.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from benchmarks.common import interleaved
from benchmarks.forecast.cases import CASES
from pinnrun.build import checked_config, make_runner
from pinnrun.composition.confdir import compose
from pinnrun.display import QuietDisplay
from pinnrun.koopman import History, forecast_stage, weight_spectrum
from pinnrun.training.trainer import Trainer

CASE = next(case for case in CASES if case.name == "exponential-adam-70x3")
POINTS = 900  # of problem=poisson_exponential
SNAPSHOTS, EVERY = 200, 10
ROUNDS = 15
TRAINERS = {"brief": [], "step": [f"problem.points={POINTS}"]}


@dataclass(frozen=True)
class Cost:
    """CPU seconds, medians of interleaved rounds.

    Attributes:
        parameters: P.
        step: of one training step on the problem's own points.
        brief: of one on the few points of the trajectories.
        forecast: of a forecast of 2000 steps, band, probability and backtests included.
        spectrum: of the weights' spectrum from 200 snapshots.
        rounds: of the measurement.
    """

    parameters: int
    step: float
    brief: float
    forecast: float
    spectrum: float
    rounds: int

    @property
    def ratio(self) -> float:
        """The whole analysis, in training steps."""
        return (self.forecast + self.spectrum) / self.step

    def text(self) -> str:
        """In words."""
        return (
            f"P = {self.parameters}, T = {SNAPSHOTS}: one training step {1e3 * self.step:.1f} ms on {POINTS} points, "
            f"{1e3 * self.brief:.1f} ms on those of the trajectories; forecast {1e3 * self.forecast:.1f} ms, spectrum "
            f"{1e3 * self.spectrum:.1f} ms (CPU, median of {self.rounds} rounds in turn): a full analysis costs "
            f"{self.ratio:.1f} steps"
        )


def measure() -> Cost:
    """Train the case for as long as 200 snapshots take, then time both in turn."""
    with tempfile.TemporaryDirectory(prefix="pinnrun-forecast-") as folder:
        trainer, larger = (trainer_of(Path(folder) / name, extra) for name, extra in TRAINERS.items())
        rows, weights = [], []
        for step in range(1, SNAPSHOTS * EVERY + 1):
            rows.append(trainer.advance())
            if step % EVERY == 0:
                weights.append(trainer.parameters().numpy().copy())
        history = History.of({name: np.array([row[name] for row in rows]) for name in rows[0]})
        snapshots, target, horizon = np.array(weights), 1e-3 * rows[-1]["loss"], 10 * len(rows)
        works = {
            "step": larger.advance,
            "brief": trainer.advance,
            "forecast": lambda: forecast_stage(history, target=target, horizon=horizon, family="adam"),
            "spectrum": lambda: weight_spectrum(snapshots, EVERY),
        }
        taken = interleaved(works, ROUNDS, torch.device("cpu"), longest=60.0)
    seconds = {name: float(np.median(values)) for name, values in taken.items()}
    return Cost(snapshots.shape[1], **seconds, rounds=len(taken["step"]))


def trainer_of(folder: Path, extra: Sequence[str]) -> Trainer:
    """That of the case, with something changed."""
    composed: Any = compose("train", [*CASE.words(SNAPSHOTS * EVERY), *extra])
    return make_runner(checked_config(composed), folder, OmegaConf.to_yaml(composed), QuietDisplay()).trainer
