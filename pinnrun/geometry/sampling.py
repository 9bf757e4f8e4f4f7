"""Uniform numbers for the samplers of problems: random ones, or scrambled Sobol points where the run asks for them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pinnrun.geometry.sobol import sobol


class SobolGenerator(torch.Generator):
    """A generator whose uniform points are scrambled Sobol points; all else that is drawn from it is random."""


def make_generator(seed: int, numbers: Literal["random", "sobol"] = "random") -> torch.Generator:
    """A generator on the CPU that starts from ``seed`` and gives numbers of that kind."""
    generator = SobolGenerator() if numbers == "sobol" else torch.Generator()
    generator.manual_seed(seed)
    return generator


def uniform(generator: torch.Generator, count: int, dimension: int) -> Tensor:
    """``(count, dimension)`` numbers in [0, 1), float64: one point a row, of the kind that the generator gives."""
    if isinstance(generator, SobolGenerator):
        return sobol(generator, count, dimension)
    return torch.rand((count, dimension), generator=generator, dtype=torch.float64)
