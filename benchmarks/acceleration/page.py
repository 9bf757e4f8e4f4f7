"""The page: what jumps bring at equal cost, case by case and over all, and what they cost where they bring nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.acceleration.measure import CASES, CHARGE, COMMON, JUMPS, PLAIN, Job, Run, gain, speedup
from benchmarks.records.table import machine
from pinnrun.storage.atomic import write_text

HEAD = """# Koopman training

`koopman.acceleration=auto` makes jumps between the steps of a first-order optimizer: every `koopman.jump_every` steps
the latest weights are read as a linear system, its predictions are tried, and θ moves to the best of them if the loss
falls there by 2 %. It is the optional part of step 8 of the blueprint ([scale-up.md](scale-up.md)), and off by default:
pinnrun's default optimizers are of second order, and `auto` leaves those alone.

{how}
"""
HOW = """
## How it works

Training is taken as a linear map of the weights (Dogra & Redman, NeurIPS 2020). What a short window of noisy weights
shows of that map can be read in several ways, each a value of `koopman.acceleration`:

| reading | where it leads |
|---|---|
| `velocity` | the least-squares trend over the window, from where the weights are, 10 to 1000 steps ahead |
| `trend` | the same line itself: without what the weights deviate from it |
| `average` | means of the latest weights, which is where they would settle if all that moves is oscillation |
| `modes` | the modes of the increments (dynamic mode decomposition), 10 to 1000 steps ahead, and their fixed point |
| `subspace` | every leading direction of the window by a horizon of its own: least squares on the residual |
| `auto` | the cheapest set that was found to serve: `subspace`, and one point of `trend`, 30 steps ahead |

All candidates are compared on the same points: the training points, or fresh ones where those move, and then the winner
must win again on a second draw. The optimizer keeps its moments. Half an interval after a jump it is undone, with the
optimizer as it was, if the loss lies 0.1 decades above what its trend before the jump promised. An attempt that fails
makes the next one come later, and none is made that would bring their evaluations above 5 % of what the steps cost.
Every attempt is in the decision records of the run (`jumps`), every jump among its events.
"""


def tuned_rates(runs: Mapping[Job, Run]) -> dict[str, float]:
    """The learning rate of each case whose plain run with the first seed ended lowest."""
    first = min((job.seed for job in runs), default=0)
    plain = [run for job, run in runs.items() if job.jumps == PLAIN and job.seed == first]
    best: dict[str, Run] = {}
    for run in sorted(plain, key=lambda run: run.last.merit):
        best.setdefault(run.job.case, run)
    return {case: run.job.rate for case, run in best.items()}


def pairs(runs: Mapping[Job, Run], case: str, rate: float) -> list[tuple[Run, Run]]:
    """The runs with jumps of a case at a rate, each with the plain one of its seed."""
    found = []
    for job, run in runs.items():
        if (job.case, job.rate, job.jumps) == (case, rate, JUMPS):
            plain = runs.get(Job(case, rate, PLAIN, job.seed, job.steps))
            if plain:
                found.append((run, plain))
    return found


def spread(values: Sequence[float], form: str) -> str:
    """Median, and in brackets the worst and the best."""
    return f"{median(values):{form}} ({min(values):{form}} … {max(values):{form}})"


def row(name: str, rate: str, both: Sequence[tuple[Run, Run]]) -> str:
    """One line of the table."""
    gains = [gain(*pair) for pair in both]
    on_the_way = [gain(*pair, what="loss") for pair in both]
    attempts, accepted, undone = (
        sum(getattr(run.last, what) for run, _ in both) for what in ("attempts", "accepted", "undone")
    )
    seconds = median(run.last.seconds / plain.last.seconds for run, plain in both)
    return (
        f"| {name} | {rate} | {median(plain.last.merit for _, plain in both):.1e} | {spread(gains, '+.2f')} "
        f"| {median(on_the_way):+.2f} | {spread([speedup(*pair) for pair in both], '.2f')} "
        f"| {accepted / max(attempts, 1):.0%} | {undone} | {seconds:.2f} | {len(both)} |"
    )


def table(runs: Mapping[Job, Run]) -> str:
    """Every case at its tuned rate and at the common one, and all together."""
    lines = [
        "| case | learning rate | merit without | decades gained | loss, decades | speed-up | accepted | undone "
        "| CPU | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    rates = tuned_rates(runs)
    for title, chosen in (("tuned", rates), ("common", dict.fromkeys(rates, COMMON))):
        every = []
        for case, rate in chosen.items():
            both = pairs(runs, case, rate)
            every += both
            if both:
                lines.append(row(f"`{case}`", f"{rate:g} ({title})", both))
        if every:
            lines.append(row("**all**", title, every))
    return "\n".join(lines) + "\n"


def verdict(runs: Mapping[Job, Run]) -> str:
    """What it comes to, in words that follow the numbers."""
    rates = tuned_rates(runs)
    every = [pair for case, rate in rates.items() for pair in pairs(runs, case, rate)]
    if not every:
        return ""
    speed, gains = median(speedup(*pair) for pair in every), [gain(*pair) for pair in every]
    worse = sum(value < 0 for value in gains)
    cases = len({run.job.case for run, _ in every})
    partial = f"So far on {cases} of {len(CASES)} cases. " if cases < len(CASES) else ""
    return (
        f"{partial}At the tuned rate jumps reach what plain training ends at {speed:.2f} times cheaper (median of "
        f"{len(every)} "
        f"runs), gain {median(gains):.2f} decades at equal cost, and leave {worse} of {len(every)} runs worse off than "
        f"plain training of equal cost, the worst by {max(0.0, -min(gains)):.2f} decades.\n"
    )


def write_page(path: Path, runs: Mapping[Job, Run]) -> None:
    """Replace the page."""
    steps = max((job.steps for job in runs), default=0)
    parts = [HEAD.format(how=HOW.strip()), "\n## What it brings\n\n", verdict(runs), "\n"]
    parts.append("![Merit against cost](../benchmarks/results/acceleration.png)\n\n")
    parts += [table(runs), NOTES.format(steps=steps, charge=CHARGE), f"\nMeasured on {machine()}.\n"]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts))


NOTES = """
Adam, {steps} steps, networks of 152 to 1051 parameters, 256 points. Medians, with the worst and the best run in
brackets. *Decades gained* compares the network that each run would give, the one of the lowest merit at the end of a
window of 100 steps, when both have spent as much: each step of a run with jumps is charged {charge:.0%} more, the bound
that its attempts are held to. *Loss* does the same for the median training loss of the last window, in which no lucky
moment counts. *Speed-up* is the cost of plain training over that of reaching its final merit with jumps; where jumps
never reach it their whole run counts, so that 0.95 is the least there can be, and says "no better", not how much worse.
Where plain training has come to a standstill, as on Helmholtz' equation here, a speed-up says nothing. *CPU* is the
measured ratio of CPU seconds, whole runs, on a machine that was busy with others. The tuned rate is the best of 1e-3,
3e-3, 1e-2 and 3e-2 for the first seed without jumps. This page is written by `python -m benchmarks.acceleration`, from
`benchmarks/results/acceleration.csv`.
"""
