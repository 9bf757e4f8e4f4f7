"""Step time against width and against batch, with the floors that the device sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

COLOURS = {"adam": "C0", "adam, not recorded": "C2", "lm": "C1"}
MARKERS = {"float64": "o", "float32": "s"}


@dataclass(frozen=True)
class Measured:
    """One optimizer on one network, batch and precision."""

    optimizer: str
    precision: str
    width: int
    rows: int
    parameters: int
    seconds: np.ndarray
    floor: float

    @property
    def median(self) -> float:
        """Seconds of a step."""
        return float(np.median(self.seconds))


def draw(path: Path, found: Sequence[Measured], title: str) -> None:
    """Replace the figure."""
    widths, rows = (sorted({getattr(item, name) for item in found}) for name in ("width", "rows"))
    middle_rows = max(rows, key=lambda value: sum(item.rows == value for item in found))
    middle_width = max(widths, key=lambda value: sum(item.width == value for item in found))
    figure, axes = plt.subplots(1, 2, figsize=(10.0, 4.4), sharey=True)
    panel(axes[0], [item for item in found if item.rows == middle_rows], "width", f"width W (N = {middle_rows})")
    panel(axes[1], [item for item in found if item.width == middle_width], "rows", f"rows N (W = {middle_width})")
    axes[0].set_ylabel("ms per step; dashed: floor")
    axes[0].legend(fontsize=8)
    figure.suptitle(title, fontsize=9)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    figure.savefig(partial, dpi=130, format="png", metadata={"Software": None})
    os.replace(partial, path)
    plt.close(figure)


def panel(axis: Axes, found: Sequence[Measured], along: str, label: str) -> None:
    """A line an optimizer and precision, its floor dashed."""
    for optimizer, precision in dict.fromkeys((item.optimizer, item.precision) for item in found):
        line = [item for item in found if (item.optimizer, item.precision) == (optimizer, precision)]
        line.sort(key=lambda item: getattr(item, along))
        x = [getattr(item, along) for item in line]
        colour, marker = COLOURS[optimizer], MARKERS[precision]
        fill = colour if precision == "float64" else "white"
        times, floors = [1e3 * item.median for item in line], [1e3 * item.floor for item in line]
        axis.plot(x, times, color=colour, marker=marker, mfc=fill, label=f"{optimizer}, {precision}")
        axis.plot(x, floors, color=colour, marker=marker, mfc=fill, markersize=3, linestyle="--", linewidth=0.8)
    axis.set(xscale="log", yscale="log", xlabel=label)
    axis.grid(alpha=0.3)
