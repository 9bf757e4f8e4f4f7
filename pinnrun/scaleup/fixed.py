"""The control without growth: train the size that was given."""

from __future__ import annotations

from dataclasses import dataclass

from pinnrun.koopman import Forecast
from pinnrun.scaleup.base import PRUNE, Policy
from pinnrun.scaleup.view import Action, Decision, StageView
from pinnrun.settings import setting


@dataclass(frozen=True)
class FixedPolicy(Policy):
    """Never grow; stop when the optimizer cannot step any more."""

    prune: float = setting(0.0, min=0, help=PRUNE)

    grows = False

    def decide(self, view: StageView, forecast: Forecast | None) -> Decision:
        """Go on for as long as the optimizer moves."""
        if view.stalled:
            return Decision(Action.STOP, f"the optimizer is stuck: {view.stalled}", view.window)
        return Decision(Action.CONTINUE, "the size is fixed", view.window)
