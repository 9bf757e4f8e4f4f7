"""What loss an error asks for: the power of errors by which losses fall, from the fixed sizes of the growth benchmark.

    python -m benchmarks.scaleup.aims

Of every training that met an aim, and of every look before: the loss that merit · (aim / error)^p foretells, against
the one that it had when the aim was met, in decades; by how far the error had still to fall.
`pinnrun.training.aim` uses p.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from math import inf, log10
from pathlib import Path
from statistics import mean, median

from benchmarks.common import RESULTS
from benchmarks.records.results import Result, Results
from benchmarks.scaleup.cases import CASES, jobs_of, seeds_of
from pinnrun.training.aim import POWER

CSV = RESULTS / "scaleup.csv"
POWERS = (1.5, POWER, 2.0)
DISTANCES = ((0.0, 1.0), (1.0, 2.0), (2.0, inf))  # decades from the error to the aim

Seen = tuple[str, float, float]
"""A problem, and the decades from loss and error at a look to those when the aim was met."""


def seen(name: str, result: Result, aim: float) -> Iterator[Seen]:
    """What a training that met the aim had shown at every look before; nothing if it met none, or at once."""
    met = next((number for number, look in enumerate(result.looks) if look.error <= aim), 0)
    if not met:
        return
    before, after = result.looks[met - 1], result.looks[met]
    share = log10(before.error / aim) / log10(before.error / after.error) if before.error < inf else 1.0
    at_aim = (1.0 - share) * log10(before.loss) + share * log10(after.loss)
    for look in result.looks[:met]:
        yield name, log10(look.loss) - at_aim, log10(look.error / aim)


def all_seen(path: Path = CSV) -> list[Seen]:
    """Of all fixed sizes and seeds."""
    known = Results(path).read()
    seeds = seeds_of(known)
    found: list[Seen] = []
    for case in CASES.values():
        for job in (job for seed in seeds for job in jobs_of(case, seed) if job.size and job.key() in known):
            found += [one for aim in case.aims for one in seen(case.name, known[job.key()], aim)]
    return found


def main() -> int:
    """Print the table."""
    found = all_seen()
    print(f"{len(found)} looks\n\n| p | mean distance | median of problems | bias by decades left: 0-1 | 1-2 | 2- |")
    print("|---|---|---|---|---|---|")
    for power in POWERS:
        errors = [(name, loss - power * error, error) for name, loss, error in found]
        overall = mean(abs(wrong) for _, wrong, _ in errors)
        names = sorted({name for name, _, _ in errors})
        typical = median(mean(abs(wrong) for name, wrong, _ in errors if name == one) for one in names)
        biases = [median(wrong for _, wrong, left in errors if low <= left < high) for low, high in DISTANCES]
        print(f"| {power:g} | {overall:.2f} | {typical:.2f} | {' | '.join(f'{bias:+.2f}' for bias in biases)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
