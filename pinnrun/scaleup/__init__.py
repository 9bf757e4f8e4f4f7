"""Policies: from a forecast to a decision to go on, to look longer, to widen, to deepen, to start afresh or to stop."""

from pinnrun.scaleup.base import Policy
from pinnrun.scaleup.view import Action, Decision, Past, StageView

__all__ = ["Action", "Decision", "Past", "Policy", "StageView"]
