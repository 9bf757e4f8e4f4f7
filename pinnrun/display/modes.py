"""Spectra as text: the modes of the weights, layer by layer, of the loss and of observables, and what they promise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pinnrun.display.text import Column, number, paragraph, scientific, table

LEADING = 10
"""Modes shown of a spectrum, at most."""
EXPLAINED = {
    "spurious": "spurious: residual above 0.3, noise rather than a mode",
    "near 1": "near 1: not told from 1 by its residual or by this window, the half-life is the least it may be",
}
MODE_COLUMNS = [
    Column("eigenvalue"),
    Column("modulus"),
    Column("half-life"),
    Column("amplitude"),
    Column("residual"),
    Column("", left=True),
]


def spectrum_lines(spectrum: Mapping[str, Any] | None, width: int) -> list[str]:
    """The modes of the weights."""
    if not spectrum:
        return ["  no spectrum: too few snapshots of the weights"]
    heading = (
        f"  modes of the weights: rank {number(spectrum.get('rank'))}, "
        f"a snapshot every {number(spectrum.get('interval'))} steps; half-life in steps"
    )
    return [heading, *_mode_table(spectrum, width)]


def layer_lines(layers: Mapping[str, Mapping[str, Any]], width: int) -> list[str]:
    """The leading mode of every layer; nothing for a network of one."""
    if len(layers) < 2:
        return []
    columns = [
        Column("layer", left=True),
        Column("weights"),
        Column("rank"),
        Column("spurious"),
        Column("leading"),
        Column("half-life"),
        Column("residual"),
        Column("", left=True),
    ]
    rows = []
    for name, spectrum in layers.items():
        leading = mode_rows(spectrum, 1)
        value, _, half_life, _, residual, mark = leading[0] if leading else ["still", "", "", "", "", ""]
        spurious = list(spectrum.get("marks") or []).count("spurious")
        counts = [number(spectrum.get("parameters")), number(spectrum.get("rank")), number(spurious)]
        rows.append([name, *counts, value, half_life, residual, mark])
    return ["  layer by layer, with the mode of largest amplitude", *table(columns, rows, width=width, indent=4)]


def observed_lines(spectrum: Mapping[str, Any] | None, kind: str, width: int) -> list[str]:
    """The modes of the log-loss with its delays (kind "loss"), or of a dictionary of observables (kind "edmd")."""
    if not spectrum:
        return []
    first, last = spectrum["rows"]
    clock = "ln(step)" if spectrum["clock"] == "log" else "steps"
    what = "log L and its delays" if kind == "loss" else f"{len(spectrum['names'])} observables and their squares"
    amplitude = "decades a row" if kind == "loss" else "decades of log L"
    lines = [
        f"  modes of {what}: rank {number(spectrum['rank'])}, rows even in {clock},",
        f"  steps {first:.0f} to {last:.0f}; half-life in steps from there, amplitude in {amplitude}",
    ]
    if kind == "edmd":
        lines += paragraph(", ".join(spectrum["names"]), width=width, indent=4)
    return lines + _mode_table(spectrum, width)


def prospect_lines(prospects: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """The merit at forecast weights: a table for every step from which they were forecast."""
    lines: list[str] = []
    for outlook in prospects:
        rules = list(outlook["forecast"])
        known = any(value is not None for value in outlook["reached"])
        heading = f"  merit at weights forecast from step {outlook['now']}, where it is {scientific(outlook['last'])}"
        columns = [Column("step"), Column("horizon"), *map(Column, rules), *([Column("training")] if known else [])]
        rows = [
            [
                f"{outlook['steps'][k]}",
                f"{horizon:g} x",
                *(_or(outlook["forecast"][rule][k], "overflow") for rule in rules),
                *([_or(outlook["reached"][k], "-")] if known else []),
            ]
            for k, horizon in enumerate(outlook["horizons"])
        ]
        lines += ["", heading] if lines else [heading]
        lines += table(columns, rows, width=width, indent=4)
        lines.append(f"    at the fixed point: {_fixed_point(outlook)}")
    return lines


def _fixed_point(outlook: Mapping[str, Any]) -> str:
    if not outlook["has_fixed_point"]:
        return "none, a mode does not die out"
    value = outlook["fixed_point"]
    if value is None:
        return "not a finite number"
    last = outlook["last"]
    if not last or last <= 0 or value <= 0:
        return scientific(value)
    ratio = value / last
    return f"{scientific(value)}, {ratio:.3g} times that at step {outlook['now']}"


def _or(value: float | None, word: str) -> str:
    return word if value is None else scientific(value)


def _mode_table(spectrum: Mapping[str, Any], width: int) -> list[str]:
    rows = mode_rows(spectrum)
    if not rows:
        return ["    nothing moves"]
    return [*table(MODE_COLUMNS, rows, width=width, indent=4), *omitted(spectrum, len(rows))]


def explanations(spectra: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """What the marks mean that occur in these spectra."""
    seen = {mark for spectrum in spectra for mark in spectrum.get("marks") or []}
    return [line for mark, text in EXPLAINED.items() if mark in seen for line in paragraph(text, width=width, indent=2)]


def omitted(spectrum: Mapping[str, Any], shown: int) -> list[str]:
    """How many modes were not shown."""
    eigenvalues = [as_complex(value) for value in spectrum["eigenvalues"]]
    rest = sum(not _is_mirrored(value, eigenvalues) for value in eigenvalues) - shown
    return [f"    and {rest} more"] if rest > 0 else []


def mode_rows(spectrum: Mapping[str, Any], most: int = LEADING) -> list[list[str]]:
    """Rows of the leading modes, in the order of the spectrum; one row for a complex pair."""
    eigenvalues = [as_complex(value) for value in spectrum.get("eigenvalues") or []]
    leading = [index for index, value in enumerate(eigenvalues) if not _is_mirrored(value, eigenvalues)][:most]

    def entry(key: str, index: int) -> Any:
        values: Sequence[Any] = spectrum.get(key) or []
        return values[index] if index < len(values) else None

    return [
        [
            _complex_text(eigenvalues[index]),
            f"{abs(eigenvalues[index]):.6f}",
            _half_life(entry("half_lives", index), eigenvalues[index]),
            number(entry("amplitudes", index), 3),
            number(entry("residuals", index), 3),
            entry("marks", index) or "",
        ]
        for index in leading
    ]


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
        return number(steps, 5) if steps < 1e9 else "never"
    return "never" if steps is not None or abs(eigenvalue) >= 1 - 1e-12 else "-"
