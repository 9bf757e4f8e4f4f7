"""Go on, widen, deepen, start afresh or stop: whichever is expected to reach the target in the least time.

Every option is a try at some size P. It succeeds with probability q after n steps of p seconds each, or fails after the
m steps that a stage is granted at least, and the network is widened; so its expected time is

    V(P) = q n p + (1 − q) (m p + V(αP)),      at the largest size allowed V = q n p + (1 − q) 10 T p,

with T the optimizer's horizon: a size that will hardly do is passed over, one that is far too large is too dear.

go on       q = P(reach) by the forecast's horizon, n until its median reaches the target or until the horizon, and
            m the steps until the horizon.
widen once or twice, deepen, start afresh
            n from this stage's own descent, a straight line of log-loss in log-time at the steepest mean slope s
            that it has shown since its start, begun anew:  n = exp((log L_min − log L_0) / s).
            q = P(the floor at that size lies below L_min). Floors, the losses that stages end with, follow
                log10 F(P) = log10 F(P_now) − κ log10(P / P_now)
            with an error of σ decades, normally distributed; κ is fitted to the run's own stages once two sizes have
            been seen, held against a first guess as strong as one of them, and is not negative.

A step's price comes from the run's clock and the operation count of the other size (`pinnrun.scaleup.price`); since all
options are priced by one clock, their order does not depend on how busy the machine is. Fresh starts are offered only
while the network is tiny, where they are nearly free, and only so many times a size.

κ = 3 and σ = 1 are first guesses: a residual loss is the square of an error that falls like P^(−r/n_in) for r
derivatives (Yarotsky 2017, Neural Networks 94, 103).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import erf, exp, inf, log, log10, sqrt

import numpy as np

from pinnrun.koopman import Forecast, Verdict, verdict
from pinnrun.scaleup.base import Policy
from pinnrun.scaleup.view import Action, Decision, StageView
from pinnrun.settings import setting

EXPONENT, SPREAD = 3.0, 1.0  # κ and σ before anything is known; decades a decade of parameters, and decades
SMALLEST = 1e-300  # a loss of exactly zero is read as this
LONGEST = 10.0  # horizons that a try is expected to take at most


@dataclass(frozen=True)
class Option:
    """Something that could be done next.

    Attributes:
        action: what.
        seconds: expected until the target is reached.
        probability: that this try reaches it.
        width, depth: of the network that would be trained.
    """

    action: Action
    seconds: float
    probability: float
    width: int
    depth: int

    def text(self) -> str:
        """In words."""
        name = {Action.CONTINUE: "go on", Action.RESTART: "start afresh"}.get(self.action, self.action.value)
        size = f" to {self.width} x {self.depth}" if self.action.grows else ""
        return f"{name}{size} {self.seconds:.2g} s (P {self.probability:.2f})"


@dataclass(frozen=True)
class KoopmanCostPolicy(Policy):
    """The cheapest option by forecast time to the target and its uncertainty."""

    restarts: int = setting(1, min=0, help="fresh starts of one size at most")
    tiny: int = setting(200, min=0, help="parameters up to which a network is started afresh rather than grown")

    needs_forecast = True

    def decide(self, view: StageView, forecast: Forecast | None) -> Decision:
        """While the target is likely, or it is too soon to judge, train on; else compare what every option costs."""
        if view.stalled:
            return self.choose(view, None, f"the optimizer is stuck: {view.stalled}")
        assert forecast is not None, "this policy decides on a forecast"
        judgement = verdict(forecast, minimum=view.minimum)
        if judgement.verdict is Verdict.REACH:
            return Decision(Action.CONTINUE, judgement.evidence, view.window)
        if judgement.verdict is Verdict.EXTEND and view.now < view.horizon:
            return Decision(Action.EXTEND, judgement.evidence, view.longer)
        return self.choose(view, forecast, judgement.evidence)

    def choose(self, view: StageView, forecast: Forecast | None, evidence: str) -> Decision:
        """The option with the least expected time; told with all the others."""
        options = sorted(self.options(view, forecast), key=lambda option: option.seconds)
        if not options:
            return self.at_the_largest(view, evidence)
        told = f"{evidence}; {', '.join(option.text() for option in options)}"
        best = options[0]
        if best.action is Action.CONTINUE and not self.possible(view):
            return self.at_the_largest(view, evidence)
        return Decision(best.action, told, view.window, best.width if best.action.grows else None)

    def options(self, view: StageView, forecast: Forecast | None) -> Iterator[Option]:
        """All that may be done; going on only where there is a forecast of it."""
        size = view.width, view.depth
        ladder = Ladder.of(self, view, log10(max(view.target, SMALLEST)))
        larger = list(self._larger(view))
        after = min((ladder.seconds(width, depth) for _, width, depth in larger), default=ladder.hopeless(*size))
        if forecast is not None:
            chance, price = forecast.probability, view.price(*size)
            whole = max(forecast.horizon - forecast.now, view.window)
            until = whole if forecast.reach is None else min(max(forecast.reach - forecast.now, 1), whole)
            yield Option(
                Action.CONTINUE, chance * until * price + (1 - chance) * (whole * price + after), chance, *size
            )
        if view.size_of(*size) <= self.tiny and self.started(view) < self.restarts:
            yield Option(Action.RESTART, ladder.seconds(*size), ladder.chance(*size), *size)
        for action, width, depth in larger:
            yield Option(action, ladder.seconds(width, depth), ladder.chance(width, depth), width, depth)

    def _larger(self, view: StageView) -> Iterator[tuple[Action, int, int]]:
        """The sizes that may come next."""
        for action, growth in self.possible(view).items():
            width, depth = self.leads_to(view, growth)
            yield action, width, depth
            widest = self.wider(width)
            is_wider = action is Action.WIDEN and widest > width
            if is_wider and view.size_of(widest, depth) <= self.max_parameters:
                yield action, widest, depth

    @staticmethod
    def started(view: StageView) -> int:
        """How many fresh starts this size has had, its first training aside."""
        same = (view.width, view.depth)
        return sum((stage.width, stage.depth) == same and stage.ending is Action.RESTART for stage in view.past)


def steps_anew(view: StageView, target: float) -> float:
    """Steps to ``target`` = log10 L_min for a stage that descends as steeply as this one has at best."""
    y = np.log10(np.maximum(view.loss, SMALLEST))
    tau = np.log(view.steps)
    known = np.isfinite(y) & (tau > 0)
    slopes = (y[known] - y[np.isfinite(y)][0]) / tau[known]
    steepest = float(slopes.min()) if slopes.size else 0.0
    longest = LONGEST * view.horizon
    if steepest >= 0.0:
        return longest
    start = float(y[np.isfinite(y)][0])
    exponent = (target - start) / steepest
    return float(np.clip(exp(min(exponent, log(longest))), view.minimum, longest))


@dataclass(frozen=True)
class Ladder:
    """What it takes to reach the target from a size, widening whenever a size fails.

    Attributes:
        policy, view: limits of growth, prices and the optimizer's pace.
        target: log10 L_min.
        steps: n, of a try that succeeds.
        floors: how low each size may get.
    """

    policy: Policy
    view: StageView
    target: float
    steps: float
    floors: Floors

    @classmethod
    def of(cls, policy: Policy, view: StageView, target: float) -> Ladder:
        """From what the run has shown so far."""
        return cls(policy, view, target, steps_anew(view, target), Floors.of(view))

    def chance(self, width: int, depth: int) -> float:
        """Q."""
        return self.floors.below(self.target, self.view.size_of(width, depth))

    def seconds(self, width: int, depth: int) -> float:
        """V."""
        chance, price = self.chance(width, depth), self.view.price(width, depth)
        wider = self.policy.wider(width)
        if wider > width and self.view.size_of(wider, depth) <= self.policy.max_parameters:
            failed = self.view.minimum * price + self.seconds(wider, depth)
        else:
            failed = self.hopeless(width, depth)
        return chance * self.steps * price + (1.0 - chance) * failed

    def hopeless(self, width: int, depth: int) -> float:
        """As long as anybody would wait."""
        return LONGEST * self.view.horizon * self.view.price(width, depth)


@dataclass(frozen=True)
class Floors:
    """How low networks of other sizes may get.

    Attributes:
        size: parameters P_now.
        floor: log10 of the best loss at that size.
        exponent: κ. spread: σ.
    """

    size: int
    floor: float
    exponent: float = EXPONENT
    spread: float = SPREAD

    @classmethod
    def of(cls, view: StageView) -> Floors:
        """From the stages of the run: the best loss at each size that it has trained."""
        best: dict[int, float] = {}
        now = view.size_of(view.width, view.depth)
        finite = view.loss[np.isfinite(view.loss)]
        seen = [(stage.parameters, stage.loss) for stage in view.past]
        seen.append((now, float(finite.min()) if finite.size else inf))
        for size, loss in seen:
            if 0.0 < loss < inf:
                best[size] = min(best.get(size, inf), log10(loss))
        if now not in best:
            return cls(now, 0.0)
        return cls(now, best[now], _exponent(now, best))

    def below(self, target: float, size: int) -> float:
        """P(the floor at ``size`` parameters is at or below ``target``, a decimal logarithm)."""
        expected = self.floor - self.exponent * log10(size / self.size)
        return 0.5 * (1.0 + erf((target - expected) / (self.spread * sqrt(2.0))))


def _exponent(now: int, best: dict[int, float]) -> float:
    """κ ≥ 0 by least squares through the present floor, with the first guess as one more observation of a decade."""
    x = np.array([log10(size / now) for size in best])
    y = np.array([floor - best[now] for floor in best.values()])
    return max(0.0, (EXPONENT - float(x @ y)) / (1.0 + float(x @ x)))
