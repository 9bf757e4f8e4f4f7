"""Numbers, durations, sparklines and tables as plain text, the same in a terminal, a pipe and a file."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_TICKS = "▁▂▃▄▅▆▇█"
_ASCII_TICKS = "_.-:=+*#"
_GAP = "  "


def number(value: Any, digits: int = 6) -> str:
    """A number with `digits` significant digits, whole numbers in full; "-" for None."""
    if value is None:
        return "-"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return str(value)
    return f"{float(value):.{digits}g}"


def scientific(value: float | None) -> str:
    """A loss or an error: four significant digits and an exponent, 1.234e-05; "-" for None."""
    return "-" if value is None else f"{value:.3e}"


def seconds_text(value: float | None) -> str:
    """Seconds for a table: two decimals, and more digits below one second; "-" for None."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value >= 1 or value == 0 else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """Seconds as h:mm:ss, with days in front from 24 hours on; "-" for None and for what is not finite."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}d {hours:02d}:{minutes:02d}:{rest:02d}" if days else f"{hours}:{minutes:02d}:{rest:02d}"


def size(width: int | None, depth: int | None) -> str:
    """Width and depth of a network as "W x D"; "-" where neither is known."""
    return "-" if width is None and depth is None else f"{number(width)} x {number(depth)}"


def one_line(text: str) -> str:
    """The text with line breaks and runs of blanks turned into single blanks, control characters dropped."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "" for c in text).split())


def sparkline(values: Sequence[float], cells: int = 40, *, ascii_only: bool = False) -> str:
    """Draw a history as at most `cells` blocks, the lowest at its minimum and the highest at its maximum.

    A cell shows the mean over its share of the history: of log10 where every value is positive, else of the
    value itself (an energy may be negative). A cell without any finite value stays blank.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    logarithmic = min(finite) > 0
    count = min(cells, len(values))
    edges = [len(values) * cell // count for cell in range(count + 1)]
    means = [_mean(values[first:last], logarithmic) for first, last in pairwise(edges)]
    known = [mean for mean in means if mean is not None]
    low, span = min(known), max(known) - min(known)
    ticks = _ASCII_TICKS if ascii_only else _TICKS
    # a history that does not move to within rounding is a flat line, not noise blown up to full height
    scale = (len(ticks) - 1) / span if span > 1e-12 * max(1.0, abs(low)) else 0.0
    return "".join(" " if mean is None else ticks[round((mean - low) * scale)] for mean in means)


def _mean(values: Sequence[float], logarithmic: bool) -> float | None:
    finite = [math.log10(value) if logarithmic else value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None


@dataclass(frozen=True)
class Column:
    """One column of a table; `fold` lets its text continue on further lines, numbers never do."""

    title: str
    left: bool = False
    fold: bool = False


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    width: int = 80,
    notes: Sequence[str] | None = None,
    indent: int = 2,
) -> list[str]:
    """Lay a table out as lines, its header first; nothing is ever cut off.

    A line is longer than `width` only where the cells that may not be folded need it. `notes[i]`, where not
    empty, follows row i in the full width, indented, so that long prose does not squeeze the columns.
    """
    widths = [max([len(column.title), *(len(row[index]) for row in rows)]) for index, column in enumerate(columns)]
    excess = indent + sum(widths) + len(_GAP) * (len(columns) - 1) - width
    for index, column in enumerate(columns):
        if column.fold and excess > 0:
            least = max(len(column.title), 16)
            narrowed = max(widths[index] - excess, min(least, widths[index]))
            excess -= widths[index] - narrowed
            widths[index] = narrowed
    lines = _row(columns, [column.title for column in columns], widths, indent)
    for index, row in enumerate(rows):
        lines += _row(columns, row, widths, indent)
        if notes is not None and notes[index]:
            lines += paragraph(notes[index], width=width, indent=indent + 4)
    return lines


def _row(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int], indent: int) -> list[str]:
    folded = [_wrap(cell, widths[index]) if columns[index].fold else [cell] for index, cell in enumerate(cells)]
    lines = []
    for part in range(max(map(len, folded))):
        texts = [cell[part] if part < len(cell) else "" for cell in folded]
        padded = [
            text.ljust(width) if column.left else text.rjust(width)
            for column, text, width in zip(columns, texts, widths, strict=True)
        ]
        lines.append((" " * indent + _GAP.join(padded)).rstrip())
    return lines


def paragraph(text: str, *, width: int = 80, indent: int = 0) -> list[str]:
    """Prose folded at blanks to `width` columns, every line indented; words are kept whole."""
    return [" " * indent + line for line in _wrap(one_line(text), max(width - indent, 20))]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
