"""The scale-up's verdict, replayed on trajectories whose end is known.

A network with a target and a budget of T steps is asked about as the runner does it: after the first window, then after
half as many steps again where the verdict is EXTEND, after another window where it is REACH, until it says SCALE or T
is spent.
Two things can go wrong: a network is given up that would have reached the target (a false stop), and one that never
does is trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from benchmarks.forecast.cases import FAMILIES
from benchmarks.forecast.trajectories import Trajectory
from benchmarks.forecast.views import DEFAULT, history, reached
from pinnrun.koopman import Forecast, Verdict, forecast_stage, verdict
from pinnrun.koopman.verdict import LONGER
from pinnrun.registry import family_of

TARGETS = tuple(10.0**-k for k in (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7))  # of the first loss
KEPT = 64  # backtests of earlier forecasts, as the runner keeps them


@dataclass(frozen=True)
class Replay:
    """One network with one target.

    Attributes:
        target: L_min.
        reached: step by which it is held, None if never.
        stopped: step at which the network was given up, None if it never was.
        budget: T.
    """

    trajectory: Trajectory
    target: float
    reached: int | None
    stopped: int | None
    budget: int

    @property
    def false_stop(self) -> bool:
        """Whether the target would have been reached."""
        return self.reached is not None and self.stopped is not None and self.stopped < self.reached

    @property
    def spent(self) -> float:
        """Share of the budget that was trained."""
        return (self.stopped or self.budget) / self.budget


@dataclass(frozen=True)
class Question:
    """One network with one target, and all forecasts that are made of it if it is never given up.

    Attributes:
        target: L_min.
        reached: step by which it is held, None if never.
        outlooks: the forecasts, earliest first, until the target is reached or the budget spent;
            made as they are asked for.
    """

    trajectory: Trajectory
    target: float
    reached: int | None
    outlooks: Iterable[Forecast]

    def judged(self) -> Replay:
        """What the verdict makes of it."""
        minimum = FAMILIES[self.trajectory.family].minimum
        given_up = (item.now for item in self.outlooks if verdict(item, minimum=minimum).verdict is Verdict.SCALE)
        return Replay(self.trajectory, self.target, self.reached, next(given_up, None), len(self.trajectory))


def replays(trajectories: Iterable[Trajectory], observable: str = "auto", forecaster: str = DEFAULT) -> list[Replay]:
    """The verdict on all questions."""
    return [question.judged() for question in questions(trajectories, observable, forecaster)]


def questions(
    trajectories: Iterable[Trajectory], observable: str = "auto", forecaster: str = DEFAULT
) -> Iterator[Question]:
    """Every complete trajectory with every target that is not met by the first look; T is its whole length."""
    for trajectory in (item for item in trajectories if item.complete):
        truth = "loss" if observable == "loss" else "merit"
        start = float(trajectory.loss[0])
        for share in TARGETS:
            target = share * start
            step = reached(trajectory, target, truth)
            if step is None or step > FAMILIES[trajectory.family].first:
                yield Question(trajectory, target, step, forecasts(trajectory, target, step, observable, forecaster))


def forecasts(
    trajectory: Trajectory, target: float, reached_at: int | None, observable: str, forecaster: str = DEFAULT
) -> Iterator[Forecast]:
    """What a run would be told at every look: the next is a window later where the target is likely, else after half as
    many steps again.
    """
    family, budget = FAMILIES[trajectory.family], len(trajectory)
    now, looks, backtests = family.first, [], []
    while now < budget and (reached_at is None or now < reached_at):
        looks.append(now)
        outlook = forecast_stage(
            history(trajectory, now, looks),
            target=target,
            horizon=budget,
            observable=observable,
            family=family_of(family.optimizer),
            residuals=backtests,
            forecaster=forecaster,
        )
        yield outlook
        backtests = [*backtests, *outlook.backtests][-KEPT:]
        likely = verdict(outlook, minimum=family.minimum).verdict is Verdict.REACH
        longer = family.first if likely else round(LONGER * now)
        now += max(min(longer, budget - now), family.first)


def false_stops(found: Sequence[Replay]) -> float:
    """Share of the reachable targets that were given up."""
    reachable = [item.false_stop for item in found if item.reached is not None]
    return float(np.mean(reachable)) if reachable else nan


def wasted(found: Sequence[Replay]) -> float:
    """Mean share of the budget that was spent on targets out of reach."""
    hopeless = [item.spent for item in found if item.reached is None]
    return float(np.mean(hopeless)) if hopeless else nan
