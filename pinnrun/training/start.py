"""The network that a run starts with: of the size that its architecture gives, else of that which its policy does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pinnrun.config import Config
from pinnrun.scaleup.price import step_cost
from pinnrun.theory import Bound


def first_network(config: Config, generator: Any = None) -> tuple[Any, Bound | None]:
    """The network, and the statement of theory that its size comes from, if it is one that does.

    Args:
        config: of the run.
        generator: draws what is random and not trained; None: as from a seed of zero.
    """
    problem, architecture = config.problem, config.architecture
    inputs = len(problem.coordinates)

    def network(family: Any, width: int, depth: int, generator: Any = None) -> Any:
        return family.start(inputs, problem.features, problem.outputs, generator, (width, depth))

    def size_of(width: int, depth: int) -> int:
        return network(replace(architecture, width=None, depth=None), width, depth).size

    (width, depth), bound = config.scaleup.first_size(
        inputs, config.target.loss, architecture.depth or problem.layers, size_of, step_cost(config)
    )
    return network(architecture, width, depth, generator), bound
