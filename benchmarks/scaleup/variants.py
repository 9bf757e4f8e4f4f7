"""Variants of the default policy, trained in one go with it: how new neurons start, and what limits are worth."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, inf, isfinite, log
from pathlib import Path
from statistics import median

from benchmarks.records.results import Result, Results
from benchmarks.scaleup.cases import CASES, UNLIMITED, VARIANTS, seeds_of, variants_of
from benchmarks.scaleup.contest import Score, score, spread

FILE = "scaleup_variants.csv"
DEFAULT = "koopman"

Target = tuple[str, float]
"""A case and an error."""

Scores = dict[str, dict[Target, Score]]
"""By variant and target."""

WITHOUT = """
## Without limits

The problem files of Burgers, Allen-Cahn and wave say that two or three layers of twenty suffice (`scaleup.max_width`,
`scaleup.max_depth`), which nobody knows of an equation of his own. The same runs with these limits lifted, and the
default with them, trained in one go (`python -m benchmarks.scaleup --variants`); CPU seconds, median (least to most):

| problem | error | with its limits | without | median ratio | seeds |
|---|---|---|---|---|---|
"""


def read(path: Path) -> Scores:
    """What runs with the settings of today took."""
    known = Results(path).read()
    found: dict[str, dict[Target, dict[int, Result]]] = {}
    for case in CASES.values():
        for seed in seeds_of(known):
            for job in variants_of(case, seed):
                if job.key() in known:
                    found.setdefault(job.label, {}).setdefault((case.name, job.aim), {})[seed] = known[job.key()]
    return {
        label: {target: score(runs, target[1]) for target, runs in targets.items()} for label, targets in found.items()
    }


def starts_table(path: Path) -> str:
    """A line for each way for new neurons to start, beside `reinit`; "" without results of all of them."""
    found = read(path)
    rules = {label: label.removeprefix(f"{DEFAULT}, ") for label in VARIANTS if label not in (DEFAULT, UNLIMITED)}
    rules = {DEFAULT: "reinit", **rules}
    shared = set.intersection(*(set(found.get(label, {})) for label in rules))
    if not shared:
        return ""
    lines = [
        "| rule | time, beside `reinit` | at best | at worst | missed | parameters, beside `reinit` |",
        "|---|---|---|---|---|---|",
    ]
    for label, rule in rules.items():
        mine, others = ([found[name][target] for target in sorted(shared)] for name in (label, DEFAULT))
        lines.append(f"| `{rule}` | {_line(mine, others)} |")
    return "\n".join(lines) + "\n"


def _line(mine: Iterable[Score], others: Iterable[Score]) -> str:
    """One rule beside another, target by target."""
    pairs = list(zip(mine, others, strict=True))
    ratios = [_ratio(one.median, other.median) for one, other in pairs]
    met = [log(ratio) for ratio in ratios if 0.0 < ratio < inf]
    mean = exp(sum(met) / len(met)) if met else inf
    sizes = [
        median(one.parameters) / median(other.parameters) for one, other in pairs if one.parameters and other.parameters
    ]
    missed, runs = sum(one.missed for one, _ in pairs), sum(len(one.times) for one, _ in pairs)
    size = f"{median(sizes):.2f}" if sizes else ""
    return f"{_told(mean)} | {_told(min(ratios))} | {_told(max(ratios))} | {missed} of {runs} | {size}"


def limits_table(path: Path) -> str:
    """The targets of problems with limits, with and without them; "" without results."""
    found = read(path)
    lines = [
        f"| {CASES[name].title} | {aim:g} | {spread(found[DEFAULT][name, aim], name=' s')} "
        f"| {spread(one, name=' s')} "
        f"| {_told(_ratio(one.median, found[DEFAULT][name, aim].median))} | {len(one.times)} |"
        for (name, aim), one in found.get(UNLIMITED, {}).items()
        if (name, aim) in found.get(DEFAULT, {})
    ]
    return WITHOUT + "\n".join(lines) + "\n" if lines else ""


def _ratio(mine: float, other: float) -> float:
    """Of two times; that of two that were missed is one."""
    return 1.0 if mine == other else mine / other


def _told(ratio: float) -> str:
    return f"{ratio:.2f}" if isfinite(ratio) else "–"
