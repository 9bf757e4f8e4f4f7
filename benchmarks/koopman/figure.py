"""The study's figure: how wrong forecasts are against how far they look, one panel a kind of training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from benchmarks.koopman.cases import KINDS
from benchmarks.koopman.measure import HORIZONS, Row
from benchmarks.koopman.results import errors, windows
from pinnrun.display.canvas import BLUE, GREEN, GREY, PURPLE, VERMILION, empty_figure, write_png

STYLES = {
    "last": ("black", "x", "no change"),
    "trend": (GREEN, "o", "damped trend of the merit"),
    "modes": (BLUE, "s", "weights: dynamic modes"),
    "layers": (PURPLE, "D", "weights: modes of each layer"),
    "velocity": (VERMILION, "^", "weights: mean velocity"),
    "exact": (GREY, "v", "weights: exact DMD, all modes"),
}
LEAST = 3e-3  # decades, below which errors are drawn at the lower edge


def draw(path: Path, rows: Sequence[Row]) -> None:
    """Replace the figure."""
    kinds = [kind for kind in KINDS if any(row.kind == kind for row in rows)]
    figure = empty_figure(4.3 * len(kinds) + 0.4, 4.6)
    panels = figure.subplots(1, len(kinds), squeeze=False, sharey=True)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        chosen = [row for row in rows if row.kind == kind]
        panel(axes, chosen, f"{KINDS[kind]}: {len(windows(chosen))} windows")
    panels[0].set_ylabel("error in decades of the merit\n(median of its size; filled: too high in most windows)")
    panels[0].legend(fontsize=8, loc="upper left")
    write_png(figure, path)


def panel(axes: Axes, rows: Sequence[Row], title: str) -> None:
    """A line a method; hollow points where most of its forecasts are too low."""
    for method, (colour, marker, label) in STYLES.items():
        signed = [errors(rows, method, horizon) for horizon in HORIZONS]
        sizes = np.maximum([np.median(np.abs(found)) for found in signed], LEAST)
        axes.plot(HORIZONS, sizes, color=colour, linewidth=2.0 if method == "last" else 1.2, label=label)
        for horizon, size, found in zip(HORIZONS, sizes, signed, strict=True):
            fill = colour if np.mean(found > 0) >= 0.5 else "white"
            axes.plot([horizon], [size], marker, color=colour, markerfacecolor=fill, markersize=5)
    axes.set(xscale="log", yscale="log", xlabel="horizon, multiple of the steps made")
    axes.set_title(title, fontsize=10)
    axes.set_ylim(0.8 * LEAST, 12.0)
    axes.set_xticks(HORIZONS, [f"{horizon:g}" for horizon in HORIZONS], fontsize=8, rotation=90)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
