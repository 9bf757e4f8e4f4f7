"""Merit against cost: a panel a case, with and without jumps at both learning rates, median and range over seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from benchmarks.acceleration.measure import CHARGE, COMMON, JUMPS, PLAIN, Job, Run
from benchmarks.acceleration.page import pairs, tuned_rates

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLUMNS = 3


def draw(path: Path, runs: Mapping[Job, Run]) -> None:
    """Replace the figure."""
    rates = {case: rate for case, rate in tuned_rates(runs).items() if pairs(runs, case, rate)}
    if not rates:
        return
    lines = -(-len(rates) // COLUMNS)
    figure, axes = plt.subplots(lines, COLUMNS, figsize=(4.4 * COLUMNS, 3.4 * lines), squeeze=False)
    for axis in axes.flat[len(rates) :]:
        axis.remove()
    for axis, (case, rate) in zip(axes.flat, rates.items(), strict=False):
        for at, colour in dict.fromkeys(((rate, "tab:blue"), (COMMON, "tab:orange"))):
            for kind, style in ((PLAIN, "--"), (JUMPS, "-")):
                found = [r for job, r in runs.items() if (job.case, job.rate, job.jumps) == (case, at, kind)]
                if found:
                    curve(axis, found, kind, colour, style)
        axis.set(yscale="log", title=f"{case}, tuned rate {rate:g}", xlabel="cost in steps", ylabel="lowest merit")
        axis.grid(alpha=0.3)
    labels = [
        Line2D([], [], color=colour, linestyle="--" if kind == "plain" else "-", label=f"{name}, {kind}")
        for colour, name in (("tab:blue", "tuned rate"), ("tab:orange", f"rate {COMMON:g}"))
        for kind in ("plain", "with jumps")
    ]
    space = 0.35 / (3.4 * lines)
    figure.tight_layout(rect=(0.0, space, 1.0, 1.0))
    figure.legend(handles=labels, loc="lower center", ncols=4, fontsize=9, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.png")
    figure.savefig(temporary, dpi=110)
    plt.close(figure)
    os.replace(temporary, path)


def curve(axis: Axes, found: list[Run], kind: str, colour: str, style: str) -> None:
    """Median and range of some seeds."""
    cost = np.array([look.step for look in found[0].looks]) * (1 + CHARGE * (kind != PLAIN))
    merits = np.array([[look.merit for look in run.looks] for run in found])
    axis.fill_between(cost, merits.min(axis=0), merits.max(axis=0), color=colour, alpha=0.12, linewidth=0)
    axis.plot(cost, np.median(merits, axis=0), color=colour, linestyle=style, linewidth=1.6)
