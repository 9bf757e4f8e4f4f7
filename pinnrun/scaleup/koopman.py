"""The Koopman-guided scale-up: steps 3 to 9 of Dogra, "A blueprint for building efficient neural network differential
equation solvers", decided on the forecast of the loss.

After each trial window the analyzer says whether L_min is expected within the horizon (step 4). If it is not, the
network grows (steps 5 to 7); if it is, training goes on with a check after every window (steps 8 and 9); if that
cannot be told yet, the trial is extended to one and a half times its length.

Unlike the blueprint, this policy minds what the larger network costs: of two tries the one with the better odds for its
price comes first (the index rule of Weitzman, Econometrica 47 (1979) 641, for what either ends the search or does not).
With as many steps for both, and q the odds of the larger network, training goes on as long as

    P(reach) · seconds of a step of the larger network / seconds of a step now > q.

Nobody knows q; it is taken for `ODDS`. Above that the left side is enough to go on within the horizon whatever the
verdict. Below `FORLORN` it is so little that the network is not looked at any longer, though its first drop may be yet
to come; that is done only where P(reach) goes by what the linearization promises.

Nor does it grow from a network that has gone as fast as a smaller one before it and no faster, as long as the
linearization promises something: where size makes no difference so far, more of it makes none, and both are on a
plateau that ends. Where next to nothing is promised it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan

from pinnrun.koopman import Forecast, Verdict, by_promise, verdict
from pinnrun.scaleup.base import Policy
from pinnrun.scaleup.view import Action, Decision, StageView

ODDS = 0.5
"""That the next larger network reaches the target: half, for want of anything better."""

FORLORN = 0.06
"""Odds for the price below which a longer look is not worth it; by trainings of docs/growing-pays.md."""

PROMISING = 0.2
"""Decades that the linearization promises to a network on a plateau that ends: more than those of most that do not."""

ALIKE = 1.5
"""Losses within this factor, after as many steps, are those of networks that go equally fast."""


@dataclass(frozen=True)
class KoopmanPolicy(Policy):
    """Grow when the forecast says that this size will not do."""

    needs_forecast = True

    def decide(self, view: StageView, forecast: Forecast | None) -> Decision:
        """REACH goes on, SCALE grows, EXTEND lengthens the trial where its odds are worth it; past the horizon, with as
        many steps again in view (a larger network would cost no less), only REACH is good enough. Before the minimum a
        network that is promised something, and is no faster than a smaller one was, has a longer trial in any case.
        """
        if view.stalled:
            return self.scale(view, f"the optimizer is stuck: {view.stalled}")
        assert forecast is not None, "the Koopman policy decides on a forecast"
        judgement = verdict(forecast, minimum=view.minimum)
        if judgement.verdict is Verdict.REACH:
            return Decision(Action.CONTINUE, judgement.evidence, view.window)
        patience = reason_to_wait(view, forecast)
        if patience:
            return Decision(Action.EXTEND, f"{judgement.evidence}; but {patience}", view.longer)
        if judgement.verdict is Verdict.SCALE:
            return self.unless_dearer(view, forecast, self.scale(view, judgement.evidence))
        if view.now >= view.horizon:
            return self.scale(view, f"{judgement.evidence}; the {view.horizon} steps allowed are spent")
        larger = self.scale(view, judgement.evidence)
        if larger.action.grows and by_promise(forecast) and self.odds(view, forecast, larger) < FORLORN:
            told = f"such odds are not worth a longer look: {self.told(view, larger)}"
            return replace(larger, evidence=f"{judgement.evidence}; but {told}")
        return Decision(Action.EXTEND, judgement.evidence, view.longer)

    def unless_dearer(self, view: StageView, forecast: Forecast, larger: Decision) -> Decision:
        """The growth, or to go on for another window where its network is so dear that the odds are worth it."""
        if not larger.action.grows or view.now >= view.horizon or self.odds(view, forecast, larger) <= ODDS:
            return larger
        return Decision(Action.CONTINUE, f"{larger.evidence}; but {self.told(view, larger)}", view.window)

    def odds(self, view: StageView, forecast: Forecast, larger: Decision) -> float:
        """P(reach) times the price of the larger network: odds for the price, in units of the larger one's."""
        return forecast.probability * self.ratio(view, larger)

    def ratio(self, view: StageView, larger: Decision) -> float:
        """How many times as long a step of the larger network takes."""
        return view.price(*self.leads_to(view, larger)) / view.price(view.width, view.depth)

    def told(self, view: StageView, larger: Decision) -> str:
        """The price in words."""
        width, depth = self.leads_to(view, larger)
        return f"a step of {width} x {depth} takes {self.ratio(view, larger):.2g} times as long"


def reason_to_wait(view: StageView, forecast: Forecast) -> str | None:
    """That a smaller network of the run had the same loss after as many steps; None from the minimum on, or where next
    to nothing is promised.
    """
    if view.now >= view.minimum or (forecast.promise or 0.0) < PROMISING:
        return None
    size, loss = view.size_of(view.width, view.depth), dict(zip(view.steps.tolist(), view.loss.tolist(), strict=True))
    for stage in reversed(view.past):
        is_smaller = stage.ending.is_on_the_way and stage.parameters < size
        if is_smaller and stage.loss / ALIKE < loss.get(stage.steps, nan) < stage.loss * ALIKE:
            return f"{stage.width} x {stage.depth} had come as far in {stage.steps} steps, so more neurons can wait"
    return None
