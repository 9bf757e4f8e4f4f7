"""Network families, their sizes, and how they grow."""

from pinnrun.architectures.growth import GROWTH_RULES, Growth, deepen, size_after, widen
from pinnrun.architectures.layout import Layout
from pinnrun.architectures.mlp import Mlp, MlpSettings

__all__ = ["GROWTH_RULES", "Growth", "Layout", "Mlp", "MlpSettings", "deepen", "size_after", "widen"]
