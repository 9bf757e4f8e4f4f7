"""What a target costs each contestant, in CPU seconds, from the looks that were taken at every run.

The oracle is the size of the grid whose median time over the seeds is the least: it is known only afterwards. Regret is
a contestant's median time divided by the oracle's. Grid search trains every size until it has met the target or spent
its time. Successive halving (Jamieson & Talwalkar 2016, AISTATS, 240) trains all sizes of the grid for a while, keeps
the better half by loss, doubles the time, and so on; it is over when one of them has met the target. It is replayed
from the same trainings, since what a size has reached by a time does not depend on what else is trained. *Perfect
verdicts* is what growth in turns of two from the width of a free start, 16 x 1, 16 x 2, 16 x 3, or from 16 x 2 where
that has two layers, would take if one window told of every size whether to wait for it: no analyzer does better on
these sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import median

from benchmarks.records.results import Result

FIRST_RUNG = 0.5  # CPU seconds of the first round of successive halving
LADDER = ("16 x 1", "16 x 2", "16 x 3")  # sizes that growth leads through

Curves = Mapping[str, Mapping[int, Result]]
"""By label and seed."""


def seconds_to(result: Result, aim: float) -> float:
    """CPU seconds at the first look whose error is no more than the aim; infinite if there is none."""
    return result.seconds_to(aim)


def spent(result: Result, aim: float) -> float:
    """CPU seconds until the aim was met, or until the run ended without."""
    return min(seconds_to(result, aim), result.looks[-1].seconds)


def oracle(grid: Curves, aim: float) -> str | None:
    """The label of the best fixed size; None if none reaches the aim with most seeds."""
    medians = {label: median(seconds_to(run, aim) for run in runs.values()) for label, runs in grid.items() if runs}
    best = min(medians, key=lambda label: medians[label], default=None)
    return best if best is not None and medians[best] < inf else None


def grid_search(grid: Curves, aim: float, seed: int) -> float:
    """CPU seconds of training every size; infinite if none of them reaches the aim."""
    runs = [runs[seed] for runs in grid.values() if seed in runs]
    if not any(seconds_to(run, aim) < inf for run in runs):
        return inf
    return sum(spent(run, aim) for run in runs)


def successive_halving(grid: Curves, aim: float, seed: int, first: float = FIRST_RUNG) -> float:
    """CPU seconds until one size has met the aim; infinite if the survivors do not."""
    runs = [runs[seed] for runs in grid.values() if seed in runs]
    until, total, done = first, 0.0, {id(run): 0.0 for run in runs}
    while runs:
        for run in runs:
            reached = seconds_to(run, aim)
            if reached <= until:
                return total + reached - done[id(run)]
            stop = min(until, run.looks[-1].seconds)
            total += stop - done[id(run)]
            done[id(run)] = stop
        if len(runs) == 1 and until >= runs[0].looks[-1].seconds:
            return inf
        runs = sorted(runs, key=lambda run: loss_at(run, until))[: (len(runs) + 1) // 2]
        until *= 2.0
    return inf


def perfect_verdicts(grid: Curves, aim: float, seed: int, window: int, ladder: Sequence[str] = LADDER) -> float:
    """CPU seconds of growing through these sizes, each left after a window of so many steps but for the one that is
    best stayed with.
    """
    total, best = 0.0, inf
    for label in ladder:
        run = grid[label].get(seed)
        if run is None:
            continue
        best = min(best, total + seconds_to(run, aim))
        total += seconds_of(run, window)
    return best


def seconds_of(result: Result, steps: int) -> float:
    """CPU seconds of so many steps, by the first look after them."""
    after = next((look for look in result.looks if look.step >= steps), result.looks[-1])
    return after.seconds * min(steps / after.step, 1.0)


def loss_at(result: Result, seconds: float) -> float:
    """The loss at the last look before a time; infinite before the first."""
    return next((look.loss for look in reversed(result.looks) if look.seconds <= seconds), inf)


@dataclass(frozen=True)
class Score:
    """How a contestant did on one target.

    Attributes:
        times: CPU seconds to the aim by seed, infinite where it was missed.
        parameters: of the network at the end, by seed.
    """

    times: Sequence[float]
    parameters: Sequence[int] = ()

    @property
    def median(self) -> float:
        """Over the seeds."""
        return median(self.times)

    @property
    def missed(self) -> int:
        """Seeds without success."""
        return sum(time == inf for time in self.times)


def score(runs: Mapping[int, Result], aim: float) -> Score:
    """Of one contestant's runs for that aim."""
    return Score(
        [seconds_to(run, aim) for run in runs.values()],
        [run.trace.parameters for run in runs.values() if seconds_to(run, aim) < inf],
    )


def spread(one: Score, unit: float = 1.0, name: str = "") -> str:
    """The median over the seeds with the least and the most, in some unit; how many missed it."""
    missed = f", {one.missed} missed" if one.missed else ""
    if not isfinite(one.median):
        return f"–{missed}"
    reached = sorted(time / unit for time in one.times if isfinite(time))
    return f"{one.median / unit:.2g}{name} ({reached[0]:.2g} to {reached[-1]:.2g}{missed})"


def smallest(grid: Curves, aim: float, over: Callable[[Iterable[float]], float]) -> int | None:
    """Parameters of the smallest size of the grid that reaches the aim with most seeds, or with any.

    Args:
        grid: the fixed sizes.
        aim: the error.
        over: of a size's times over the seeds, the median or the least.
    """
    sizes = [
        next(iter(runs.values())).trace.parameters
        for runs in grid.values()
        if runs and over(seconds_to(run, aim) for run in runs.values()) < inf
    ]
    return min(sizes, default=None)
