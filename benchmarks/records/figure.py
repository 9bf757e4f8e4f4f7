"""Error against CPU seconds: a panel a problem, a line an optimizer (median), a band over its seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from benchmarks.records.results import Result
from benchmarks.records.rows import Row
from benchmarks.records.table import Found, Suite, unit

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter


def draw(path: Path, found: Found, suite: Suite) -> None:
    """Replace the figure."""
    rows = [row for row in suite.rows.values() if row.name in found]
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(4.6 * columns, 3.6 * lines), squeeze=False)
    for axis in axes.flat[len(rows) :]:
        axis.remove()
    labels = list(dict.fromkeys(name for row in rows for name in row.optimizers if found[row.name].get(name)))
    colours = {name: plt.get_cmap("tab20")(index % 20) for index, name in enumerate(labels)}
    for axis, row in zip(axes.flat, rows, strict=False):
        panel(axis, row, found[row.name], colours)
    handles = {
        label: handle for axis in figure.axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    space = 0.28 * (-(-len(handles) // (3 * columns)) + 1) / (3.6 * lines)  # of the legend below, one for all panels
    figure.tight_layout(rect=(0.0, space, 1.0, 1.0))
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=3 * columns, fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.png")
    figure.savefig(temporary, dpi=110)
    plt.close(figure)
    os.replace(temporary, path)


def panel(axis: Axes, row: Row, results: dict[str, list[Result]], colours: Mapping[str, tuple]) -> None:
    """One problem."""
    for name in (name for name in row.optimizers if results.get(name)):
        times, errors = on_a_common_grid(results[name])
        color = colours[name]
        axis.fill_between(times, errors.min(0), errors.max(0), color=color, alpha=0.2, linewidth=0)
        axis.plot(times, np.median(errors, axis=0), color=color, label=name, linewidth=1.8)
    axis.axhline(row.published, color="black", linestyle="--", linewidth=1.0, label="published best")
    axis.axhline(row.aim, color="gray", linestyle=":", linewidth=1.0, label="aim")
    axis.set(xscale="log", yscale="log", title=row.title, xlabel="CPU seconds", ylabel=f"error ({unit(row)})")
    axis.xaxis.set_minor_formatter(NullFormatter())  # over less than a decade every tick would have its label
    axis.grid(alpha=0.3)


class Seen(Protocol):
    """A run by what was seen of it, each with ``seconds`` and ``error``."""

    @property
    def looks(self) -> Sequence[Any]:
        """In the order of time."""
        ...


def on_a_common_grid(runs: Sequence[Seen]) -> tuple[np.ndarray, np.ndarray]:
    """Times ``(n,)`` and each seed's error then ``(seeds, n)``; a run that ended keeps its last error."""
    first = max(run.looks[0].seconds for run in runs)
    last = max(run.looks[-1].seconds for run in runs)
    times = np.geomspace(first, max(last, first * 1.01), 200)
    errors = []
    for run in runs:
        at = np.array([look.seconds for look in run.looks])
        error = np.array([look.error for look in run.looks])
        errors.append(error[np.searchsorted(at, times, side="right") - 1])
    return times, np.array(errors)
