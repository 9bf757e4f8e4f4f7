"""The figure of the merit at forecast weights: what the weights' own modes promise, and what training came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnrun.display.canvas import BLUE, GREEN, GREY, PURPLE, VERMILION, column, empty_figure, write_png
from pinnrun.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = {
    "modes": (BLUE, "o", "dynamic modes"),
    "layers": (PURPLE, "s", "modes of each layer"),
    "velocity": (VERMILION, "^", "mean velocity"),
    "exact": (GREEN, "D", "exact DMD, unclipped"),
}
FARTHEST = 1e4
"""A merit above this multiple of the last one is drawn at the upper edge."""


def prospects_figure(prospects: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Write a panel for every step from which weights were forecast; see `draw_prospects`.

    Raises:
        UserError: matplotlib is not installed, or there is nothing to draw.
    """
    if not prospects:
        raise UserError("there is nothing to draw yet: the figure needs weights to forecast from")
    figure = empty_figure(4.6 * len(prospects) + 0.6, 4.2)
    panels = figure.subplots(1, len(prospects), squeeze=False, sharey=True)[0]
    for axes, outlook in zip(panels, prospects, strict=True):
        draw_prospects(axes, outlook)
    panels[0].set_ylabel("merit, evaluated")
    return write_png(figure, path)


def draw_prospects(axes: Axes, outlook: Mapping[str, Any]) -> None:
    """Draw the merit against the horizon: of forecast weights by rule, of training where known, of no change.

    `outlook` is what `Prospects.as_dict` gives. The fixed point, at infinite steps, is a star at the right edge.
    """
    horizons = np.array([1.0, *outlook["horizons"]])
    last = float(outlook["last"])
    top = FARTHEST * last
    axes.axhline(last, color=GREY, linestyle="--", linewidth=1.0, label="no change")
    reached = column(outlook, "reached", len(horizons) - 1)
    if np.isfinite(reached).any():
        axes.plot(horizons, [last, *reached], color="black", linewidth=2.0, marker=".", label="training")
    for rule, values in outlook["forecast"].items():
        colour, marker, label = STYLES[rule]
        merits = [last, *(top if value is None else min(value, top) for value in values)]
        axes.plot(horizons, merits, color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=label)
    right = float(horizons[-1])
    if outlook["has_fixed_point"]:
        value = outlook["fixed_point"]
        place = right + 0.12 * (right - 1.0)
        merit = top if value is None else min(value, top)
        axes.plot([place], [merit], "*", color=BLUE, markersize=11, label="fixed point", clip_on=False)
    axes.set_yscale("log")
    axes.set_xlim(1.0, right + 0.2 * (right - 1.0))
    axes.set_xticks(horizons, [f"{horizon:g}" for horizon in horizons])
    axes.set_xlabel(f"multiple of step {outlook['now']}")
    axes.set_title(f"weights forecast from step {outlook['now']}", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
