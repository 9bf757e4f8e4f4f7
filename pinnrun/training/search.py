"""The search for a better place along the path that training took: what a jump is chosen by, and what that costs.

The latest snapshots of θ are read as a linear system in several ways (`pinnrun.koopman.acceleration`), and the loss is
evaluated at every point that these lead to, all on the same data. Costs are counted in steps, not in seconds, so that a
resumed run decides as it would have.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pinnrun.architectures import Network
from pinnrun.calculus import Objective
from pinnrun.geometry.sampling import make_generator
from pinnrun.koopman import acceleration
from pinnrun.koopman.acceleration import Candidates, Path
from pinnrun.optimizers import Optimizer
from pinnrun.problems import Problem
from pinnrun.sampling import Sampling
from pinnrun.training.points import placed
from pinnrun.weighting.weighed import Weighed

FORWARD = 1 / 3  # of a step's cost: an evaluation without derivatives in θ, measured as 0.24 to 0.36
ALGEBRA = 1.0  # of a step's cost: the path's basis and what is read off it, measured as 0.1 (P = 300) to 1.7 (10 000)


class Training(Protocol):
    """What a jump needs of the trainer, whose names these are."""

    theta: Tensor
    network: Network
    problem: Problem
    optimizer: Optimizer
    sampling: Sampling
    weighed: Weighed
    device: torch.device
    precision: torch.dtype
    step: int
    stage_step: int


@dataclass(frozen=True, eq=False)
class Place:
    """The best point of a search.

    Attributes:
        theta: the weights there, (P,).
        kind: the reading that it comes from.
        horizon: how many steps' worth of the path's velocity away it lies.
        before, after: the loss at the last snapshot, and there.
        is_lower: whether by enough to be worth a jump.
    """

    theta: Tensor
    kind: str
    horizon: float
    before: float
    after: float
    is_lower: bool


class Search:
    """Looks for lower places; remembers which damping of its model served, and what it has spent.

    Args:
        kind: the reading of the path, or "auto".
        seed: of the fresh points that candidates are judged on where training points move.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self.kind = kind
        self.generator = make_generator(seed, "random")
        self.start()

    def start(self) -> None:
        """A stage begins, of which nothing is known."""
        self.damping, self.spent = acceleration.DAMPING, 0.0

    def price(self, trainer: Training) -> float:
        """What one more search costs at most, in steps."""
        evaluations = 1 + acceleration.EVALUATIONS[self.kind] + 2 * bool(trainer.sampling.every)
        return ALGEBRA + FORWARD * evaluations

    def best(self, trainer: Training, snapshots: Sequence[Tensor], every: int) -> Place | None:
        """The lowest point that the path through these snapshots leads to; None where they make no path.

        Args:
            trainer: the training that is to go on from there.
            snapshots: θ, oldest first, the last one where training stands.
            every: steps between two of them.
        """
        self.spent += ALGEBRA
        weights = torch.stack(list(snapshots)).cpu().double().numpy()
        objective = self._objective(trainer)
        try:
            path = Path.through(weights, every)
            candidates = self._candidates(path, objective, trainer)
        except (ValueError, np.linalg.LinAlgError):  # weights that are about to be found to diverge
            return None
        thetas = torch.as_tensor(path.weights(candidates.points)).to(trainer.theta)
        values = self._values(objective, [trainer.theta, *thetas])
        best = min(range(len(candidates)), key=lambda i: values[i + 1] if isfinite(values[i + 1]) else inf)
        before, after = values[0], values[best + 1]
        is_lower = acceleration.falls(before, after)
        self._learn_damping(candidates.kinds, best, is_lower)
        if is_lower and trainer.sampling.every:  # chosen for these points; is it lower on others too?
            before, after = self._values(self._objective(trainer), [trainer.theta, thetas[best]])
            is_lower = acceleration.falls(before, after)
        horizon = float(path.horizon(candidates.points[best : best + 1])[0])
        return Place(thetas[best].clone(), candidates.kinds[best], horizon, before, after, is_lower)

    def _candidates(self, path: Path, objective: Objective, trainer: Training) -> Candidates:
        """All points that are worth an evaluation."""
        found = acceleration.extrapolations(path, self.kind, trainer.stage_step)
        if self.kind not in ("auto", "subspace"):
            return found
        span, spread = acceleration.directions(path)
        lengths = acceleration.PROBE * spread
        here = objective.residual(trainer.theta)
        probes = torch.as_tensor(path.weights(lengths[:, None] * span)).to(trainer.theta)
        slopes = torch.stack([objective.residual(theta) - here for theta in probes]).cpu().double().numpy()
        self.spent += FORWARD * (1 + len(span))
        dampings = acceleration.dampings(self.damping)
        steps = acceleration.least_squares(here.cpu().double().numpy(), slopes / lengths[:, None], dampings)
        return found + Candidates(("subspace",) * len(steps), steps @ span)

    def _learn_damping(self, kinds: tuple[str, ...], best: int, accepted: bool) -> None:
        """That of the best point if it is one of the subspace's, which come last; a heavier one where all failed."""
        tried = acceleration.dampings(self.damping)
        if not accepted:
            self.damping = tried[-1]
        elif kinds[best] == "subspace":
            self.damping = tried[best - len(kinds)]

    def _objective(self, trainer: Training) -> Objective:
        """What candidates are judged by: the loss on the training points, or on fresh ones where those move.

        A copy, so that what the objective remembers of its latest evaluation stays that of training.
        """
        own = trainer.weighed.own
        if not trainer.sampling.every:
            judge = copy.copy(own)
            judge._latest = {}
            return judge
        factor = max(1.0, own.rows / sum(term.count * term.rows for term in trainer.problem.terms()))
        drawn = trainer.sampling.draw(trainer.problem.terms(), factor, self.generator).blocks
        return trainer.problem.objective(trainer.weighed.field, placed(drawn, trainer.device, trainer.precision))

    def _values(self, objective: Objective, thetas: list[Tensor]) -> list[float]:
        self.spent += FORWARD * len(thetas)
        return torch.stack([objective.value(theta) for theta in thetas]).tolist()  # the device is waited for once

    # -- state -----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that the next search depends on."""
        return {"damping": self.damping, "spent": self.spent, "generator": self.generator.get_state()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
        self.damping, self.spent = state["damping"], state["spent"]
        self.generator.set_state(state["generator"].cpu())
