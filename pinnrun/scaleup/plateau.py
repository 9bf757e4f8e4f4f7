"""The control without a forecast: grow when the loss stagnates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinnrun.koopman import Forecast
from pinnrun.scaleup.base import Policy
from pinnrun.scaleup.view import Action, Decision, StageView
from pinnrun.settings import setting


@dataclass(frozen=True)
class PlateauPolicy(Policy):
    """Grow when the best loss of the last window is less than ``gain`` times better than the best before it."""

    gain: float = setting(1.3, above=1, help="least improvement of the loss over a window that counts as progress")

    def decide(self, view: StageView, forecast: Forecast | None) -> Decision:
        """Compare the last window with all that came before it in the stage."""
        if view.stalled:
            return self.scale(view, f"the optimizer is stuck: {view.stalled}")
        recent = view.steps > view.now - view.window
        if view.now < view.minimum or recent.all():
            return Decision(Action.CONTINUE, f"too early to judge: step {view.now} of {view.minimum}", view.window)
        before, after = float(np.nanmin(view.loss[~recent])), float(np.nanmin(view.loss[recent]))
        progress = before / after if after > 0 else float("inf")
        evidence = f"the last {view.window} steps gained a factor {progress:.3g} in loss, {self.gain:g} was asked for"
        if progress >= self.gain:
            return Decision(Action.CONTINUE, evidence, view.window)
        return self.scale(view, evidence)
