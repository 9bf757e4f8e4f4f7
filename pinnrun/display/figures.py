"""Figures of a run as PNG files: the loss with its forecasts, the growth, the modes of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnrun.display.canvas import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SHADE,
    VERMILION,
    column,
    empty_figure,
    write_png,
)
from pinnrun.display.prospects import prospects_figure
from pinnrun.display.spectra import spectrum_figure
from pinnrun.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_growth", "draw_loss", "growth_figure", "loss_figure", "prospects_figure", "spectrum_figure"]

FARTHEST = 3.0
"""A forecast is shown up to this multiple of the steps made; beyond, it would squeeze the history."""


def loss_figure(stages: Sequence[Mapping[str, Any]], path: str | Path, target: float | None = None) -> Path:
    """Write the loss against the step, stage by stage, with merit, L_min and forecasts; see `draw_loss`.

    Raises:
        UserError: matplotlib is not installed, or no stage has made a step.
    """
    stages = [stage for stage in stages if len(stage["step"])]
    if not stages:
        raise UserError("there is nothing to draw yet: the figure needs a stage with steps")
    figure = empty_figure(9.0, 5.0)
    draw_loss(figure.add_subplot(), stages, target)
    return write_png(figure, path)


def growth_figure(stages: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Write the parameters and the seconds of every stage; see `draw_growth`.

    Raises:
        UserError: matplotlib is not installed, or there is no stage to draw.
    """
    if not stages:
        raise UserError("there is nothing to draw yet: the figure needs a stage")
    figure = empty_figure(min(max(6.0, 1.5 + 0.9 * len(stages)), 14.0), 5.2)
    top, bottom = figure.subplots(2, 1, sharex=True)
    draw_growth(top, bottom, stages)
    return write_png(figure, path)


def draw_loss(axes: Axes, stages: Sequence[Mapping[str, Any]], target: float | None = None) -> None:
    """Draw the history of a run on the axes.

    A stage has the keys width, depth, step (n,) run-global, loss (n,), merit (n,) with NaN where it was not
    measured, n >= 1, and may have first_step and forecast (a mapping as `Forecast.as_dict` gives it, its
    steps counted from the start of the stage). `target` defaults to that of the last forecast.

    The scale is logarithmic. A loss that is not positive throughout (an energy) gets a linear scale of its
    own on the left; merit, target and forecasts, being positive, stand on the logarithmic one on the right.
    """
    forecasts = [stage.get("forecast") for stage in stages]
    if target is None:
        target = next((float(forecast["target"]) for forecast in reversed(forecasts) if forecast), None)
    losses = np.concatenate([np.asarray(stage["loss"], dtype=float) for stage in stages])
    positive = not np.any(losses <= 0)
    merit_axes = axes if positive else axes.twinx()
    merit_axes.set_yscale("log")
    if positive:
        axes.set_ylabel("loss, merit")
    else:
        axes.set_ylabel("loss", color=BLUE)
        merit_axes.set_ylabel("merit", color=VERMILION)

    _draw_measured(axes, merit_axes, stages)
    last = float(np.max([stage["step"][-1] for stage in stages]))
    right = max(last, min(_draw_forecasts(merit_axes, stages), FARTHEST * last))
    if target is not None:
        label = f"target {target:.3g}"
        merit_axes.axhline(target, color=GREEN, linestyle="--", linewidth=1.3, label=label)
    _shade_stages(axes, stages, right)
    merits = [column(stage, "merit", len(stage["step"])) for stage in stages]
    shown = np.concatenate([*merits, losses if positive else [], [] if target is None else [target]])
    _frame_values(merit_axes, shown, [forecast for forecast in forecasts if forecast])
    axes.set(xlim=(0.0, 1.01 * right), xlabel="step")
    lines = [*axes.get_lines(), *([] if positive else merit_axes.get_lines())]
    named = [artist for artist in (*lines, *merit_axes.collections) if not str(artist.get_label()).startswith("_")]
    merit_axes.legend(handles=named, loc="upper right", fontsize=8, framealpha=0.9)


def _draw_measured(axes: Axes, merit_axes: Axes, stages: Sequence[Mapping[str, Any]]) -> None:
    """Draw the loss as one line per stage and the merit as points; the first of each is in the legend."""
    for index, stage in enumerate(stages):
        step, loss = np.asarray(stage["step"], dtype=float), np.asarray(stage["loss"], dtype=float)
        merit = column(stage, "merit", len(step))
        measured = np.isfinite(merit)
        axes.plot(step, loss, color=BLUE, linewidth=1.1, label=_once("loss", index == 0), zorder=3)
        merit_axes.plot(
            step[measured],
            merit[measured],
            "o",
            color=VERMILION,
            markersize=3.2,
            label=_once("merit", index == 0),
            zorder=4,
        )


def _draw_forecasts(axes: Axes, stages: Sequence[Mapping[str, Any]]) -> float:
    """Draw the last forecast of every stage; return the run-global step where that of the last stage ends.

    The latest one stands out; the earlier ones are there to be judged by what came after them.
    """
    made = [stage for stage in stages if stage.get("forecast")]
    end = 0.0
    for stage in made:
        forecast, latest = stage["forecast"], stage is made[-1]
        start = float(stage.get("first_step") or stage["step"][0]) - 1.0
        steps = start + np.asarray(forecast["steps"], dtype=float)
        low, median, high = (np.asarray(forecast[key], dtype=float) for key in ("low", "median", "high"))
        end = float(steps[-1])
        axes.fill_between(
            steps,
            low,
            high,
            color=PURPLE,
            alpha=0.3 if latest else 0.12,
            linewidth=0,
            label=_once("forecast, 10 to 90 %", latest),
        )
        axes.plot(
            steps,
            median,
            color=PURPLE,
            linewidth=1.8 if latest else 0.9,
            linestyle="-" if latest else ":",
            label=_once(f"forecast, {median[-1]:.2e} at step {end:.0f}", latest),
            zorder=2,
        )
    return end


def _shade_stages(axes: Axes, stages: Sequence[Mapping[str, Any]], right: float) -> None:
    """Tell the stages apart by shading every other one, and write W × D above each that has the room."""
    spans = [(float(stage["step"][0]) - 1.0, float(stage["step"][-1])) for stage in stages]
    upright = min(end - begin for begin, end in spans) < 0.075 * right
    for index, (stage, (begin, end)) in enumerate(zip(stages, spans, strict=True)):
        if index % 2 == 0:
            axes.axvspan(begin, end, color=SHADE, zorder=0, linewidth=0)
        if end - begin > 0.015 * right:
            axes.text(
                (begin + end) / 2,
                1.015,
                f"{stage['width']} × {stage['depth']}",
                transform=axes.get_xaxis_transform(),
                rotation=90 if upright else 0,
                ha="center",
                va="bottom",
                fontsize=8,
                color=GREY,
            )


def _frame_values(axes: Axes, measured: Any, forecasts: Sequence[Mapping[str, Any]]) -> None:
    """Set the limits by what was measured and aimed at; a band down to 1e-30 must not flatten the curve."""
    measured = measured[np.isfinite(measured) & (measured > 0)]
    if not len(measured):
        return
    least = float(measured.min())
    lowest = min([least, *(float(np.min(forecast["low"])) for forecast in forecasts)])
    axes.set_ylim(max(lowest, least / 30.0) / 2.0, float(measured.max()) * 3.0)


def draw_growth(top: Axes, bottom: Axes, stages: Sequence[Mapping[str, Any]]) -> None:
    """Draw one bar per stage, its parameters on `top` and its seconds on `bottom`.

    A stage has the keys width, depth, parameters, seconds and may have decision.
    """
    parameters = [float(stage["parameters"]) for stage in stages]
    seconds = [float(stage["seconds"]) for stage in stages]
    places = np.arange(len(stages))
    crowded = len(stages) > 12
    for axes, heights, colour, texts, name in (
        (top, parameters, BLUE, [f"{value:.0f}" for value in parameters], "parameters"),
        (bottom, seconds, VERMILION, [f"{value:.4g}" for value in seconds], "seconds"),
    ):
        bars = axes.bar(places, heights, color=colour, width=0.66)
        axes.bar_label(bars, texts, padding=2, fontsize=8, rotation=90 if crowded else 0)
        axes.margins(y=0.28 if crowded else 0.16)
        axes.set_ylabel(name)
        axes.spines[["top", "right"]].set_visible(False)
    plural = "stage" if len(stages) == 1 else "stages"
    top.set_title(f"{len(stages)} {plural}, {sum(seconds):.4g} s in all", fontsize=10)
    labels = [f"{stage['width']} × {stage['depth']}\n{_lower(stage.get('decision'))}" for stage in stages]
    bottom.set_xticks(places, labels, fontsize=8, rotation=90 if crowded else 0)
    spare = max(0.0, (4 - len(stages)) / 2)  # a bar as wide as the figure would look like a mistake
    bottom.set_xlim(-0.6 - spare, len(stages) - 0.4 + spare)
    bottom.set_xlabel("network (width × depth) and the decision after it")


def _lower(decision: Any) -> str:
    return "" if decision is None else str(getattr(decision, "name", decision)).lower()


def _once(text: str, wanted: bool) -> str:
    """A label for the legend, or what matplotlib leaves out of it."""
    return text if wanted else "_nolegend_"
