"""Trying before choosing: the networks that could come next, each trained for a while from where the run stands.

A policy chooses by what it expects of a network that it has not seen. With `scaleup.trial` it is shown: the present
network, the widened one, the deepened one and whatever else the policy proposed are trained side by side, and the one
whose merit, on the same evaluation points, is lowest is chosen. Nothing else comes of it: every candidate starts from
the state that the run is in, random numbers included, the run goes back there, and the one that is chosen is then
trained as if there had been no trial. So a decision may be wrong but the record of the run is that of any other.

What they are given is equal in price. One after the other, a batch of one, that is equal operations: `trial` steps of
the present network, fewer of a larger one (`pinnrun.scaleup.price`). On a device with parallelism to spare it is equal
steps: candidates of one depth are trained as one batched computation, since a network is also the wider one in which
all neurons that it lacks have weights zero. Where act(0) = 0, these have no gradient and no part in J: they stay zero
and change nothing. Such a batch takes the straight Levenberg-Marquardt steps of `optimizers.multistart`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import torch
from torch import Tensor

from pinnrun.architectures.growth.plain import places
from pinnrun.calculus import batch
from pinnrun.optimizers.multistart import Multistart, Start
from pinnrun.run.growing import grow
from pinnrun.scaleup import Action, Decision, Policy, StageView
from pinnrun.scaleup.price import StepCost
from pinnrun.training.trainer import Diverged, Trainer

STILL = ("tanh", "sin", "gelu")  # activations with act(0) = 0
SYSTEMS = ("parameters",)  # of the optimizers that a batch can stand in for
HALVED = 0.5  # of its merit, to which the present network must come in a trial to be let go on


@dataclass(frozen=True)
class Candidate:
    """A network that could be trained next; ``width`` and ``depth`` None: as the action has them."""

    action: Action
    width: int | None = None
    depth: int | None = None


@dataclass(frozen=True)
class Tried:
    """What became of a candidate: its size, how many steps it took, and its merit after them."""

    candidate: Candidate
    size: str
    steps: int
    merit: float

    def text(self) -> str:
        """In words."""
        name = "go on" if self.candidate.action is Action.EXTEND else self.candidate.action.value
        return f"{name} {self.size} {self.merit:.2g} in {self.steps}"


class Audition:
    """Tries candidates on a trainer, which it leaves as it was.

    Args:
        trainer: the run's.
        cost: operations of a step by the number of parameters.
        attend: called between two steps; may raise, with the trainer back where it was.
        batched: train candidates of one depth side by side; None: on a GPU, where the optimizer's steps allow it.
    """

    def __init__(
        self, trainer: Trainer, cost: StepCost, attend: Callable[[], None], batched: bool | None = None
    ) -> None:
        self.trainer, self.cost, self.attend = trainer, cost, attend
        self.batched = self._may_batch() and (trainer.device.type != "cpu" if batched is None else batched)

    def decide(self, policy: Policy, decision: Decision, view: StageView) -> Decision:
        """The policy's decision, or another network where that did better; with what was seen."""
        before = float(self.trainer.evaluation.value(self.trainer.theta))
        tried = self.run(candidates(policy, decision, view), policy.trial)
        fit = [one for one in tried if one.candidate.action.begins_stage or one.merit <= HALVED * before]
        best = min(fit, key=lambda one: one.merit)
        told = f"{decision.evidence}; merits in a trial: {', '.join(one.text() for one in tried)}"
        if not best.merit < inf:
            return replace(decision, evidence=told)
        chosen = best.candidate
        return Decision(chosen.action, told, view.window, chosen.width, chosen.depth)

    def run(self, wanted: Sequence[Candidate], steps: int) -> list[Tried]:
        """Try them all; the trainer is as before at the end, whatever happens."""
        trainer = self.trainer
        here, stuck, event = trainer.state(), trainer.stuck, trainer.event
        records = list(trainer.leap.records) if trainer.leap else []
        try:
            return list(self._side_by_side(here, wanted, steps) if self.batched else self._each(here, wanted, steps))
        finally:
            trainer.load(here)
            trainer.stuck, trainer.event = stuck, event
            if trainer.leap:
                trainer.leap.records = records

    # -- one after the other ---------------------------------------------------------------------------------

    def _each(self, here: dict[str, Any], wanted: Sequence[Candidate], steps: int) -> Iterator[Tried]:
        trainer = self.trainer
        present = self.cost.operations(trainer.network.size)
        for candidate in wanted:
            self._become(here, candidate)
            fair = max(1, round(steps * present / self.cost.operations(trainer.network.size)))
            merit, taken = self._train(fair)
            yield Tried(candidate, self._size(), taken, merit)

    def _become(self, here: dict[str, Any], candidate: Candidate) -> None:
        """Put the trainer where this candidate starts from: with the random numbers that its growth would draw."""
        self.trainer.load(here)
        self.trainer.stuck = None
        if candidate.action.begins_stage:
            grow(self.trainer, candidate.action, candidate.width, candidate.depth)

    def _train(self, steps: int) -> tuple[float, int]:
        """The merit after so many steps and how many were made; infinite if the loss blows up."""
        trainer, first = self.trainer, self.trainer.step
        try:
            while trainer.step - first < steps and not trainer.stuck:
                self.attend()
                trainer.advance()
            merit = float(trainer.evaluation.value(trainer.theta))
        except Diverged:
            merit = inf
        return (merit if merit == merit else inf), trainer.step - first

    def _size(self) -> str:
        return f"{self.trainer.network.width} x {self.trainer.network.depth}"

    # -- side by side ----------------------------------------------------------------------------------------

    def _may_batch(self) -> bool:
        """Whether padding changes nothing, and the optimizer is one of the kind that a batch takes steps of."""
        trainer = self.trainer
        activation = getattr(trainer.network, "activation", "")
        plain = trainer.network.type == "mlp" and activation in STILL and not trainer.weighting.moves
        square = trainer.objective.is_least_squares
        return plain and square and getattr(trainer.optimizer, "system", "none") in SYSTEMS

    def _side_by_side(self, here: dict[str, Any], wanted: Sequence[Candidate], steps: int) -> Iterator[Tried]:
        """All candidates of one depth as one batch, in the widest of their networks."""
        begun: dict[int, list[tuple[Candidate, Any, Tensor]]] = {}
        for candidate in wanted:
            self._become(here, candidate)
            network = self.trainer.network
            begun.setdefault(network.depth, []).append((candidate, network, self.trainer.theta))
        for group in begun.values():
            widest = max(group, key=lambda one: one[1].width)
            self._become(here, widest[0])
            thetas = [padded(network, theta, widest[1]) for _, network, theta in group]
            merits = self._race(thetas, steps)
            for (candidate, network, _), merit in zip(group, merits, strict=True):
                yield Tried(candidate, f"{network.width} x {network.depth}", steps, merit)

    def _race(self, thetas: Sequence[Tensor], steps: int) -> list[float]:
        """Merits after so many steps of all of them."""
        trainer = self.trainer
        starts = [Start(theta) for theta in thetas]
        damping = getattr(trainer.optimizer, "damping", 1e-3)
        race = Multistart(trainer.optimizer.pace, starts=len(starts), damping=damping)
        for _ in range(steps):
            self.attend()
            race.advance(trainer.objective, starts)
        merits = batch.values(trainer.evaluation, torch.stack([start.theta for start in starts])).tolist()
        return [merit if merit == merit else inf for merit in merits]


def candidates(policy: Policy, decision: Decision, view: StageView) -> list[Candidate]:
    """The present network unless it is stuck, every growth there is room for, and what the policy proposed."""
    found = [] if view.stalled else [Candidate(Action.EXTEND)]
    for action, growth in policy.possible(view).items():
        wide = policy.leads_to(view, growth)[0] if action is Action.WIDEN else growth.width
        found.append(Candidate(action, wide))
    width = policy.leads_to(view, decision)[0] if decision.action is Action.WIDEN else decision.width
    proposed = Candidate(decision.action, width, decision.depth)
    return found if proposed in found else [*found, proposed]


def padded(network: Any, theta: Tensor, wide: Any) -> Tensor:
    """θ of the wider network that is the same function: weights zero at all neurons that ``network`` lacks."""
    if network.size == wide.size:
        return theta
    filled = theta.new_zeros(wide.size)
    filled[places(network, wide).to(theta.device)] = theta
    return filled
