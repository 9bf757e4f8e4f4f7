"""pinnrun: the smallest neural network that solves a differential equation to a required accuracy."""

__version__ = "0.1.0"
