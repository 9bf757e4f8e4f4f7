"""Errors of every forecaster, in decades: forecast minus truth, from every window and to every horizon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from benchmarks.forecast.cases import FAMILIES
from benchmarks.forecast.trajectories import Trajectory
from benchmarks.forecast.views import FACTORS, history, truth, windows
from pinnrun.koopman import Snapshots
from pinnrun.koopman.clock import Clock
from pinnrun.koopman.curve import LossCurve
from pinnrun.koopman.forecasters import forecaster_named
from pinnrun.koopman.regime import classify
from pinnrun.koopman.stage import make_clock
from pinnrun.registry import family_of

WORST = 8.0  # decades; errors are clipped to this, so that one explosion does not hide the others
LossOf = Callable[[Trajectory], Callable[[np.ndarray], float]]


@dataclass(frozen=True)
class Error:
    """One forecast that can be checked.

    Attributes:
        trajectory: what was forecast.
        regime: phase of training at n, by the steps.
        forecaster, clock: what it was forecast with.
        now: n. factor: horizon over n.
        error: decades, positive where the forecast was too high.
    """

    trajectory: Trajectory
    regime: str
    forecaster: str
    clock: str
    now: int
    factor: int
    error: float


def errors(
    trajectories: Iterable[Trajectory],
    forecasters: Sequence[str],
    clocks: Sequence[str] = ("auto",),
    loss_of: LossOf | None = None,
) -> list[Error]:
    """All errors.

    Args:
        trajectories: what to forecast.
        forecasters: names in FORECASTERS.
        clocks: each forecaster is tried on each; windows where two are the same clock count for both.
        loss_of: the loss as a function of the weights, for the forecaster of weights.
    """
    found = []
    for trajectory in trajectories:
        loss = loss_of(trajectory) if loss_of and "weights" in forecasters else None
        for now in windows(trajectory):
            ats = [factor * now for factor in FACTORS if factor * now <= len(trajectory)]
            truths = np.array([truth(trajectory, at) for at in ats])
            seen = history(trajectory, now)
            regime = classify(LossCurve.from_history(seen.steps, seen.loss)).value
            for choice in clocks:
                clock = make_clock(seen, choice, ats[-1])
                curve = LossCurve.from_history(clock.at(seen.steps), seen.loss, seen.promise)
                for name in forecasters:
                    fitted = curve if name != "weights" else with_weights(curve, clock, trajectory, now, loss)
                    missed = miss(name, fitted, clock, ats, truths, trajectory)
                    found += [
                        Error(trajectory, regime, name, choice, now, at // now, float(e))
                        for at, e in zip(ats, missed, strict=True)
                    ]
    return found


def miss(
    name: str, curve: LossCurve, clock: Clock, ats: Sequence[int], truths: np.ndarray, trajectory: Trajectory
) -> np.ndarray:
    """Forecast minus truth at the steps ``ats``; an explosion counts as ``WORST``."""
    fit = forecaster_named(name, family_of(FAMILIES[trajectory.family].optimizer))
    forecast = fit(curve).predict(clock.at(ats))
    return np.clip(np.nan_to_num(forecast - truths, nan=WORST), -WORST, WORST)


def with_weights(
    curve: LossCurve, clock: Clock, trajectory: Trajectory, now: int, loss: Callable[[np.ndarray], float] | None
) -> LossCurve:
    """The curve with the last 200 snapshots that had been taken by then."""
    assert loss is not None
    steps, weights = trajectory.weights(until=now, last=200)
    return replace(curve, snapshots=Snapshots(clock.at(steps), weights, loss))


def trained_loss(trajectory: Trajectory) -> Callable[[np.ndarray], float]:
    """The training loss of a run's network as a function of θ; on the evaluation set where points do not stay."""
    import torch

    from pinnrun.build import checked_config, prepare_torch
    from pinnrun.commands.train import saved_config
    from pinnrun.storage import open_run
    from pinnrun.training.trainer import Trainer

    config = checked_config(saved_config(open_run(trajectory.folder)))
    trainer = Trainer(config, *prepare_torch(config))
    objective = trainer.evaluation if config.sampling.every else trainer.objective
    return lambda theta: float(objective.value(torch.as_tensor(theta).to(trainer.theta)))


def summary(found: Sequence[Error]) -> Mapping[str, float]:
    """Number of windows, and median, 90 % quantile and mean sign of their errors."""
    values = np.array([item.error for item in found])
    if not len(values):
        return {"count": 0, "median": nan, "p90": nan, "bias": nan}
    size = np.abs(values)
    return {
        "count": len(values),
        "median": float(np.median(size)),
        "p90": float(np.quantile(size, 0.9)),
        "bias": float(np.median(values)),
    }
