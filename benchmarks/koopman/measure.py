"""Errors of forecast weights in decades of the merit, from a run's snapshots; and what an analysis costs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import common
from benchmarks.koopman.cases import Case
from benchmarks.settings import on_random_points
from pinnrun import storage
from pinnrun.architectures import Mlp
from pinnrun.commands.judge import Judge
from pinnrun.commands.train import saved_config, train
from pinnrun.composition.confdir import compose
from pinnrun.koopman import forecast_weights, layer_spectra, prospects
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.damped_trend import fit_damped_trend
from pinnrun.koopman.regime import classify
from pinnrun.koopman.weights import RULES, layer_slices
from pinnrun.optimizers import Adam, Pace

HORIZONS = (1.02, 1.05, 1.1, 1.25, 1.5, 2.0)
METHODS = ("last", "trend", *RULES)
WORST = 8.0  # decades: errors are bounded by this, so that an overflow is a number
TAIL = 0.97  # where training stands at t is the median over [0.97 t, t]


@dataclass(frozen=True)
class Row:
    """One forecast from one origin of one run to one horizon; merits as log10.

    Attributes:
        case, kind, seed, parameters, origin, regime: what was forecast.
        horizon, step: how far.
        truth, now: where training stood there, and at the origin.
        fixed_point: at the weights' fixed point; NaN where there is none.
        last, trend, modes, layers, velocity, exact: the forecasts: no change, damped trend of the merit's own curve,
            and the merit at forecast weights by rule.
    """

    case: str
    kind: str
    seed: int
    parameters: int
    origin: int
    regime: str
    horizon: float
    step: int
    truth: float
    now: float
    fixed_point: float
    last: float
    trend: float
    modes: float
    layers: float
    velocity: float
    exact: float

    def error(self, method: str) -> float:
        """Decades by which the forecast is too high, within +-8."""
        return float(np.clip(np.nan_to_num(getattr(self, method), nan=np.inf) - self.truth, -WORST, WORST))


@dataclass(frozen=True)
class StageRow:
    """One stage of a run that grew: log10 merits at its end, at the fixed point of its weights, at the run's end."""

    stage: int
    size: str
    parameters: int
    steps: int
    last: float
    fixed_point: float
    final: float


def in_folder(words: tuple[str, ...], work: Callable[[storage.Run, Judge], Any]) -> Any:
    """Train with these words in a folder that is thrown away, and look at what it left."""
    with tempfile.TemporaryDirectory(prefix="pinnrun-koopman-") as scratch:
        folder = Path(scratch) / "run"
        folder.mkdir()
        train(compose("train", on_random_points([*words, "display=quiet"])), folder)
        run = storage.open_run(folder)
        return work(run, Judge(saved_config(run)))


def run_case(case: Case, seed: int) -> list[Row]:
    """Train, forecast, compare."""
    return in_folder((*case.words, f"seed={seed}"), lambda run, judge: rows_of(case, seed, run.stages[0], judge))


def rows_of(case: Case, seed: int, stage: storage.Stage, judge: Judge) -> list[Row]:
    """All forecasts from all origins of a stage."""
    steps, merit = stage.weight_steps, judge.of(stage.architecture)
    curve = np.array([merit(weights) for weights in stage.weights])
    rows = []
    for origin in case.origins:
        look = prospects(
            steps, stage.weights, merit, origin=origin, horizons=HORIZONS, layers=layer_slices(stage.layout)
        )
        seen = steps <= origin
        if look is None or look.steps[-1] > steps[-1]:
            continue  # the optimizer was stuck before
        history = LossCurve.from_history(steps[seen], curve[seen])
        trend = fit_damped_trend(history).predict(look.steps)
        now = standing(steps, curve, look.now)
        fixed = np.nan if look.fixed_point is None else look.fixed_point
        for k, horizon in enumerate(HORIZONS):
            rows.append(
                Row(
                    case=case.name,
                    kind=case.kind,
                    seed=seed,
                    parameters=stage.weights.shape[1],
                    origin=look.now,
                    regime=classify(history).value,
                    horizon=horizon,
                    step=int(look.steps[k]),
                    truth=standing(steps, curve, int(look.steps[k])),
                    now=now,
                    fixed_point=log10(fixed),
                    last=now,
                    trend=float(trend[k]),
                    **{rule: log10(look.forecast[rule][k]) for rule in RULES},
                )
            )
    return rows


def standing(steps: np.ndarray, curve: np.ndarray, step: int) -> float:
    """Log10 of the median merit over [0.97 t, t]: one lucky step does not count."""
    chosen = (steps >= TAIL * step) & (steps <= step)
    return float(np.median(np.log10(curve[chosen])))


def log10(value: float) -> float:
    """The logarithm; infinite where the value is."""
    return float(np.log10(value)) if np.isfinite(value) else float(value)


def run_grown(words: tuple[str, ...]) -> list[StageRow]:
    """A run that grows, stage by stage."""
    return in_folder(words, stages_of)


def stages_of(run: storage.Run, judge: Judge) -> list[StageRow]:
    """Where each stage ended and where its weights were heading."""
    found = []
    for stage in run.stages:
        own = stage.weight_steps - stage.first_step + 1
        look = prospects(own, stage.weights, judge.of(stage.architecture), horizons=(2.0,), rules=("modes",))
        if look is not None:
            fixed = np.nan if look.fixed_point is None else log10(look.fixed_point)
            size = f"{stage.architecture['width']} x {stage.architecture['depth']}"
            parameters = stage.weights.shape[1]
            found.append(StageRow(stage.number, size, parameters, int(own[-1]), log10(look.last), fixed, np.nan))
    final = found[-1].last
    return [StageRow(**{**vars(row), "final": final}) for row in found]


COSTS = {
    "step": "one Adam step",
    "value": "one evaluation of the loss",
    "spectrum": "spectra of the network and of its layers, with fixed points",
    "forecast": "weights forecast to 4 horizons",
}


def costs(rounds: int, longest: float) -> tuple[dict[str, np.ndarray], int]:
    """Seconds of each of `COSTS` in turn, [3, 70, 70, 70, 1] on 1024 points, 200 snapshots; and the parameters P."""
    torch.set_num_threads(1)
    device = torch.device("cpu")
    network = Mlp(3, 1, 70, 3)
    objective, theta = common.poisson(network, 1024, device, torch.float64)
    adam = Adam(Pace(2, 2, 2, 1, 1))
    weights = np.cumsum(np.random.default_rng(0).normal(size=(200, network.size)), axis=0)
    layers = layer_slices(network.layout.shapes)
    works: dict[str, Callable[[], Any]] = {
        "step": lambda: adam.step(objective, theta),
        "value": lambda: objective.value(theta),
        "spectrum": lambda: layer_spectra(weights, 10, layers),
        "forecast": lambda: forecast_weights(weights, [10, 20, 50, 100]),
    }
    return common.interleaved(works, rounds, device, longest), network.size
