"""The trainer: one network, its objective and its optimizer, advanced one step at a time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from math import inf, nan
from typing import Any

import torch
from torch import Tensor

from pinnrun.architectures import Network
from pinnrun.architectures.coefficients import with_coefficients
from pinnrun.calculus import Field, Objective, Points, Term
from pinnrun.config import Config
from pinnrun.optimizers import Outcome, StepInfo, promised
from pinnrun.registry import network_of
from pinnrun.sampling.base import sampled
from pinnrun.training.aim import Aim
from pinnrun.training.generators import make_generators
from pinnrun.training.leap import make_leap, notice
from pinnrun.training.moved import moved
from pinnrun.training.points import TrainingPoints, placed
from pinnrun.training.solution import Assessor, TrainedField
from pinnrun.training.start import first_network
from pinnrun.weighting.weighed import Weighed

RETRIES = 5  # steps that may fail one after the other where each is tried on new points, or with new weights
GOES_ON = (Outcome.ACCEPTED, Outcome.HANDED_OVER, Outcome.OVERSHADOWED)  # after these another step makes sense
EXACT = 1e-290  # a loss below which there is nothing left to blow up
BLOW_UP = 1e6  # a loss this many times the best of its stage counts as diverged


class Diverged(Exception):
    """The loss blew up or is not a number any more."""


class Trainer:
    """Holds θ and everything that T(θ) depends on; its ``state`` is all that a bit-equal continuation needs.

    Args:
        config: the run's config; its optimizer is used as it is, with its memory.
        device, precision: where and in what precision θ lives.
    """

    def __init__(self, config: Config, device: torch.device, precision: torch.dtype) -> None:
        self.config, self.problem, self.optimizer = config, config.problem, config.optimizer
        self.sampling, self.weighting = config.sampling, config.weighting
        self.device, self.precision = device, precision
        self.generators = make_generators(config.seed, config.sampling.numbers)
        random = self.generators["initialisation"]
        network, self.bound = first_network(config, random)
        self.network: Network = with_coefficients(network, self.problem.coefficients)
        self.theta = self.network.initial(random).to(device, precision)
        self.step = self.stage_step = self.rewinds = self.rejections = 0
        self.best_loss = inf
        self.aim = Aim(config.target)
        self.stuck: Outcome | None = None  # why no further step will move θ
        self.event = ""  # what the last step has to tell
        self.leap = make_leap(config)  # jumps between the steps, where the config asks for them
        self._latest_shares: dict[str, float] = {}
        self.points = TrainingPoints(
            self.sampling, self.problem.terms(), self.generators["sampling"], device, precision
        )
        evaluation, generator = self.problem.merit_terms(), self.generators["evaluation"]
        self.evaluation_points = placed(sampled(evaluation, self.sampling.evaluation, generator), device, precision)
        self.test_points = self.problem.test_points(generator)
        self.assessor = Assessor(self.problem, self.test_points)
        self.draw_points()

    # -- points and objective --------------------------------------------------------------------------------

    def draw_points(self, again: Mapping[str, Tensor] | None = None) -> None:
        """New training points for the present network.

        Args:
            again: ``points.kept`` of the draw that is to be repeated.
        """
        self.points.draw(self.network.size, self._residual if self.stage_step and again is None else None, again)
        self._latest_shares = {}  # they were those of other points, or of another network
        self._make_objectives()

    def _residual(self, term: Term, points: Points) -> Tensor:
        """The residual of the present field, ``(N, rows)``."""
        with torch.no_grad():
            return self.weighed.own.evaluate_rows(self.theta, term, points.to(self.device, self.precision)).T

    def _make_objectives(self) -> None:
        field = Field(self.network, self.problem.inputs, self.problem.trial)
        self.weighed = Weighed(self.weighting, field, self.points.blocks, self.problem.objective)
        self.evaluation = self.problem.merit(field, self.evaluation_points)

    @property
    def objective(self) -> Objective:
        """What is minimised."""
        return self.weighed.objective

    @property
    def solution(self) -> TrainedField:
        """The present field."""
        return TrainedField(self.problem, self.network, self.theta)

    # -- one step of the training map --------------------------------------------------------------------------

    def advance(self, *, judge: bool = False) -> dict[str, float]:
        """θ(t+1) = T(θ(t)); returns the row that is recorded of it.

        Args:
            judge: measure the merit, and what the linearization promises, as a forecast wants them.

        Raises:
            Diverged: the loss or the merit is not finite, or the loss has blown up; go back to a saved state.
        """
        if self.fresh_points_due:
            if self.aim.merit == inf:
                self.aim.merit = float(self.evaluation.value(self.theta))
            self.best_loss = max(self.best_loss, self.aim.merit)  # the loss on fresh points will be like it
            self.draw_points()
        if self.weights_due:
            self.weighed.measure(self.theta)
        theta, info = self.optimizer.step(self.objective, self.theta)
        loss = self._loss(theta, info)
        if info.outcome is Outcome.NOT_FINITE or not loss < BLOW_UP * max(self.best_loss, EXACT):
            raise Diverged(f"loss {loss:.3g} after step {self.step}, best so far {self.best_loss:.3g}")
        self.theta = theta
        self.best_loss = min(self.best_loss, loss)
        self.step += 1
        self.stage_step += 1
        self.event = info.event or (notice(self.config) if self.step == 1 else "")
        if self.leap:
            self.event = self.leap.after_step(self, loss) or self.event
        self.rejections = 0 if info.outcome in GOES_ON else self.rejections + 1
        forgiven = RETRIES if self.sampling.every or self.weighting.moves else 0
        self.stuck = info.outcome if self.rejections > forgiven else None
        return {
            "step": self.step,
            "loss": loss,
            **({"term/value": info.loss} if self.weighting.every or not self.objective.is_least_squares else {}),
            "merit": self.measure(loss, judge or self.stuck is not None),
            "gradient_norm": info.gradient_norm,
            "damping": info.damping,
            "accepted": int(info.accepted),
            "evaluations": info.evaluations,
            "ratio": info.ratio,
            "length": info.length,
            "rate": info.rate,
            "promise": promised(self.optimizer, self.objective, self.theta) if judge else nan,
            **self._shares(info.accepted),
            **self.weighed.columns,
        }

    @property
    def fresh_points_due(self) -> bool:
        """Whether the next step is to be made on new points: it is time, or the last one failed on the old."""
        every = self.sampling.every
        return bool(every and self.stage_step and (self.rejections or self.stage_step % every == 0))

    @property
    def weights_due(self) -> bool:
        """Whether the next step is to be made with new weights, by the same rule, and when a stage begins."""
        moves, every = self.weighting.moves, self.weighting.every
        return bool(moves and (self.rejections or self.stage_step % every == 0))

    def _loss(self, theta: Tensor, info: StepInfo) -> float:
        """What is recorded as the loss: what can be compared across the stage, with the merit too.

        Where weights move, what is minimised jumps with them, so it is the value with the problem's own weights; where
        it may be negative, the merit.
        """
        if not self.objective.is_least_squares:
            return float(self.evaluation.value(theta))
        if not self.weighting.every or info.outcome is Outcome.NOT_FINITE:
            return info.loss
        shares = self.weighed.shares(theta, seen=info.accepted)
        self._latest_shares = {f"term/{name}": value for name, value in shares.items()}
        return sum(shares.values())

    def _shares(self, accepted: bool) -> dict[str, float]:
        """Each term's part of the loss; after a rejected step those of θ, not of the last trial."""
        if not self.weighting.every and (accepted or not self._latest_shares):
            self._latest_shares = {f"term/{name}": value for name, value in self.objective.shares().items()}
        return self._latest_shares

    def measure(self, loss: float, judge: bool) -> float:
        """The merit on the fixed evaluation set where it is due, NaN elsewhere; counts for how long it has held.

        It is measured wherever a window may end, so that a saved state is a sound one. Where what is minimised has
        its minimum below zero, nobody knows how far, the loss that is recorded is the merit already.

        Raises:
            Diverged: it is not finite.
        """
        due = self.aim.near(loss) and self.stage_step % self.optimizer.pace.check == 0
        known = not self.objective.is_least_squares
        if not (known or judge or due or self.aim.decisive):
            self.aim.presume()
            return nan
        merit = loss if known else float(self.evaluation.value(self.theta))
        if not merit < inf:
            raise Diverged(f"merit {merit:.3g} after step {self.step}")
        self.aim.judge(merit, lambda: self.assessor.error(self.solution))
        return merit

    @property
    def arrived(self) -> bool:
        """Whether the target is met: for as many steps as it must be, or for good, since no step moves θ any more."""
        return self.aim.reached or bool(self.aim.held and self.stuck)

    # -- another network ---------------------------------------------------------------------------------------

    def become(self, network: Network, theta: Tensor, old_to_new: Tensor | None) -> None:
        """Go on with another network; ``old_to_new`` as in `pinnrun.architectures.Growth`."""
        self.network, self.theta = network, theta
        self.optimizer.grow(old_to_new, network.size)
        self.stage_step = self.rejections = 0
        self.stuck = None
        self.best_loss = inf
        self.aim.start_stage()
        self.weighting.start()
        if self.leap:
            self.leap.start()
        self.draw_points()

    # -- state -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """A copy of all that the next steps depend on, as tensors and plain values."""
        return {
            "network": self.network.describe(),
            "theta": self.theta.clone(),
            "optimizer": copy.deepcopy(self.optimizer.state()),
            "generators": {purpose: g.get_state() for purpose, g in self.generators.items()},
            **self.points.state(),
            "weighting": self.weighting.state(),
            "leap": self.leap.state() if self.leap else None,
            "step": self.step,
            "stage_step": self.stage_step,
            "rewinds": self.rewinds,
            "rejections": self.rejections,
            "best_loss": self.best_loss,
            **self.aim.state(),
            "latest_shares": dict(self._latest_shares),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved state; the training points are drawn again as they were."""
        self.network = network_of(state["network"])
        self.theta = state["theta"].to(self.device, self.precision).clone()
        self.optimizer.load(moved(state["optimizer"], self.device))
        self.generators["sampling"].set_state(state["points_drawn_from"].cpu())
        self.weighting.load(state.get("weighting", {}))  # a checkpoint from before weights could move has none
        self.draw_points(again=state.get("points_kept", {}))
        for purpose, generator in self.generators.items():
            generator.set_state(state["generators"][purpose].cpu())
        for name in ("step", "stage_step", "rewinds", "rejections", "best_loss"):
            setattr(self, name, state[name])
        self.aim.load(state)
        self._latest_shares = dict(state["latest_shares"])
        if self.leap and state.get("leap"):  # not where jumps were switched on when the run was resumed
            self.leap.load(moved(state["leap"], self.device))

    def parameters(self) -> Tensor:
        """θ on the CPU in float64, ``(P,)``."""
        return self.theta.detach().cpu().double()
