"""The comparison of several trainings as text: a line for each, their clusters, and what their distances go by."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from pinnrun.display.streams import LineWriter, text_width
from pinnrun.display.text import Column, number, paragraph, scientific, table

MATRIX = 12
"""Most trainings of which the whole matrix of distances is printed."""


def print_comparison(record: Mapping[str, Any], file: TextIO | None = None) -> None:
    """Print what `pinnrun koopman compare` found.

    A record has observable, steps (first and last), every, samples, delays, rank, common (what all runs agree in), runs
    (each with label, loss, cluster, nearest, distance, folder), silhouette, factors (each with name, values, same,
    different, share, p) and distances, (N, N).
    """
    stream = file or sys.stdout
    width = text_width(stream)
    sections = [
        _heading(record, width),
        _run_lines(record["runs"], width),
        [_cluster_line(record)],
        _factor_lines(record["factors"], width),
        _matrix_lines(record["distances"], width),
    ]
    LineWriter(stream).write("\n\n".join("\n".join(lines) for lines in sections if lines))


def _heading(record: Mapping[str, Any], width: int) -> list[str]:
    first, last = record["steps"]
    what = (
        f"{len(record['runs'])} trainings: {record['observable']} at steps {first} to {last} every {record['every']} "
        f"({record['samples']} samples), {record['delays']} delays, rank {record['rank']}"
    )
    common = ", ".join(f"{name} {number(value)}" for name, value in record["common"].items())
    return paragraph(what, width=width) + (paragraph(f"all: {common}", width=width) if common else [])


def _run_lines(runs: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    names = list(runs[0]["label"])
    columns = [
        Column("run"),
        *(Column(name, left=True) for name in names),
        Column("loss"),
        Column("cluster"),
        Column("nearest"),
        Column("distance"),
        *([] if names else [Column("folder", left=True)]),
    ]
    rows = [
        [
            str(index + 1),
            *(number(value) for value in run["label"].values()),
            scientific(run["loss"]),
            str(run["cluster"]),
            str(run["nearest"] + 1),
            f"{run['distance']:.4f}",
            *([] if names else [run["folder"]]),
        ]
        for index, run in enumerate(runs)
    ]
    return table(columns, rows, width=width, indent=0)


def _cluster_line(record: Mapping[str, Any]) -> str:
    count = max(run["cluster"] for run in record["runs"])
    if record["silhouette"] is None:
        return f"{count} {'cluster: the distances set no group apart' if count == 1 else 'clusters'}"
    return f"{count} clusters, mean silhouette {record['silhouette']:.2f} (1: far apart and tight, 0: none)"


def _factor_lines(factors: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    if not factors:
        return []
    columns = [
        Column("what differs", left=True),
        Column("values"),
        Column("distance if same"),
        Column("if different"),
        Column("share"),
        Column("p"),
    ]
    rows = [
        [
            item["name"],
            str(item["values"]),
            *("-" if item[key] is None else f"{item[key]:.4f}" for key in ("same", "different")),
            f"{item['share']:.0%}",
            number(item["p"], 2),
        ]
        for item in factors
    ]
    meaning = "share: of the squared distances (R²); p: how often shuffled labels explain as much, - untestable"
    return [*table(columns, rows, width=width, indent=0), *paragraph(meaning, width=width)]


def _matrix_lines(distances: Any, width: int) -> list[str]:
    count = len(distances)
    if not 2 < count <= MATRIX:
        return []
    columns = [Column("distance"), *(Column(str(index + 1)) for index in range(count))]
    rows = [
        [str(i + 1), *(f"{value:.3f}" if i != j else "." for j, value in enumerate(distances[i]))] for i in range(count)
    ]
    return table(columns, rows, width=width, indent=0)
