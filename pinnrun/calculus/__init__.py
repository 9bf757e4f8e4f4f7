"""Calculus on networks: jets, terms, objectives and their exact linearization. Knows no problem and no network."""

from pinnrun.calculus.blackbox import blackbox_jet
from pinnrun.calculus.derivatives import Derivatives
from pinnrun.calculus.jet import Jet
from pinnrun.calculus.linearization import DenseLinearization, FactoredLinearization, Linearization, Tape
from pinnrun.calculus.objective import Field, Objective
from pinnrun.calculus.points import Points
from pinnrun.calculus.rayleigh import Rayleigh, Variance
from pinnrun.calculus.terms import Term

__all__ = [
    "DenseLinearization",
    "Derivatives",
    "FactoredLinearization",
    "Field",
    "Jet",
    "Linearization",
    "Objective",
    "Points",
    "Rayleigh",
    "Tape",
    "Term",
    "Variance",
    "blackbox_jet",
]
