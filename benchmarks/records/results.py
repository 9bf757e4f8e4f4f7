"""The results as one CSV file: a line a look, a run added as a whole and only when it has finished."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

from benchmarks.records.observe import Look, Trace
from pinnrun.storage.atomic import write_text

COLUMNS = ("row", "optimizer", "settings", "seed", "parameters", "seconds", "step", "loss", "error", "end")
Key = tuple[str, str, str, int]


@dataclass(frozen=True)
class Result:
    """One finished run, as read back."""

    key: Key
    trace: Trace

    @property
    def looks(self) -> list[Look]:
        """What was seen."""
        return self.trace.looks

    @property
    def error(self) -> float:
        """The error at the end."""
        return self.looks[-1].error

    def seconds_to(self, aim: float) -> float:
        """CPU seconds at the first look whose error is no more than the aim; infinite if there is none."""
        return next((look.seconds for look in self.looks if look.error <= aim), inf)


class Results:
    """The file; whatever kills the program, it holds finished runs and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[Key, Result]:
        """All finished runs, by what tells them apart."""
        if not self.path.exists():
            return {}
        lines: dict[Key, list[dict[str, str]]] = defaultdict(list)
        with self.path.open(newline="") as file:
            for line in csv.DictReader(file):
                lines[line["row"], line["optimizer"], line["settings"], int(line["seed"])].append(line)
        return {key: Result(key, _trace(found)) for key, found in lines.items() if found[-1]["end"]}

    def add(self, key: Key, trace: Trace) -> None:
        """Add a finished run: the old file and the new lines replace the old file in one step."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        if not self.path.exists():
            writer.writeheader()
        head = dict(zip(COLUMNS, (*key, trace.parameters), strict=False))
        for look in trace.looks:
            numbers = {"seconds": f"{look.seconds:.3f}", "loss": f"{look.loss:.4e}", "error": f"{look.error:.4e}"}
            writer.writerow({**head, **asdict(look), **numbers})
        before = self.path.read_text() if self.path.exists() else ""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, before + text.getvalue())


def _trace(lines: list[dict[str, str]]) -> Trace:
    looks = [
        Look(float(line["seconds"]), int(line["step"]), float(line["loss"]), float(line["error"]), line["end"])
        for line in lines
    ]
    return Trace(int(lines[0]["parameters"]), looks)
