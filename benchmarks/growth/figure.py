"""Error against CPU seconds: a panel a case, a line a rule (median), where the network grew as it did."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib
import numpy as np

from benchmarks.growth.cases import CASES, CONTESTANTS, SCRATCH
from benchmarks.growth.table import Found
from benchmarks.records.figure import on_a_common_grid

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLUMNS = 4


def draw(path: Path, found: Found) -> None:
    """Replace the figure."""
    names = [name for name in CASES if name in found]
    columns = min(COLUMNS, len(names))
    lines = -(-len(names) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(4.0 * columns, 3.2 * lines), squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.remove()
    for axis, name in zip(axes.flat, names, strict=False):
        case = CASES[name]
        for index, rule in enumerate(CONTESTANTS):
            if not found[name].get(rule):
                continue
            times, errors = on_a_common_grid(found[name][rule])
            colour, style = ("black", ":") if rule == SCRATCH else (plt.get_cmap("tab10")(index), "-")
            axis.plot(times, np.median(errors, axis=0), color=colour, linestyle=style, label=rule, linewidth=1.6)
        axis.set(xscale="log", yscale="log", xlabel="CPU seconds", ylabel="relative L² error")
        axis.set_title(f"{case.title}\n{case.path}", fontsize=9)
        axis.grid(alpha=0.3)
    handles = {
        label: handle for axis in figure.axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.tight_layout(rect=(0.0, 0.3 / (3.2 * lines), 1.0, 1.0))
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=len(handles), fontsize=9, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.png")
    figure.savefig(temporary, dpi=100)
    plt.close(figure)
    os.replace(temporary, path)
