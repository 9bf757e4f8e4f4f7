"""The Koopman analysis of a run as text: per stage the forecast, the modes, what they promise, and the decisions."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from pinnrun.display.modes import (
    MODE_COLUMNS,
    explanations,
    layer_lines,
    mode_rows,
    observed_lines,
    omitted,
    prospect_lines,
    spectrum_lines,
)
from pinnrun.display.streams import LineWriter, text_width
from pinnrun.display.text import Column, number, scientific, size, table


def print_koopman(stages: Iterable[Mapping[str, Any]], file: TextIO | None = None) -> None:
    """Print the analysis of every stage.

    A stage has the keys width, depth, parameters, steps, loss, merit, forecast, spectrum, decisions, and may have
    layers, loss_modes, edmd, prospects. `forecast` is None or a mapping as `Forecast.as_dict` gives it, with steps
    counted from the start of the stage; `spectrum` is None (too few snapshots) or as `Spectrum.as_dict` gives it, and
    is passed over where the key is missing; `layers` has such a one by the layer's name, with its parameters;
    `loss_modes` and `edmd` are such with names, clock and rows; `prospects` is a list of what `Prospects.as_dict`
    gives; `decisions` is a list of {step, action, evidence}.
    """
    stream = file or sys.stdout
    width = text_width(stream)
    writer = LineWriter(stream)
    for index, stage in enumerate(stages):
        layers = stage.get("layers") or {}
        spectra = [stage.get("spectrum"), *layers.values(), stage.get("loss_modes"), stage.get("edmd")]
        sections = [
            [_heading(index, stage)],
            _forecast_lines(stage.get("forecast"), width),
            spectrum_lines(stage["spectrum"], width) if "spectrum" in stage else [],
            layer_lines(layers, width),
            prospect_lines(stage.get("prospects") or [], width),
            observed_lines(stage.get("loss_modes"), "loss", width),
            observed_lines(stage.get("edmd"), "edmd", width),
            explanations([spectrum for spectrum in spectra if spectrum], width),
            _decision_lines(stage.get("decisions") or [], width),
        ]
        writer.write(("\n" if index else "") + "\n\n".join("\n".join(lines) for lines in sections if lines))


def _heading(index: int, stage: Mapping[str, Any]) -> str:
    return (
        f"stage {index}: {size(stage.get('width'), stage.get('depth'))}, "
        f"{number(stage.get('parameters'))} parameters, {number(stage.get('steps'))} steps, "
        f"loss {scientific(stage.get('loss'))}, merit {scientific(stage.get('merit'))}"
    )


def _forecast_lines(forecast: Mapping[str, Any] | None, width: int) -> list[str]:
    if not forecast:
        return ["  no forecast: too few steps"]
    target, horizon = forecast.get("target"), forecast.get("horizon")
    reach = forecast.get("reach")
    meeting = (
        f"the median meets the target at step {number(reach)}"
        if reach is not None
        else "the median does not meet the target"
    )
    promise = forecast.get("promise")
    promised = "" if promise is None else f"; the linearization promises {number(promise, 2)} decades"
    lines = [
        f"  forecast at step {number(forecast.get('now'))} (loss {scientific(forecast.get('loss'))}), "
        f"regime {_name(forecast.get('regime'))}{promised}",
        f"  P(loss <= {number(target)} by step {number(horizon)}) = {number(forecast.get('probability'), 3)}",
        f"  {meeting}",
    ]
    rows = _grid_rows(forecast)
    if rows:
        columns = [Column("at step"), Column("median"), Column("10 %"), Column("90 %")]
        lines += table(columns, rows, width=width, indent=4)
    baselines = forecast.get("baselines") or {}
    if baselines:
        shown = ", ".join(f"{name} {scientific(value)}" for name, value in baselines.items())
        lines.append(f"    baselines at step {number(horizon)}: {shown}")
    modes = mode_rows(forecast)
    if modes:
        lines += [
            "",
            "  modes of the forecast, over a doubling of the steps; half-life in steps",
            *table(MODE_COLUMNS[:3], [row[:3] for row in modes], width=width, indent=4),
        ]
        lines += omitted(forecast, len(modes))
    return lines


def _grid_rows(forecast: Mapping[str, Any], count: int = 5) -> list[list[str]]:
    """The forecast at up to `count` steps of its grid, spread evenly and ending at the horizon."""
    grid = list(forecast.get("steps") or [])
    if not grid:
        return []
    count = min(count, len(grid))
    chosen = [(len(grid) - 1) * (index + 1) // count for index in range(count)]
    return [
        [f"{grid[index]:.0f}", *(scientific(forecast[key][index]) for key in ("median", "low", "high"))]
        for index in chosen
    ]


def _decision_lines(decisions: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    if not decisions:
        return []
    rows = [[number(decision.get("step")), _name(decision.get("action"))] for decision in decisions]
    notes = [str(decision.get("evidence") or "") for decision in decisions]
    return table([Column("step"), Column("decision", left=True)], rows, width=width, notes=notes)


def _name(value: Any) -> str:
    return "-" if value is None else str(getattr(value, "name", value)).lower()
