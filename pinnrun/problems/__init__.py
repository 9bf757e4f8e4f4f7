"""Differential equations with their domains, hard constraints and independent references; one file a problem."""

from pinnrun.problems.base import Observable, Problem, Reference

__all__ = ["Observable", "Problem", "Reference"]
