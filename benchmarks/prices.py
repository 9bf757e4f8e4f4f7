"""What a step costs at other sizes, by the operation count that policies go by, against steps that were measured.

    python -m benchmarks.prices

For every problem and optimizer the steps of all sizes are timed one after the other; the count knows them up to a
factor, which is the median's here and comes from a run's own clock there. What is left is printed, and told in
docs/scale-up.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median

import numpy as np

from benchmarks.common import RESULTS, write_csv
from pinnrun.build import checked_config, prepare_torch
from pinnrun.composition.confdir import compose
from pinnrun.scaleup.price import step_cost

OUT = RESULTS / "prices.csv"
PROBLEMS = ("poisson", "poisson_cos5d", "npbe", "helmholtz", "wave", "burgers", "lorenz", "kovasznay")
OPTIMIZERS = ("lm", "ssbroyden", "adam")
SIZES = ((4, 1), (8, 1), (12, 1), (16, 1), (24, 1), (32, 1), (48, 1), (8, 2), (16, 2), (24, 2))
STEPS, WARM_UP = 14, 3


@dataclass(frozen=True)
class Price:
    """CPU seconds of a step, and the operations that were counted for it."""

    problem: str
    optimizer: str
    width: int
    depth: int
    parameters: int
    seconds: float
    operations: float


def measure(problem: str, optimizer: str, width: int, depth: int) -> Price:
    """The median of some steps."""
    from pinnrun.training.trainer import Trainer

    words = [f"problem={problem}", f"optimizer={optimizer}", "threads=1", "device=cpu", "scaleup=fixed"]
    words += [f"architecture.width={width}", f"architecture.depth={depth}"]
    config = checked_config(compose("train", words))
    trainer = Trainer(config, *prepare_torch(config))
    seconds = []
    for _ in range(STEPS):
        start = time.process_time()
        trainer.advance()
        seconds.append(time.process_time() - start)
    size = trainer.network.size
    return Price(problem, optimizer, width, depth, size, median(seconds[WARM_UP:]), step_cost(config).operations(size))


def measured() -> Iterator[Price]:
    """All of them, one problem after the other."""
    for optimizer in OPTIMIZERS:
        for problem in PROBLEMS:
            for width, depth in SIZES:
                yield measure(problem, optimizer, width, depth)


def factors(prices: list[Price]) -> np.ndarray:
    """Measured over counted for one problem and optimizer, with a median of one."""
    ratio = np.array([price.seconds / price.operations for price in prices])
    return ratio / np.median(ratio)


def main() -> None:
    """Measure, keep and print; ``--help`` tells what."""
    argparse.ArgumentParser(
        "python -m benchmarks.prices", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    prices = list(measured())
    write_csv(OUT, [asdict(price) for price in prices])
    print("measured over counted, smallest and largest, and the mean of |ln|")
    for optimizer in OPTIMIZERS:
        found = [
            factors([price for price in prices if (price.problem, price.optimizer) == (problem, optimizer)])
            for problem in PROBLEMS
        ]
        for problem, each in zip(PROBLEMS, found, strict=True):
            print(f"  {optimizer:<10} {problem:<14} {each.min():.2f} to {each.max():.2f}")
        print(f"  {optimizer:<10} {'all':<14} {np.abs(np.log(np.concatenate(found))).mean():.2f}")


if __name__ == "__main__":
    main()
