"""A calibration as text and as a figure: step times against width, depth and points."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from pinnrun.display.canvas import BLUE, GREEN, GREY, VERMILION, empty_figure, write_png
from pinnrun.display.streams import LineWriter, text_width
from pinnrun.display.text import Column, number, paragraph, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {"width": "width W", "depth": "depth D", "points": "problem.points"}


def print_calibration(record: Mapping[str, Any], file: TextIO | None = None) -> None:
    """Print what `pinnrun calibrate` measured; for the record see ``pinnrun.calibration.measure``."""
    stream = file or sys.stdout
    width = text_width(stream)
    what = ", ".join(record[key] for key in ("problem", "optimizer", "architecture", "dtype"))
    head = f"{what} on {record['device']}: {record['machine']}"
    sections = [paragraph(head, width=width)]
    sections += [_curve_lines(name, curve, width) for name, curve in record["curves"].items()]
    if record["left_out"]:
        names = [f"{size['width']} x {size['depth']} on {size['points']} points" for size in record["left_out"]]
        text = (
            f"left out, since a step takes longer than {record['limit']:g} s (calibration.seconds): {', '.join(names)}"
        )
        sections.append(paragraph(text, width=width))
    sections.append(_verdict(record, width))
    LineWriter(stream).write("\n\n".join("\n".join(lines) for lines in sections))


def _curve_lines(name: str, curve: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    columns = [Column(title) for title in (name, "parameters", "rows", "ms a step", "quartiles", "x the one before")]
    rows = []
    for index, row in enumerate(curve):
        ratio = row["seconds"] / curve[index - 1]["seconds"] if index else None
        middle, low, high = (f"{1e3 * row[key]:.3g}" for key in ("seconds", "low", "high"))
        quartiles = f"{low} .. {high}"
        rows.append(
            [str(row[name]), number(row["parameters"]), number(row["rows"]), middle, quartiles, number(ratio, 3)]
        )
    fixed = {"width": ("depth", "points"), "depth": ("width", "points"), "points": ("width", "depth")}[name]
    held = ", ".join(f"{key} {curve[0][key]}" for key in fixed)
    return [f"along {TITLES[name]}, at {held}", *table(columns, rows, width=width)]


def _verdict(record: Mapping[str, Any], width: int) -> list[str]:
    law, slower, start = record["law"], record["slower"], record["start"]
    fitted = f"t(W) = {1e3 * law['a']:.3g} ms + {1e3 * law['b']:.3g} ms W^{law['p']:.2f}"
    knee, saturated = record["knee"], record["saturated"]
    doubling = (
        f"doubling the width costs less than {slower:g} x at any width measured"
        if knee is None
        else f"doubling the width costs more than {slower:g} x from W = {knee:.3g} on"
    )
    reached = "never" if saturated is None else f"at W = {saturated:.3g}"
    implied = (
        f"from W = {start} a step is {slower:g} x as slow {reached}, which implies alpha = {record['alpha']:g} "
        "(at least 1.25, at most 4)"
    )
    return [line for text in (fitted, doubling, implied) for line in paragraph(text, width=width)]


def calibration_figure(record: Mapping[str, Any], path: str | Path) -> Path:
    """Write step times along every axis, with the fitted law and the knee along the width.

    Raises:
        UserError: matplotlib is not installed.
    """
    curves = record["curves"]
    figure = empty_figure(4.2 * len(curves), 4.0)
    axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for panel, (name, curve) in zip(axes, curves.items(), strict=True):
        draw_curve(panel, name, curve)
        if name == "width":
            draw_law(panel, record)
    axes[0].set_ylabel("ms a step")
    figure.suptitle(f"{record['problem']}, {record['optimizer']}: {record['machine']}", fontsize=9)
    return write_png(figure, path)


def draw_curve(axes: Axes, name: str, curve: Sequence[Mapping[str, Any]]) -> None:
    """Draw medians with quartiles."""
    x = np.array([row[name] for row in curve], dtype=float)
    middle, low, high = (1e3 * np.array([row[key] for row in curve]) for key in ("seconds", "low", "high"))
    axes.errorbar(
        x, middle, [middle - low, high - middle], fmt="o", color=BLUE, markersize=4, capsize=2, label="measured"
    )
    axes.set(yscale="log", xscale="linear" if name == "depth" else "log", xlabel=TITLES[name])
    shown = x[:: -(-len(x) // 7)]
    axes.set_xticks(shown, [f"{value:g}" for value in shown])
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3)


def draw_law(axes: Axes, record: Mapping[str, Any]) -> None:
    """Draw the fit, where doubling the width becomes dear, and what one widening by α spans."""
    law, curve = record["law"], record["curves"]["width"]
    first, last = curve[0]["width"], curve[-1]["width"]
    w = np.geomspace(first, last, 200)
    axes.plot(w, 1e3 * (law["a"] + law["b"] * w ** law["p"]), color=GREY, linewidth=1.2, label="a + b W^p")
    if record["knee"] is not None and first <= record["knee"] <= last:
        axes.axvline(record["knee"], color=VERMILION, linestyle="--", linewidth=1.2, label=f"knee {record['knee']:.3g}")
    start, end = record["start"], record["alpha"] * record["start"]
    axes.axvspan(start, end, color=GREEN, alpha=0.15, linewidth=0, label=f"alpha {record['alpha']:g}")
    axes.legend(fontsize=8)
