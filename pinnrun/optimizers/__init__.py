"""Optimizers: one step each of the training map θ(t+1) = T(θ(t)), on the (value, r, J) of an objective."""

from pinnrun.optimizers.adam import Adam, AdamW
from pinnrun.optimizers.auto import Auto
from pinnrun.optimizers.base import Optimizer, Outcome, Pace, StepInfo
from pinnrun.optimizers.cg import GaussNewtonCg
from pinnrun.optimizers.cgd import CompetitiveGradientDescent
from pinnrun.optimizers.dsgnar import Dsgnar
from pinnrun.optimizers.engd import EnergyNaturalGradient
from pinnrun.optimizers.engd_w import WoodburyNaturalGradient
from pinnrun.optimizers.kfac import Kfac
from pinnrun.optimizers.lbfgs import Lbfgs
from pinnrun.optimizers.lm import LevenbergMarquardt
from pinnrun.optimizers.multistart import Multistart
from pinnrun.optimizers.muon import Muon
from pinnrun.optimizers.natural_gradient import NaturalGradient
from pinnrun.optimizers.promise import promised
from pinnrun.optimizers.soap import Soap
from pinnrun.optimizers.spring import Spring
from pinnrun.optimizers.ssbroyden import SelfScaledBroyden

__all__ = [
    "Adam",
    "AdamW",
    "Auto",
    "CompetitiveGradientDescent",
    "Dsgnar",
    "EnergyNaturalGradient",
    "GaussNewtonCg",
    "Kfac",
    "Lbfgs",
    "LevenbergMarquardt",
    "Multistart",
    "Muon",
    "NaturalGradient",
    "Optimizer",
    "Outcome",
    "Pace",
    "SelfScaledBroyden",
    "Soap",
    "Spring",
    "StepInfo",
    "WoodburyNaturalGradient",
    "promised",
]
