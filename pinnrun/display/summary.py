"""The closing report of a run and the table of a sweep, as text on standard output."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from pinnrun.display.streams import LineWriter, text_width, wants_colour
from pinnrun.display.text import (
    Column,
    duration,
    number,
    one_line,
    paragraph,
    scientific,
    seconds_text,
    size,
    table,
)

_GREEN, _YELLOW, _RED = "32", "33", "31"
_STATUS = {
    "done": ("the target is reached", _GREEN),
    "budget": ("spent before the target was reached; the result is kept", _YELLOW),
    "stalled": ("the optimizer cannot go on; the result is kept", _YELLOW),
    "unreachable": ("the target is out of the budget's reach; the best network is kept", _YELLOW),
    "interrupted": ("the result so far is kept", _YELLOW),
    "running": ("still going on, or killed", _YELLOW),
    "diverged": ("the loss is no longer finite, or grew beyond its bound", _RED),
    "failed": ("an error ended the run", _RED),
}
_RESUMABLE = ("budget", "interrupted", "running")


def print_summary(result: Mapping[str, Any], file: TextIO | None = None) -> None:
    """Print what came of a run; `result` is the content of its result.json, missing keys are left out.

    Prints to standard output unless `file` is given, and drops the text if the reader has gone.
    """
    stream = file or sys.stdout
    width = text_width(stream)
    sections = [
        _status_lines(result, width, colour=wants_colour(stream, os.environ)),
        _observable_lines(result.get("observables") or {}, width),
        _story_lines(result.get("stages") or [], width),
        _cost_lines(result),
        _next_lines(result),
    ]
    LineWriter(stream).write("\n\n".join("\n".join(lines) for lines in sections if lines))


def print_sweep_table(rows: Iterable[Mapping[str, Any]], file: TextIO | None = None) -> None:
    """Print one line per job of a sweep, and the smallest network that reached the target.

    A row has the keys width, depth, parameters, overrides (text or a list of texts), loss, error, worst (the
    largest relative error of its observables), seconds, status, and reason where there is more to say; what a
    job did not get to is None or missing.
    """
    stream = file or sys.stdout
    rows = list(rows)
    common = _common([_words(row.get("overrides")) for row in rows])
    observed = any(row.get("worst") is not None for row in rows)
    columns = [
        Column("job"),
        Column("W x D"),
        Column("parameters"),
        Column("loss"),
        Column("error"),
        *([Column("worst obs.")] if observed else []),
        Column("seconds"),
        Column("status", left=True),
        Column("overrides", left=True, fold=True),
    ]
    cells = [
        [
            str(index),
            size(row.get("width"), row.get("depth")),
            number(row.get("parameters")),
            scientific(row.get("loss")),
            scientific(row.get("error")),
            *([scientific(row.get("worst"))] if observed else []),
            seconds_text(row.get("seconds")),
            str(row.get("status") or "-"),
            " ".join(word for word in _words(row.get("overrides")) if word not in common) or "-",
        ]
        for index, row in enumerate(rows)
    ]
    reasons = [str(row.get("reason") or "") for row in rows]
    lines = table(columns, cells, width=text_width(stream), indent=0, notes=reasons)
    if common:
        lines += ["", *paragraph(f"every job: {' '.join(common)}", width=text_width(stream))]
    done = [row for row in rows if row.get("status") == "done" and row.get("parameters") is not None]
    if done:
        best = min(done, key=lambda row: row["parameters"])
        lines += ["", f"smallest network that reached the target: {_network(best)}"]
    LineWriter(stream).write("\n".join(lines))


def _words(overrides: str | Sequence[str] | None) -> list[str]:
    if not overrides:
        return []
    return one_line(overrides).split() if isinstance(overrides, str) else [one_line(word) for word in overrides]


def _common(overrides: Sequence[Sequence[str]]) -> list[str]:
    """What all jobs of a sweep share tells none of them apart, so it is said once."""
    if len(overrides) < 2:
        return []
    return [word for word in overrides[0] if all(word in others for others in overrides[1:])]


def _network(stage: Mapping[str, Any]) -> str:
    return f"{size(stage.get('width'), stage.get('depth'))} ({number(stage.get('parameters'))} parameters)"


def _status_lines(result: Mapping[str, Any], width: int, *, colour: bool) -> list[str]:
    status = str(result.get("status", "running"))
    meaning, code = _STATUS.get(status, ("", _YELLOW))
    shown = f"\x1b[1;{code}m{status}\x1b[0m" if colour else status
    lines = [f"{result.get('problem', 'run')}: {shown}" + (f" ({meaning})" if meaning else "")]
    if result.get("reason"):
        lines += paragraph(str(result["reason"]), width=width, indent=2)
    stages = result.get("stages") or []
    fields = []
    if "loss" in result:
        fields.append(("loss", scientific(result["loss"])))
    if "merit" in result:
        fields.append(("merit", scientific(result["merit"]) + _against(result["merit"], result.get("target"))))
    if "error" in result:
        fields.append(("error", scientific(result["error"]) + _error_meaning(result["error"])))
    network = result if result.get("width") else stages[-1] if stages else None  # the best, not always the last
    if network:
        fields.append(("network", _network(network)))
    return lines + [f"  {name:<8}  {value}" for name, value in fields]


def _against(merit: float | None, target: float | None) -> str:
    if target is None:
        return ""
    if merit is None:
        return f"   target {number(target)}"
    return f"   target {number(target)} ({'reached' if merit <= target else 'not reached'})"


def _error_meaning(error: float | None) -> str:
    return "   no reference solution" if error is None else "   relative L2, against the reference"


def _observable_lines(observables: Mapping[str, Any], width: int) -> list[str]:
    if not observables:
        return []
    estimated = any(entry.get("uncertainty") is not None for entry in observables.values())
    columns = [
        Column("observable", left=True),
        Column("value"),
        *([Column("standard error")] if estimated else []),
        Column("unit", left=True),
        Column("reference"),
        Column("relative error"),
    ]
    cells = [
        [
            name,
            number(entry.get("value"), digits=8),
            *([number(entry.get("uncertainty"), digits=2)] if estimated else []),
            str(entry.get("unit") or "-"),
            number(entry.get("reference"), digits=8),
            scientific(entry.get("error")),
        ]
        for name, entry in observables.items()
    ]
    return table(columns, cells, width=width)


def _story_lines(stages: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """How the network grew: a row per stage, and below it, in prose, why the stage ended as it did."""
    if not stages:
        return []
    columns = [
        Column("stage"),
        Column("W x D"),
        Column("parameters"),
        Column("steps"),
        Column("seconds"),
        Column("decision", left=True),
    ]
    cells = [
        [
            str(index),
            size(stage.get("width"), stage.get("depth")),
            number(stage.get("parameters")),
            number(stage.get("steps")),
            seconds_text(stage.get("seconds")),
            str(stage.get("decision") or "-"),
        ]
        for index, stage in enumerate(stages)
    ]
    return table(columns, cells, width=width, notes=[str(stage.get("evidence") or "") for stage in stages])


def _cost_lines(result: Mapping[str, Any]) -> list[str]:
    cpu, wall = result.get("cpu_seconds"), result.get("wall_seconds")
    lines = [
        f"  {name}  {seconds_text(value)} s" + (f" ({duration(value)})" if value >= 60 else "")
        for name, value in (("cpu time ", cpu), ("wall time", wall))
        if value is not None
    ]
    met = result.get("target_seconds")
    if met is not None and cpu is not None and met < cpu:
        lines[:1] = [f"{lines[0]}, the target was met after {seconds_text(met)} s"]
    facts = [f"{key} {number(result[key])}" for key in ("steps", "seed") if result.get(key) is not None]
    return [*lines, *(["  " + ", ".join(facts)] if facts else [])]


def _next_lines(result: Mapping[str, Any]) -> list[str]:
    folder = result.get("folder")
    if not folder:
        return []
    lines = [f"  files      {folder}"]
    status = result.get("status", "running")
    if status in _RESUMABLE:
        command = result.get("resume") or f"pinnrun train {shlex.quote(f'resume={folder}')}"
        lines.append(f"  resume     {command}")
        if status == "budget":
            lines.append("             with a larger budget")
    run = shlex.quote(f"run={folder}")
    return [*lines, f"  analyze    pinnrun koopman analyze {run}", f"  evaluate   pinnrun evaluate {run}"]
