"""docs/growth.md from the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, isfinite, log
from pathlib import Path
from statistics import median

from benchmarks.growth.cases import CASES, CONTESTANTS, RULES, SCRATCH, Case
from benchmarks.growth.text import BY_DEFAULT, DEFAULTS, HEAD, NOTES
from benchmarks.records.results import Result
from benchmarks.records.table import machine
from benchmarks.scaleup.variants import starts_table
from pinnrun.storage.atomic import write_text

Found = Mapping[str, Mapping[str, Sequence[Result]]]
"""Results by case and contestant, one a seed."""


def write_page(path: Path, found: Found, runs: Path) -> None:
    """Replace the page.

    Args:
        path: its file.
        found: what it is written from.
        runs: ``scaleup_variants.csv``, of which it tells how the rules do by default.
    """
    parts = [HEAD]
    for title, names in (
        ("Widening, Levenberg-Marquardt", [name for name in found if _kind(name) == "wider"]),
        ("Deepening, Levenberg-Marquardt", [name for name in found if _kind(name) == "deeper"]),
        ("Widening, Adam", [name for name in found if _kind(name) == "adam"]),
    ):
        if names:
            parts += [f"\n### {title}\n\n", _summary(names, found), "\n", _details(names, found)]
    parts.append(NOTES)
    if told := starts_table(runs):
        parts += [BY_DEFAULT, told]
    parts += [DEFAULTS, f"\nMeasured on {machine()}.\n"]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts))


def _kind(name: str) -> str:
    """Whether a case widens or deepens, or is one of Adam's."""
    if name.endswith("adam"):
        return "adam"
    return "deeper" if CASES[name].deepens else "wider"


def _summary(names: Sequence[str], found: Found) -> str:
    """All cases as one number a rule: losses and errors at equal CPU time beside those of a start afresh."""
    lines = [
        "| rule | error, beside `reinit` | loss, beside `reinit` | best of the rules in | aim reached |",
        "|---|---|---|---|---|",
    ]
    for rule in CONTESTANTS:
        shared = [name for name in names if found[name].get(rule) and found[name].get("reinit")]
        if not shared:
            continue
        errors, losses = (
            exp(
                sum(log(_end(found[name][rule], what) / _end(found[name]["reinit"], what)) for name in shared)
                / len(shared)
            )
            for what in ("error", "loss")
        )
        runs = [(result, CASES[name].aim) for name in shared for result in found[name][rule]]
        reached = sum(isfinite(result.seconds_to(aim)) for result, aim in runs)
        best = sum(
            rule == min(_known(found[name]), key=lambda r, name=name: _end(found[name][r], "error")) for name in shared
        )
        told = "–" if rule == SCRATCH else f"{best} of {len(shared)}"
        lines.append(f"| {_label(rule)} | {errors:.2g} | {losses:.2g} | {told} | {reached} of {len(runs)} runs |")
    return "\n".join(lines) + "\n"


def _known(results: Mapping[str, Sequence[Result]]) -> list[str]:
    return [rule for rule in RULES if results.get(rule)]


def _details(names: Sequence[str], found: Found) -> str:
    """A line for each case and rule."""
    lines = [
        "| case | rule | error after each stage | error at the end, median (worst) | loss | to the aim | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        case = CASES[name]
        shown = [rule for rule in CONTESTANTS if found[name].get(rule)]
        for rule in shown:
            results = found[name][rule]
            errors = [result.error for result in results]
            stages = " ".join(
                f"{median(errors):.1e}" for errors in zip(*(stage_errors(case, r) for r in results), strict=True)
            )
            told = "" if rule == SCRATCH else stages
            first = f"{case.title}, {case.path}, {case.seconds:g} s, aim {case.aim:.0e}" if rule == shown[0] else ""
            lines.append(
                f"| {first} | {_label(rule)} | {told} "
                f"| {median(errors):.1e} ({max(errors):.1e}) | {_end(results, 'loss'):.1e} "
                f"| {_times(case, results)} | {len(results)} |"
            )
    return "\n".join(lines) + "\n"


def stage_errors(case: Case, result: Result) -> list[float]:
    """The error when each stage but the last ended: at the last look that was no later."""
    ends = [case.steps * number for number in range(1, len(case.sizes))]
    looks = result.looks
    return [next((look.error for look in reversed(looks) if look.step <= end), looks[0].error) for end in ends]


def _end(results: Sequence[Result], what: str) -> float:
    """The median over the seeds when the time was spent."""
    return median(getattr(result.looks[-1], what) for result in results)


def _label(rule: str) -> str:
    return "the last size from scratch" if rule == SCRATCH else f"`{rule}`"


def _times(case: Case, results: Sequence[Result]) -> str:
    times = sorted(result.seconds_to(case.aim) for result in results)
    middle = median(times)
    return f"{middle:.1f} s" if isfinite(middle) else "not reached"
