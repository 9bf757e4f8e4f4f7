"""docs/peers.md from the results."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, isnan, nan
from pathlib import Path
from statistics import median

from benchmarks.peers.cases import CASES, Case
from benchmarks.peers.results import Trace
from benchmarks.peers.run import AIMS
from benchmarks.records.table import machine
from pinnrun.storage.atomic import write_text

Found = dict[str, dict[str, list[Trace]]]
"""Runs by case and solver, one a seed."""

HEAD = """# Beside the peers

pinnrun beside DeepXDE, PINA and neurodiffeq, as PyPI has them, on the same equations, on **one thread of one machine**.
This page is written by `python -m benchmarks.peers`, from `benchmarks/results/peers.csv`.

![Error against CPU seconds](../benchmarks/results/peers.png)

## How much faster

CPU seconds of the fastest peer recipe divided by those of pinnrun, medians over the seeds: above 1, pinnrun is faster.
"≥" where no peer came that far within its time: the time of the peer that was stopped first, divided by pinnrun's.

"""
NOTES = """
Times are CPU seconds until the first look at the error that found it at the aim or below, median (worst) over the
seeds; looks are 12 % apart and take no time, nor does the import of the packages. The error is the relative L² error
against the reference, on 10 000 points. A run ends at its budget, at an error of 5e-7, or when its recipe is through;
pinnrun's plain command ends at its own target, a loss, and may stop short of an aim for that reason. Seconds are those
of an undisturbed machine, by a probe beside every run (`benchmarks/pace.py`). A peer's optimizer that ends with an
error (NysNewton-CG does, at times) ends the run there.
"""
ON_RECIPES = """
*Documented* is what a peer's own example does, in its precision and with its points. *Best* is the most that its parts
gave here, put together in its favour: float64, conditions that hold by construction, 200 steps of Adam, L-BFGS with
a strong Wolfe search, a memory of 100 and no tolerances, as long as it moves (DeepXDE: then NysNewton-CG, rank 50,
damping 0.1, as in its example for Burgers' equation), on the very points that pinnrun's fixed network is trained on.
*Our size* has that network's one layer of 32, too. A recipe without a line of times has not been run yet.
Validation, logging, progress bars and checkpoints are off.
"""


def write_page(path: Path, found: Found) -> None:
    """Replace the page."""
    cases = [case for case in CASES.values() if case.name in found]
    parts = [HEAD, _ratios(cases, found), "\n## Time to an error\n\n", _times(cases, found), NOTES]
    parts += ["\n## Commands and recipes\n\n", _commands(cases), "\n", _recipes(cases), ON_RECIPES]
    versions = sorted({run.version for runs in found.values() for some in runs.values() for run in some})
    parts.append(f"\nMeasured on {machine()}: {', '.join(versions)}.\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts))


def ratio(case: Case, runs: dict[str, list[Trace]], label: str, aim: float) -> tuple[float, bool]:
    """How many times faster than the fastest peer, and whether that is a lower bound only; nan if it cannot be said."""
    ours = middle(runs.get(label, []), aim)
    peers = [name for name in case.recipes if runs.get(name)]
    if not isfinite(ours) or not peers:
        return nan, False
    times = [(middle(runs[name], aim), max(trace.seconds for trace in runs[name])) for name in peers]
    soonest, bound = min((time if isfinite(time) else longest, not isfinite(time)) for time, longest in times)
    return soonest / ours, bound


def middle(traces: Sequence[Trace], aim: float) -> float:
    """Median CPU seconds to an error; infinite if most runs did not come that far, or there is none."""
    return median(trace.seconds_to(aim) for trace in traces) if traces else inf


def _ratios(cases: Sequence[Case], found: Found) -> str:
    lines = [
        "| case | pinnrun's command | " + " | ".join(f"to {aim:.0e}" for aim in AIMS) + " |",
        "|---|---|" + "---|" * len(AIMS),
    ]
    for case in cases:
        for label in case.commands:
            cells = [_times_faster(*ratio(case, found[case.name], label, aim)) for aim in AIMS]
            lines.append(f"| {case.title} | {label} | {' | '.join(cells)} |")
    for label in cases[0].commands:
        found_of = [[ratio(case, found[case.name], label, aim) for case in cases] for aim in AIMS]
        cells = [_times_faster(median(value for value, _ in of), any(bound for _, bound in of)) for of in found_of]
        cells = [
            "–" if any(isnan(value) for value, _ in of) else cell for of, cell in zip(found_of, cells, strict=True)
        ]
        lines.append(f"| *median of the {len(cases)} cases* | {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _times_faster(value: float, bound: bool) -> str:
    if isnan(value):
        return "–"
    return f"{'≥ ' if bound else ''}{value:.2g}×" if value < 100 else f"{'≥ ' if bound else ''}{value:.0f}×"


def _times(cases: Sequence[Case], found: Found) -> str:
    lines = [
        "| case | solver | precision | parameters | "
        + " | ".join(f"to {aim:.0e}, s" for aim in AIMS)
        + " | at the end: error, CPU s (wall s) | seeds |",
        "|---|---|---|---|" + "---|" * len(AIMS) + "---|---|",
    ]
    for case in cases:
        for solver in case.solvers:
            traces = found[case.name].get(solver)
            if not traces:
                continue
            precision = case.recipes[solver].precision if solver in case.recipes else "float64"
            times = " | ".join(_pair([trace.seconds_to(aim) for trace in traces]) for aim in AIMS)
            size = median(trace.parameters for trace in traces)
            cost = f"{median(t.seconds for t in traces):.1f} ({median(t.looks[-1].wall for t in traces):.1f})"
            end = f"{median(trace.error for trace in traces):.1e}, {cost}"
            lines.append(f"| {case.title} | {solver} | {precision} | {size:.0f} | {times} | {end} | {len(traces)} |")
    return "\n".join(lines) + "\n"


def _pair(times: Sequence[float]) -> str:
    if not isfinite(min(times)):
        return "–"
    return _seconds(times[0]) if len(times) == 1 else f"{_seconds(median(times))} ({_seconds(max(times))})"


def _seconds(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:.0f}" if isfinite(value) else "–"


def _commands(cases: Sequence[Case]) -> str:
    lines = ["| case | pinnrun's command | `pinnrun train …` |", "|---|---|---|"]
    lines += [f"| {case.title} | {label} | `{words}` |" for case in cases for label, words in case.commands.items()]
    note = "\n`poisson_interval` and `peers_fixed` are found with `--config-dir benchmarks/peers/conf`.\n"
    return "\n".join(lines) + "\n" + note


def _recipes(cases: Sequence[Case]) -> str:
    lines = ["| case | recipe | source | network | points | Adam | then |", "|---|---|---|---|---|---|---|"]
    for case in cases:
        for label, recipe in case.recipes.items():
            told = recipe.settings
            layers = " × ".join(str(width) for width in told["layers"])
            points = "ours" if told["points"] == "given" else _points(told["points"])
            then = " and ".join(name for name, on in (("L-BFGS", told["lbfgs"]), ("NNCG", told.get("nncg"))) if on)
            adam = f"{told['adam']} at {told['rate']:g}"
            lines.append(f"| {case.title} | {label} | {recipe.source} | {layers} | {points} | {adam} | {then or '–'} |")
    return "\n".join(lines) + "\n"


def _points(points: int | Sequence[int | str]) -> str:
    return str(points) if isinstance(points, int) else ", ".join(str(part) for part in points)
