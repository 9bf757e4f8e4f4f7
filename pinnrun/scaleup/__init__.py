"""Policies: from a forecast to a decision to go on, to look longer, to widen, to deepen or to stop."""

from pinnrun.scaleup.base import Action, Decision, Policy, StageView

__all__ = ["Action", "Decision", "Policy", "StageView"]
