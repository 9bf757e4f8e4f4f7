"""What a step costs at another size: the policies weigh their options in seconds, not in steps.

Operations of one step of a network of P parameters on N residual rows, whose jets have S channels (value and
derivatives) at every point, in multiplications of large matrices:

    calls           `STEP` + `TERM` for each of the problem's terms
    gradient        calls + `JETS` 3 S N P                  jets forward, reverse, weights
    parameters      gradient + N P + N P² / 2 + P³ / 6      rows of J, half of JᵀJ, Cholesky
    rows            gradient + N P + N² P / 2 + N³ / 6      the same for JJᵀ

Only ratios of these are used: a run's own clock says what a step of the present network takes, so that the price of
another is

    seconds(P') = seconds(P) · operations(P') / operations(P).

`python -m benchmarks.prices` holds these ratios against measured steps of eight problems, three optimizers and networks
of 17 to 817 parameters on one thread of a CPU: typically they are off by a sixth. On a device with parallelism to spare
widening is cheaper than this says; `pinnrun calibrate` measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

System = Literal["none", "parameters", "rows"]
"""The linear system that an optimizer's step solves as a matrix: none, P × P or N × N."""

STEP, TERM = 5e6, 1.5e7  # operations that calls are worth: 20 million are some 1 ms on one thread of a CPU
JETS = 8.0  # times as long as in a product of large matrices a multiplication in a jet takes: activations, small blocks


@dataclass(frozen=True)
class StepCost:
    """Operations of a step, by the size of the network.

    Attributes:
        rows: residual rows N on the problem's own points.
        jets: numbers S N in the jets of all these points.
        system: what the optimizer solves.
        rows_per_parameter: rows drawn for every parameter where a network outgrows its points.
        terms: blocks of points, each with its own calls.
    """

    rows: int
    jets: int
    system: System = "none"
    rows_per_parameter: float = 0.0
    terms: int = 1

    def operations(self, size: int) -> float:
        """Of one step with ``size`` parameters."""
        n, p = max(self.rows, ceil(self.rows_per_parameter * size)), float(size)
        total = STEP + TERM * self.terms + JETS * 3.0 * self.jets * n / self.rows * p
        if self.system == "parameters":
            total += n * p + n * p**2 / 2 + p**3 / 6
        elif self.system == "rows":
            total += n * p + n**2 * p / 2 + n**3 / 6
        return total


def step_cost(config: Any) -> StepCost:
    """Of a run with this config: from the problem's terms and the optimizer's way of solving."""
    rows = jets = 0
    inputs, terms = len(config.problem.coordinates), config.problem.terms()
    for term in terms:
        wanted = term.derivatives
        rows += term.count * term.rows
        jets += term.count * (1 + inputs * wanted.first + sum(wanted.sizes))
    system: System = getattr(config.optimizer, "system", "none")
    return StepCost(rows, jets, system, config.sampling.rows_per_parameter, len(terms))


Price = Callable[[int, int], float]
"""Seconds of a step of a network of given width and depth."""


def scaled(seconds: float, operations: float, cost: StepCost, size_of: Callable[[int, int], int]) -> Price:
    """Prices from what a step of the present network takes.

    Args:
        seconds: CPU seconds of a step now.
        operations: of such a step.
        cost: operations by size.
        size_of: parameters of a network of given width and depth.
    """
    return lambda width, depth: seconds * cost.operations(size_of(width, depth)) / operations
