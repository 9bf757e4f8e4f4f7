"""The Koopman analysis of a run as text: per stage the forecast, the modes and the decisions."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from pinnrun.display.streams import LineWriter, text_width
from pinnrun.display.text import Column, number, scientific, size, table

LEADING = 10
"""Modes shown of a spectrum, at most."""
SPURIOUS_RESIDUAL = 0.3
"""A mode with a larger relative residual (0 for a true eigenpair, about 1 for noise) is spurious."""


def print_koopman(stages: Iterable[Mapping[str, Any]], file: TextIO | None = None) -> None:
    """Print the analysis of every stage.

    A stage has the keys width, depth, parameters, steps, loss, merit, forecast, spectrum, decisions.
    `forecast` is None or a mapping as `Forecast.as_dict` gives it, with steps counted from the start of the
    stage; `spectrum` is None or has eigenvalues (pairs of real and imaginary part), half_lives in steps,
    amplitudes, residuals, rank, interval; `decisions` is a list of {step, action, evidence}.
    """
    stream = file or sys.stdout
    width = text_width(stream)
    writer = LineWriter(stream)
    for index, stage in enumerate(stages):
        sections = [
            [_heading(index, stage)],
            _forecast_lines(stage.get("forecast"), width),
            _spectrum_lines(stage.get("spectrum"), width),
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
    lines = [
        f"  forecast at step {number(forecast.get('now'))} (loss {scientific(forecast.get('loss'))}), "
        f"regime {_name(forecast.get('regime'))}",
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
    modes = _modes(forecast)
    if modes:
        lines += [
            "",
            "  modes of the loss, over a doubling of the steps; half-life in steps",
            *table(_MODE_COLUMNS[:3], [row[:3] for row in modes], width=width, indent=4),
        ]
        lines += _omitted(forecast, len(modes))
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


_MODE_COLUMNS = [
    Column("eigenvalue"),
    Column("modulus"),
    Column("half-life"),
    Column("amplitude"),
    Column("residual"),
    Column("", left=True),
]


def _spectrum_lines(spectrum: Mapping[str, Any] | None, width: int) -> list[str]:
    if not spectrum:
        return ["  no spectrum: too few snapshots of the weights"]
    rows = _modes(spectrum)
    heading = (
        f"  modes of the weights: rank {number(spectrum.get('rank'))}, "
        f"a snapshot every {number(spectrum.get('interval'))} steps; half-life in steps"
    )
    lines = [heading, *table(_MODE_COLUMNS, rows, width=width, indent=4)]
    return lines + _omitted(spectrum, len(rows))


def _omitted(spectrum: Mapping[str, Any], shown: int) -> list[str]:
    eigenvalues = [as_complex(value) for value in spectrum["eigenvalues"]]
    rest = sum(not _is_mirrored(value, eigenvalues) for value in eigenvalues) - shown
    return [f"    and {rest} more"] if rest > 0 else []


def _modes(spectrum: Mapping[str, Any]) -> list[list[str]]:
    """Rows of the leading modes, in the order of the spectrum; one row for a complex pair."""
    eigenvalues = [as_complex(value) for value in spectrum.get("eigenvalues") or []]
    leading = [index for index, value in enumerate(eigenvalues) if not _is_mirrored(value, eigenvalues)][:LEADING]

    def entry(key: str, index: int) -> Any:
        values: Sequence[Any] = spectrum.get(key) or []
        return values[index] if index < len(values) else None

    rows = []
    for index in leading:
        residual = entry("residuals", index)
        rows.append(
            [
                _complex_text(eigenvalues[index]),
                f"{abs(eigenvalues[index]):.6f}",
                _half_life(entry("half_lives", index), eigenvalues[index]),
                number(entry("amplitudes", index), 3),
                number(residual, 3),
                "spurious" if residual is not None and residual > SPURIOUS_RESIDUAL else "",
            ]
        )
    return rows


def as_complex(value: Any) -> complex:
    """An eigenvalue given as a number or as a pair (real part, imaginary part)."""
    return complex(*value) if isinstance(value, Sequence) else complex(value)


def _is_mirrored(value: complex, eigenvalues: Sequence[complex]) -> bool:
    """Whether the value is the lower one of a complex pair; the upper one then stands for both."""
    return value.imag < 0 and any(abs(other - value.conjugate()) < 1e-9 for other in eigenvalues)


def _complex_text(value: complex) -> str:
    if value.imag == 0:
        return f"{value.real:.6f}"
    sign = "+-" if value.imag > 0 else "-"
    return f"{value.real:.6f} {sign} {abs(value.imag):.6f}i"


def _half_life(steps: float | None, eigenvalue: complex) -> str:
    """Steps until the mode has halved; JSON has no infinity, so None may mean that it does not decay."""
    if steps is not None and math.isfinite(steps):
        return number(steps, 5)
    return "never" if steps is not None or abs(eigenvalue) >= 1 - 1e-12 else "-"


def _decision_lines(decisions: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    if not decisions:
        return []
    rows = [[number(decision.get("step")), _name(decision.get("action"))] for decision in decisions]
    notes = [str(decision.get("evidence") or "") for decision in decisions]
    return table([Column("step"), Column("decision", left=True)], rows, width=width, notes=notes)


def _name(value: Any) -> str:
    return "-" if value is None else str(getattr(value, "name", value)).lower()
