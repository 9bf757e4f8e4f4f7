"""The Koopman-guided scale-up: steps 3 to 9 of Dogra, "A blueprint for building efficient neural network differential
equation solvers", decided on the forecast of the loss.

After each trial window the analyzer says whether L_min is expected within the horizon (step 4). If it is not, the
network grows (steps 5 to 7); if it is, training goes on with a check after every window (steps 8 and 9); if that
cannot be told yet, the trial is extended to one and a half times its length.

Unlike the blueprint, a network is not given up for one that costs more than its odds are short: of two tries the one
with the better odds for its price comes first (the index rule of Weitzman, Econometrica 47 (1979) 641, for what either
ends the search or does not). With the larger network taken for certain, and as many steps for both, training goes on
within the horizon as long as

    P(reach) > seconds of a step now / seconds of a step of the larger network.
"""

from __future__ import annotations

from dataclasses import dataclass

from pinnrun.koopman import Forecast, Verdict, verdict
from pinnrun.scaleup.base import Policy
from pinnrun.scaleup.view import Action, Decision, StageView


@dataclass(frozen=True)
class KoopmanPolicy(Policy):
    """Grow when the forecast says that this size will not do."""

    needs_forecast = True

    def decide(self, view: StageView, forecast: Forecast | None) -> Decision:
        """REACH goes on, SCALE grows, EXTEND lengthens the trial; past the horizon, with as many steps again in view
        (a larger network would cost no less), only REACH is good enough.
        """
        if view.stalled:
            return self.scale(view, f"the optimizer is stuck: {view.stalled}")
        assert forecast is not None, "the Koopman policy decides on a forecast"
        judgement = verdict(forecast, minimum=view.minimum)
        if judgement.verdict is Verdict.REACH:
            return Decision(Action.CONTINUE, judgement.evidence, view.window)
        if judgement.verdict is Verdict.SCALE:
            return self.unless_dearer(view, forecast, self.scale(view, judgement.evidence))
        if view.now >= view.horizon:
            return self.scale(view, f"{judgement.evidence}; the {view.horizon} steps allowed are spent")
        return Decision(Action.EXTEND, judgement.evidence, view.longer)

    def unless_dearer(self, view: StageView, forecast: Forecast, larger: Decision) -> Decision:
        """The growth, or to go on for another window where its network is dearer than the odds are short."""
        if not larger.action.grows or view.now >= view.horizon:
            return larger
        width, depth = self.leads_to(view, larger)
        dearer = view.price(width, depth) / view.price(view.width, view.depth)
        if forecast.probability * dearer <= 1.0:
            return larger
        told = f"{larger.evidence}; but a step of {width} x {depth} takes {dearer:.2g} times as long"
        return Decision(Action.CONTINUE, told, view.window)
