"""How new neurons start in runs by default, from the results of the growth benchmark (`benchmarks.scaleup`)."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, inf, isfinite, log
from pathlib import Path
from statistics import median

from benchmarks.growth.cases import RULES
from benchmarks.records.results import Key, Result, Results
from benchmarks.scaleup.cases import CASES, GROWING, Job, seeds_of
from benchmarks.scaleup.contest import Score, score

DEFAULT = "koopman"

Target = tuple[str, float]
"""A case and an error."""


def scores(known: Mapping[Key, Result]) -> dict[str, dict[Target, Score]]:
    """By rule, what runs with the settings of today took to every target that has been tried with all of them."""
    found: dict[str, dict[Target, Score]] = {}
    for case in CASES.values():
        for aim in case.aims:
            for rule in RULES:
                label = DEFAULT if rule == "reinit" else f"{DEFAULT}, {rule}"
                keys = [Job(case, label, aim, seed).key() for seed in seeds_of(known)] if label in GROWING else []
                if runs := {key[3]: known[key] for key in keys if key in known}:
                    found.setdefault(rule, {})[case.name, aim] = score(runs, aim)
    shared = set.intersection(*(set(found.get(rule, {})) for rule in RULES))
    return {rule: {target: found[rule][target] for target in sorted(shared)} for rule in RULES if shared}


def table(results: Path) -> str:
    """A line a rule: its median time to each target beside that of `reinit`, and what it missed; "" without results."""
    found = scores(Results(results).read()) if results.exists() else {}
    if not found:
        return ""
    lines = [
        "| rule | time, beside `reinit` | at best | at worst | missed | parameters, beside `reinit` |",
        "|---|---|---|---|---|---|",
    ]
    for rule, mine in found.items():
        lines.append(f"| `{rule}` | {_line(mine, found['reinit'])} |")
    return "\n".join(lines) + "\n"


def _line(mine: Mapping[Target, Score], others: Mapping[Target, Score]) -> str:
    """One rule beside another."""
    ratios = [_ratio(mine[target].median, others[target].median) for target in mine]
    met = [log(ratio) for ratio in ratios if 0.0 < ratio < inf]
    mean = exp(sum(met) / len(met)) if met else inf
    sizes = [
        median(mine[target].parameters) / median(others[target].parameters)
        for target in mine
        if mine[target].parameters and others[target].parameters
    ]
    missed, runs = sum(one.missed for one in mine.values()), sum(len(one.times) for one in mine.values())
    size = f"{median(sizes):.2f}" if sizes else ""
    return f"{_told(mean)} | {_told(min(ratios))} | {_told(max(ratios))} | {missed} of {runs} | {size}"


def _ratio(mine: float, other: float) -> float:
    """Of two times; that of two that were missed is one."""
    return 1.0 if mine == other else mine / other


def _told(ratio: float) -> str:
    return f"{ratio:.2f}" if isfinite(ratio) else "–"
