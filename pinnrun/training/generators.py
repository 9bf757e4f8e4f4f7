"""The random numbers of a run: one generator a purpose, all from one seed."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from pinnrun.geometry.sampling import make_generator

PURPOSES = ("initialisation", "sampling", "growth", "evaluation")


def make_generators(seed: int, numbers: Literal["random", "sobol"] = "random") -> dict[str, torch.Generator]:
    """The generators by purpose, independent of each other; training points may be of Sobol's."""
    generators = {}
    for index, purpose in enumerate(PURPOSES):
        word = int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])
        generators[purpose] = make_generator(word >> 1, numbers if purpose == "sampling" else "random")
    return generators
