"""Levenberg-Marquardt from many starts at once, of which the worse half is dropped again and again.

A network of a few dozen parameters trains in a fraction of a second and ends in whatever local minimum is near. So K
starts take Levenberg-Marquardt steps side by side, every one with its own damping, its own trials and its own verdict:

    d_k = −(J_kᵀJ_k + λ_k I)⁻¹ ∇L_k,   λ_k and ν_k by Nielsen's rule        (see ``lm``)

as one batched computation. Every ``round`` steps those ⌈K/2⌉ of lowest loss go on: successive halving (Jamieson &
Talwalkar, AISTATS 2016, arXiv 1502.07943), which spends as much on the last pair as on the first crowd. The one that is
left goes on as plain ``lm``, with its damping.

Start number one is the θ that it is given; θ is always that of the best start, so that it may jump from one to another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isfinite, nan
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinnrun.calculus import Objective, batch
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.optimizers.lm import LevenbergMarquardt, nielsen
from pinnrun.settings import setting


@dataclass
class Start:
    """One start: where it is, and the memory of its damping."""

    theta: Tensor
    damping: float | None = None
    nu: float = 2.0


@dataclass
class Attempt:
    """One start in one step: its system, and what became of it; ``loss`` is where the start stands now."""

    start: Start
    loss: float
    gradient: Tensor
    gram: Tensor
    norm: float
    scale: float
    used: float = 0.0
    ratio: float = nan
    evaluations: int = 1
    moved: bool = False

    @property
    def finite(self) -> bool:
        """Whether there is anything to step from."""
        return all(map(isfinite, (self.loss, self.norm, self.scale)))


@dataclass
class Multistart:
    """Many starts of one network; one step is one step of every start that is still in the race."""

    system: ClassVar[str] = "parameters"
    pace: Pace
    type: str = setting("multistart", help="the optimizer's registered name")
    starts: int = setting(16, min=1, help="starts K, the network's own among them")
    round: int = setting(30, min=1, help="steps after which the worse half of the starts is dropped")
    seed: int = setting(0, min=0, max=2**63 - 1, help="fixes the starts that are drawn")
    regrow: bool = setting(False, help="race again after every growth; false: only after one that carried nothing over")
    damping: float = setting(1e-3, above=0, help="first λ, relative to the largest diagonal entry of JᵀJ")
    trials: int = setting(12, min=1, help="damping values tried before a start's step is given up")
    _race: list[Start] | None = field(default=None, init=False, repr=False)  # best first; None: not drawn
    _age: int = field(default=0, init=False, repr=False)  # steps since the last halving
    _alone: bool = field(default=False, init=False, repr=False)  # the race is over
    _generator: torch.Generator = field(init=False, repr=False)
    _lm: LevenbergMarquardt = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._generator = torch.Generator().manual_seed(self.seed)
        self._lm = LevenbergMarquardt(self.pace, damping=self.damping, trials=self.trials)
        self._alone = self.starts == 1

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One step of every start; returns the θ of the best."""
        if self._alone:
            return self._lm.step(objective, theta)
        race, event = self._race, ""
        if race is None:
            race, event = self._draw(objective, theta), f"{self.starts} starts"
        attempts = self._attempts(objective, [Start(theta, race[0].damping, race[0].nu), *race[1:]])
        here, sound = attempts[0], [attempt for attempt in attempts if attempt.finite]
        if not sound or (self._race is not None and not here.finite):
            return theta, StepInfo(here.loss, Outcome.NOT_FINITE, race[0].damping or 0.0, here.norm, len(race))
        self._try(objective, sound)
        sound.sort(key=lambda attempt: attempt.loss)
        best = sound[0]
        evaluations = sum(attempt.evaluations for attempt in attempts)
        outcome = self._outcome(here, sound)
        if outcome is Outcome.ACCEPTED:
            objective.value(best.start.theta)  # the evaluation that the terms' shares are read from
            evaluations += 1
        lost = f"{len(attempts) - len(sound)} starts are not finite" if len(sound) < len(attempts) else ""
        event = "; ".join(filter(None, (event, lost, self._halve(sound))))
        info = StepInfo(best.loss, outcome, best.used, here.norm, evaluations, best.ratio, event=event)
        return best.start.theta, info

    def advance(self, objective: Objective, starts: list[Start]) -> None:
        """One step of every start, in place and without a race; one that is not finite stays where it is."""
        self._try(objective, [attempt for attempt in self._attempts(objective, starts) if attempt.finite])

    def _draw(self, objective: Objective, theta: Tensor) -> list[Start]:
        """The given θ, and as many more as the network draws."""
        network: Any = objective.field.network
        others = [network.initial(self._generator).to(theta) for _ in range(self.starts - 1)]
        return [Start(start) for start in (theta, *others)]

    def _attempts(self, objective: Objective, race: list[Start]) -> list[Attempt]:
        value, gradient, gram = batch.systems(objective, torch.stack([start.theta for start in race]))
        losses, norms = value.tolist(), gradient.norm(dim=1).tolist()
        scales = gram.diagonal(dim1=1, dim2=2).amax(1).tolist()
        return [Attempt(*parts) for parts in zip(race, losses, gradient, gram, norms, scales, strict=True)]

    def _try(self, objective: Objective, attempts: list[Attempt]) -> None:
        """Damped steps for every start, until each has lowered its loss or has used up its trials."""
        for attempt in attempts:
            start = attempt.start
            start.damping = self.damping * attempt.scale if start.damping is None else start.damping
        pending = [attempt for attempt in attempts if attempt.norm > 0]
        for _ in range(self.trials):
            if not pending:
                return
            steps, predicted = self._directions(pending)
            losses = self._losses(objective, pending, steps, predicted)
            for attempt, d, new, promise in zip(pending, steps, losses, predicted, strict=True):
                start = attempt.start
                assert start.damping is not None
                attempt.used = start.damping
                ratio = (attempt.loss - new) / promise if promise > 0 else -inf
                start.damping, start.nu = nielsen(start.damping, start.nu, ratio, attempt.scale)
                if ratio > 0:
                    start.theta, attempt.loss, attempt.ratio, attempt.moved = start.theta + d, new, ratio, True
            pending = [attempt for attempt in pending if not attempt.moved]

    @staticmethod
    def _directions(attempts: list[Attempt]) -> tuple[Tensor, list[float]]:
        """Every start's step ``(K, P)`` and the decrease that it promises, 0 where there is no such step."""
        gradient = torch.stack([attempt.gradient for attempt in attempts])
        damped = torch.stack([attempt.gram for attempt in attempts])
        damping = gradient.new_tensor([attempt.start.damping for attempt in attempts])[:, None]
        damped.diagonal(dim1=1, dim2=2).add_(damping)
        factor, failed = torch.linalg.cholesky_ex(damped)
        d = -torch.cholesky_solve(gradient[:, :, None], factor)[:, :, 0]
        predicted = 0.5 * (d * (damping * d - gradient)).sum(1)
        return d, torch.where((failed == 0) & (predicted > 0), predicted, 0.0).tolist()

    @staticmethod
    def _losses(objective: Objective, attempts: list[Attempt], steps: Tensor, predicted: list[float]) -> list[float]:
        """The loss behind every step that promises anything."""
        losses = [inf] * len(attempts)
        tried = [index for index, promise in enumerate(predicted) if promise > 0]
        if tried:
            trials = torch.stack([attempts[index].start.theta + steps[index] for index in tried])
            for index, loss in zip(tried, batch.values(objective, trials).tolist(), strict=True):
                losses[index] = loss
                attempts[index].evaluations += 1
        return losses

    @staticmethod
    def _outcome(here: Attempt, sound: list[Attempt]) -> Outcome:
        """How the step ended: ``here`` is the start at the given θ, the first of ``sound`` the best one now."""
        if sound[0] is not here or here.moved:
            return Outcome.ACCEPTED
        if any(attempt.moved for attempt in sound):
            return Outcome.OVERSHADOWED
        return Outcome.CONVERGED if here.norm == 0.0 else Outcome.REJECTED

    def _halve(self, sound: list[Attempt]) -> str:
        """Take up the starts, best first, and drop the worse half where it is time; says so."""
        self._race, news = [attempt.start for attempt in sound], ""
        self._age += 1
        if self._age == self.round and len(sound) > 1:
            self._age = 0
            self._race = self._race[: (len(sound) + 1) // 2]
            losses = sound[0].loss, sound[len(self._race) - 1].loss, sound[-1].loss
            news = f"{len(self._race)} of {len(sound)} starts go on, losses {losses[0]:.2g} to {losses[1]:.2g}"
            news += f"; the worst was at {losses[2]:.2g}"
        if len(self._race) == 1:
            (last,) = self._race
            assert last.damping is not None
            self._lm.take_up(last.damping, last.nu)
            self._race, self._alone = None, True
        return news

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Race anew at the new size, or go on with the one network that was carried over.

        A trained network beside fresh ones would win every halving for its head start, so there is a new race only
        where nothing was carried over, or where ``regrow`` asks for it.
        """
        self._lm.grow(old_to_new, size)
        begun = self._alone or self._race is not None
        self._alone = self.starts == 1 or (begun and old_to_new is not None and not self.regrow)
        self._race, self._age = None, 0

    def soften(self) -> None:
        """Ten times the damping of every start."""
        self.damping *= 10.0
        self._lm.soften()
        for start in self._race or ():
            start.damping = None if start.damping is None else 10.0 * start.damping

    def state(self) -> dict[str, Any]:
        """All starts with their dampings, how long they have raced, and the generator."""
        race = self._race
        return {
            "thetas": None if race is None else torch.stack([start.theta for start in race]),
            "lambdas": [start.damping for start in race or ()],
            "nus": [start.nu for start in race or ()],
            "age": self._age,
            "alone": self._alone,
            "damping": self.damping,
            "generator": self._generator.get_state(),
            "lm": self._lm.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved race."""
        self._race = None
        if state["thetas"] is not None:
            memory = zip(state["thetas"].clone(), state["lambdas"], state["nus"], strict=True)
            self._race = [Start(*parts) for parts in memory]
        self._age, self._alone, self.damping = state["age"], state["alone"], state["damping"]
        self._generator.set_state(state["generator"].cpu())
        self._lm.load(state["lm"])
