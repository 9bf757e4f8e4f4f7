"""The results as one CSV file: a line a look, a run added as a whole and only when it has finished."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from math import inf
from pathlib import Path

from pinnrun.storage.atomic import write_text

COLUMNS = ("case", "solver", "settings", "seed", "version", "parameters", "seconds", "wall", "step", "error", "end")
Key = tuple[str, str, str, int]
"""Case, solver, settings, seed."""


NEARLY = 0.8  # of the time that was asked for: how slow the machine will be is known beforehand only so well


@dataclass(frozen=True)
class Look:
    """What was seen at one time: CPU and wall seconds, steps of the optimizer, relative L² error."""

    seconds: float
    wall: float
    step: int
    error: float


@dataclass(frozen=True)
class Trace:
    """A finished run.

    Attributes:
        parameters: of the network at the end.
        version: package and version.
        end: "enough" (as accurate as was asked), "budget", "finished" (a peer's recipe) or pinnrun's own state.
        looks: what was seen.
    """

    parameters: int
    version: str
    end: str
    looks: list[Look]

    @property
    def error(self) -> float:
        """At the end."""
        return self.looks[-1].error

    @property
    def seconds(self) -> float:
        """CPU seconds of the run."""
        return self.looks[-1].seconds

    def seconds_to(self, aim: float, clock: str = "seconds") -> float:
        """CPU (or "wall") seconds at the first look whose error is no more than the aim; infinite if there is none."""
        return next((getattr(look, clock) for look in self.looks if look.error <= aim), inf)

    def satisfies(self, seconds: float) -> bool:
        """Whether a run that may take so long would have shown nothing more."""
        return self.end != "budget" or self.seconds >= NEARLY * seconds


class Results:
    """The file; whatever kills the program, it holds finished runs and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[Key, Trace]:
        """All finished runs, by what tells them apart."""
        if not self.path.exists():
            return {}
        lines: dict[Key, list[dict[str, str]]] = defaultdict(list)
        with self.path.open(newline="") as file:
            for line in csv.DictReader(file):
                lines[line["case"], line["solver"], line["settings"], int(line["seed"])].append(line)
        return {key: _trace(found) for key, found in lines.items() if found[-1]["end"]}

    def add(self, key: Key, trace: Trace) -> None:
        """Add a finished run, in place of an earlier one with the same key; the file is replaced in one step."""
        everything = self.read()
        everything.pop(key, None)
        everything[key] = trace
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for each, found in everything.items():
            for index, look in enumerate(found.looks):
                end = found.end if index == len(found.looks) - 1 else ""
                times = f"{look.seconds:.3f}", f"{look.wall:.3f}"
                writer.writerow((*each, found.version, found.parameters, *times, look.step, f"{look.error:.4e}", end))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, text.getvalue())


def _trace(lines: list[dict[str, str]]) -> Trace:
    looks = [Look(float(x["seconds"]), float(x["wall"]), int(x["step"]), float(x["error"])) for x in lines]
    last = lines[-1]
    return Trace(int(last["parameters"]), last["version"], last["end"], looks)
