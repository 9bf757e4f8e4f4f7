"""Network families, their sizes, and how they grow."""

from pinnrun.architectures.embedding import Embedding
from pinnrun.architectures.growth import GROWTH_RULES, Growth, deepen, narrow, restart, size_after, widen
from pinnrun.architectures.layout import Layout
from pinnrun.architectures.mlp import Mlp, MlpSettings
from pinnrun.architectures.network import Network
from pinnrun.architectures.pirate import PirateNet, PirateSettings
from pinnrun.architectures.resnet import ResNet, ResNetSettings

__all__ = [
    "GROWTH_RULES",
    "Embedding",
    "Growth",
    "Layout",
    "Mlp",
    "MlpSettings",
    "Network",
    "PirateNet",
    "PirateSettings",
    "ResNet",
    "ResNetSettings",
    "deepen",
    "narrow",
    "restart",
    "size_after",
    "widen",
]
