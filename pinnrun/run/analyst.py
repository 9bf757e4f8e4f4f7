"""The analyst: remembers what was recorded of the present stage, and asks `pinnrun.koopman` what is to come."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np

from pinnrun.config import KoopmanSettings
from pinnrun.koopman import Forecast, History, Snapshots, forecast_stage
from pinnrun.registry import family_of

KEPT = 64  # residuals of earlier forecasts
SNAPSHOTS = 200  # latest weights that a forecaster of weights is given
COLUMNS = ("step", "loss", "merit", "rate", "evaluations", "promise")


class Analyst:
    """The stage's rows as a forecast wants them, and what the run's forecasts have taught about their errors.

    Args:
        settings: forecaster, clock, observable.
        optimizer: whose steps they are; it may know its rates ahead.
    """

    def __init__(self, settings: KoopmanSettings, optimizer: Any) -> None:
        self.settings, self.optimizer = settings, optimizer
        self.backtests: list[float] = []
        self._earlier: list[float] = []  # those that were there before the present history was forecast
        self.start_stage()

    def start_stage(self) -> None:
        """Forget the rows: another network."""
        self.columns: dict[str, list[float]] = {name: [] for name in COLUMNS}

    def note(self, stage_step: int, row: Mapping[str, float]) -> None:
        """One row, at its step of the stage."""
        self._earlier = self.backtests
        self.columns["step"].append(stage_step)
        for name in COLUMNS[1:]:
            self.columns[name].append(row.get(name, nan))

    def keep_until(self, stage_step: int) -> None:
        """Forget the rows after that step (training rewinds to there)."""
        kept = bisect(self.columns["step"], stage_step)
        for column in self.columns.values():
            del column[kept:]

    @property
    def latest_loss(self) -> float:
        """Of the last row; NaN before the first."""
        return self.columns["loss"][-1] if self.columns["loss"] else nan

    @property
    def steps(self) -> np.ndarray:
        """Steps of the stage, ``(n,)``."""
        return np.asarray(self.columns["step"])

    @property
    def loss(self) -> np.ndarray:
        """Training loss, ``(n,)``."""
        return np.asarray(self.columns["loss"])

    @property
    def wants_weights(self) -> bool:
        """Whether the forecaster works on snapshots."""
        return self.settings.forecaster == "weights"

    def forecast(self, target: float, horizon: int, snapshots: Snapshots | None = None) -> Forecast:
        """What is to come up to step ``horizon`` of the stage.

        Raises:
            ValueError: this history cannot be forecast.
            ArithmeticError: nor can it be computed with.
        """
        outlook = self.ask(target, horizon, snapshots)
        self.backtests = (self._earlier + outlook.backtests.tolist())[-KEPT:]
        return outlook

    def ask(self, target: float, horizon: int, snapshots: Snapshots | None = None) -> Forecast:
        """The same, and nothing is remembered of it."""
        history = History.of(self.columns, snapshots=snapshots)
        return ask(history, self.settings, self.optimizer, target, horizon, self._earlier)


def ask(
    history: History,
    settings: KoopmanSettings,
    optimizer: Any,
    target: float,
    horizon: int,
    backtests: list[float] | None = None,
) -> Forecast:
    """The forecast of a stage that an optimizer trains, as the settings want it."""
    return forecast_stage(
        replace(history, rate_ahead=rates_ahead(optimizer, history)),
        target=target,
        horizon=horizon,
        forecaster=settings.forecaster,
        clock=settings.clock,
        observable=settings.observable,
        family=family_of(optimizer.type),
        residuals=backtests if settings.backtests else None,
    )


def rates_ahead(optimizer: Any, history: History) -> Callable[[int], float] | None:
    """The learning rate so many steps from now: the schedule's course, from the rate that was last recorded.

    A run that has been softened after a divergence, or that is read from disk, has its rates by that factor.
    """
    rate_at = getattr(optimizer, "rate_at", None)
    if rate_at is None or history.rate is None or not np.isfinite(history.rate[-1:]).all():
        return None
    now, scale = int(history.steps[-1]), float(history.rate[-1]) / rate_at(int(history.steps[-1]))
    return lambda ahead: scale * rate_at(now + ahead)
