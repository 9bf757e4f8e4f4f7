"""How networks grow, and how new neurons start."""

from pinnrun.architectures.growth.base import Growth, Probe
from pinnrun.architectures.growth.rules import GROWTH_RULES, deepen, narrow, restart, size_after, widen

__all__ = ["GROWTH_RULES", "Growth", "Probe", "deepen", "narrow", "restart", "size_after", "widen"]
