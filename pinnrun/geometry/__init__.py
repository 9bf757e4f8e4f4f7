"""Domains: boxes, balls and their differences, with samplers, normals and smooth distances to the boundary."""

from pinnrun.geometry.ball import Ball
from pinnrun.geometry.box import Box
from pinnrun.geometry.difference import Difference, difference
from pinnrun.geometry.shape import Shape

__all__ = ["Ball", "Box", "Difference", "Shape", "difference"]
