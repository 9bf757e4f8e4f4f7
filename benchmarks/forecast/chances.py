"""Whether the band holds what it promises, and whether P(reach L_min by T) is a probability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10, nan

import numpy as np

from benchmarks.forecast.cases import FAMILIES
from benchmarks.forecast.trajectories import Trajectory
from benchmarks.forecast.views import DEFAULT, FACTORS, history, reached, truth, windows
from pinnrun.koopman import Forecast, forecast_stage, prior, reach
from pinnrun.koopman.forecasters import circumstances
from pinnrun.registry import family_of

DROPS = (0.1, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0)  # decades below the present loss, as targets
EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)  # of the reliability table


@dataclass(frozen=True)
class Band:
    """A band of 80 % and what came.

    Attributes:
        outlook: the forecast whose horizon is the step in question.
        truth: y there.
    """

    trajectory: Trajectory
    now: int
    factor: int
    outlook: Forecast
    truth: float

    @property
    def holds(self) -> bool:
        """Whether the truth lies within."""
        return log10(self.outlook.low[-1]) <= self.truth <= log10(self.outlook.high[-1])

    @property
    def residual(self) -> float:
        """Truth minus trend, per unit of u: what the law of residuals is about."""
        return (self.truth - log10(self.outlook.trend)) / max(self.outlook.ahead, 1e-9)


def ask(trajectory: Trajectory, now: int, horizon: int, target: float, forecaster: str = DEFAULT) -> Forecast:
    """The forecast of the training loss as the runner asks for it."""
    family = family_of(FAMILIES[trajectory.family].optimizer)
    seen = history(trajectory, now)
    return forecast_stage(seen, target=target, horizon=horizon, family=family, observable="loss", forecaster=forecaster)


def bands(trajectories: Iterable[Trajectory], forecaster: str = DEFAULT) -> list[Band]:
    """The bands at all horizons."""
    found = []
    for trajectory in trajectories:
        for now in windows(trajectory):
            for factor in (f for f in FACTORS if f * now <= len(trajectory)):
                outlook = ask(trajectory, now, factor * now, 1e-300, forecaster=forecaster)
                found.append(Band(trajectory, now, factor, outlook, truth(trajectory, factor * now)))
    return found


def alike(one: Forecast, other: Forecast) -> bool:
    """Whether both are from the same forecaster in the same circumstances."""
    mine, theirs = ((it.forecaster, circumstances(it.forecaster, it.promise, it.regime)) for it in (one, other))
    return mine == theirs


def left_out(found: Sequence[Band]) -> list[bool]:
    """Whether each band would hold, had its problem not been among those that the law of residuals was measured on.

    The law is that of the other problems' residuals in the same circumstances, widened and mixed with the run's own
    backtests as `pinnrun.koopman` does it.
    """
    holds = []
    for band in found:
        others = [
            other.residual
            for other in found
            if other.trajectory.problem != band.trajectory.problem and alike(other.outlook, band.outlook)
        ]
        if len(others) < 10:
            continue
        low, median, high = np.quantile(others, (0.1, 0.5, 0.9))
        wide = prior.table()["inflation"][band.outlook.forecaster]
        bare = reach.ResidualLaw(median + wide * (low - median) - 1e-9, median, median + wide * (high - median) + 1e-9)
        law = reach.mix(bare, band.outlook.backtests)
        holds.append(law.low <= band.residual <= law.high)
    return holds


@dataclass(frozen=True)
class Chance:
    """A probability and the outcome."""

    trajectory: Trajectory
    now: int
    drop: float
    probability: float
    happened: bool


def chances(trajectories: Iterable[Trajectory], forecaster: str = DEFAULT) -> list[Chance]:
    """P(reach) for targets below the present loss, within ten times the steps or to the trajectory's end."""
    found = []
    for trajectory in trajectories:
        for now in windows(trajectory):
            horizon = min(FACTORS[-1] * now, len(trajectory))
            level = 10.0 ** truth(trajectory, now)
            for drop in DROPS:
                target = level * 10.0**-drop
                step = reached(trajectory, target)
                if step is not None and step <= now:
                    continue
                outlook = ask(trajectory, now, horizon, target, forecaster=forecaster)
                came = step is not None and step <= horizon
                found.append(Chance(trajectory, now, drop, outlook.probability, came))
    return found


def brier(found: Sequence[Chance]) -> float:
    """Mean squared difference of probability and outcome: 0 is perfect, ¼ is a coin's."""
    return float(np.mean([(item.probability - item.happened) ** 2 for item in found])) if found else nan


def climatology(found: Sequence[Chance]) -> float:
    """Brier score of always saying how often it happens: what a forecast must beat."""
    share = np.mean([item.happened for item in found]) if found else nan
    return float(share * (1.0 - share))


@dataclass(frozen=True)
class Bin:
    """Forecasts of about one probability: their mean, and how often it came true."""

    count: int
    said: float
    came: float


def reliability(found: Sequence[Chance]) -> list[Bin]:
    """The table: for a good forecast what is said is what comes."""
    said = np.array([item.probability for item in found])
    came = np.array([item.happened for item in found], dtype=float)
    place = np.clip(np.searchsorted(EDGES, said, side="right") - 1, 0, len(EDGES) - 2)
    return [
        Bin(int(inside.sum()), float(said[inside].mean()), float(came[inside].mean()))
        for inside in (place == k for k in range(len(EDGES) - 1))
        if inside.any()
    ]
