"""Optimizers: one step each of the training map θ(t+1) = T(θ(t)), on the (value, r, J) of an objective."""

from pinnrun.optimizers.adam import Adam
from pinnrun.optimizers.base import Optimizer, Outcome, Pace, StepInfo
from pinnrun.optimizers.lbfgs import Lbfgs
from pinnrun.optimizers.lm import LevenbergMarquardt

__all__ = ["Adam", "Lbfgs", "LevenbergMarquardt", "Optimizer", "Outcome", "Pace", "StepInfo"]
