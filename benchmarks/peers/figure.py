"""Error against CPU seconds: a panel a case, a line a solver (median), a band over its seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from benchmarks.peers.cases import CASES, Case
from benchmarks.peers.results import Trace
from benchmarks.records.figure import on_a_common_grid

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLORS = {"pinnrun": "C3", "DeepXDE": "C0", "PINA": "C2", "neurodiffeq": "C1"}


def draw(path: Path, found: Mapping[str, Mapping[str, Sequence[Trace]]]) -> None:
    """Replace the figure."""
    cases = [case for case in CASES.values() if case.name in found]
    columns = min(3, len(cases))
    lines = -(-len(cases) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(5.2 * columns, 4.2 * lines), squeeze=False)
    for axis in axes.flat[len(cases) :]:
        axis.remove()
    for axis, case in zip(axes.flat, cases, strict=False):
        panel(axis, case, found[case.name])
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.png")
    figure.savefig(temporary, dpi=110)
    plt.close(figure)
    os.replace(temporary, path)


def panel(axis: Axes, case: Case, traces: Mapping[str, Sequence[Trace]]) -> None:
    """One case: a colour a package, a stroke a recipe."""
    strokes: dict[str, int] = {}
    for solver in (name for name in case.solvers if traces.get(name)):
        package = solver.split(",")[0]
        style = ("-", "--", ":")[strokes.setdefault(package, 0) % 3]
        strokes[package] += 1
        times, errors = on_a_common_grid(traces[solver])
        color = COLORS[package]
        axis.fill_between(times, errors.min(0), errors.max(0), color=color, alpha=0.15, linewidth=0)
        axis.plot(times, np.median(errors, axis=0), style, color=color, label=solver, linewidth=1.6)
    axis.set(xscale="log", yscale="log", title=case.title, xlabel="CPU seconds", ylabel="relative L² error")
    axis.title.set_fontsize(9)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=6)
