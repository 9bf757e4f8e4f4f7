"""Policies: from a forecast to a decision to go on, to look longer, to widen, to deepen, to start afresh or to stop."""

from pinnrun.scaleup.base import Action, Decision, Past, Policy, StageView

__all__ = ["Action", "Decision", "Past", "Policy", "StageView"]
