"""The results of the library as a CSV file and as docs/problems/README.md."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import yaml

from benchmarks.common import write_csv
from benchmarks.records.table import machine
from pinnrun.composition.confdir import conf_dir
from pinnrun.storage.atomic import write_text

HEAD = """# The problems

Every problem that pinnrun carries, by its default command, `pinnrun train problem=NAME`, with seeds {seeds}, on one
thread of a CPU, stopped after {cap:g} CPU seconds where the target was not reached by then. `error` is relative L²
against the reference; `observables` is the largest relative error of the numbers that the problem is solved for. All
are medians, with the worst seed in brackets; seconds are those of an undisturbed machine (`benchmarks/pace.py`). This
page is written by `python -m benchmarks.library`, from `benchmarks/results/library.csv`; `pinnrun problems NAME` tells
a problem's keys. The network is the smallest that met the target; the seconds are those of the whole run, of which the
search for it, once the target had been met, takes a third at most (`scaleup.prune`). Tables of sizes and seconds on the
problems' own pages are of earlier runs on random points, which began with n_in + 1 neurons (`scaleup.start=theory`) and
were not pruned; the one here is of the default.

"""

SHARED = {
    **dict.fromkeys(("heat1d", "heat4d"), "heat"),
    **dict.fromkeys(("eigen_square", "eigen_oscillator"), "eigenvalues"),
    **dict.fromkeys(("npbe", "npbe_born"), "../poisson-boltzmann"),
    **dict.fromkeys(
        ("poisson_sine2d", "poisson_cos5d", "poisson_harmonic10d", "poisson_square100d", "poisson_ritz"), "poisson"
    ),
}
"""Pages that several problems have in common."""


@dataclass(frozen=True)
class Measured:
    """One finished run.

    Attributes:
        problem, seed: what was run.
        status: how it ended; "done" where the target was reached.
        error: relative L² against the reference, None without one.
        observable: the largest relative error of the observables, None where they have no reference.
        size: W x D of the network that was kept.
        parameters: how many it has.
        seconds: CPU seconds, as an undisturbed machine would take them.
    """

    problem: str
    seed: int
    status: str
    error: float | None
    observable: float | None
    size: str
    parameters: int
    seconds: float

    def text(self) -> str:
        """In a few words."""
        error = "no reference" if self.error is None else f"error {self.error:.1e}"
        return f"{self.status}, {error}, {self.size}, {self.seconds:.1f} CPU s"


def read(path: Path) -> list[Measured]:
    """What has been measured."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Measured(
                line["problem"],
                int(line["seed"]),
                line["status"],
                float(line["error"]) if line["error"] else None,
                float(line["observable"]) if line["observable"] else None,
                line["size"],
                int(line["parameters"]),
                float(line["seconds"]),
            )
            for line in csv.DictReader(file)
        ]


def write(path: Path, found: Sequence[Measured]) -> None:
    """Replace the file."""
    write_csv(path, [{key: "" if value is None else value for key, value in asdict(item).items()} for item in found])


def write_page(path: Path, found: Sequence[Measured], cap: float) -> None:
    """Replace the page: a table a family."""
    seeds = sorted({item.seed for item in found})
    parts = [HEAD.format(seeds=", ".join(map(str, seeds)), cap=cap)]
    families: dict[str, list[str]] = {}
    for name in sorted({item.problem for item in found}):
        about = yaml.safe_load((conf_dir() / "problem" / f"{name}.yaml").read_text())["problem"]["about"]
        runs = [item for item in found if item.problem == name]
        families.setdefault(about["family"], []).append(row(name, about, runs, path.parent))
    for family, rows in families.items():
        parts.append(f"## {family}\n\n")
        parts.append("| problem | equation | reference | error | observables | network | CPU s | reached |\n")
        parts.append("|---|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n\n")
    parts.append(f"Measured on {machine()}.\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts))


def row(name: str, about: dict, runs: Sequence[Measured], folder: Path) -> str:
    """One problem's line; its name leads to its page, where there is one."""
    page = SHARED.get(name, name)
    title = f"[`{name}`]({page}.md)" if (folder / f"{page}.md").exists() else f"`{name}`"
    equation = str(about["equation"]).replace("|", "\\|")
    middle = sorted(runs, key=lambda item: item.parameters)[len(runs) // 2]
    network = f"{middle.size}, {middle.parameters} parameters"
    seconds = f"{median(item.seconds for item in runs):.1f} ({max(item.seconds for item in runs):.1f})"
    reached = f"{sum(item.status == 'done' for item in runs)} of {len(runs)}"
    errors = pair([item.error for item in runs]), pair([item.observable for item in runs])
    return f"| {title} | {equation} | {about['reference']} | {' | '.join(errors)} | {network} | {seconds} | {reached} |"


def pair(values: Sequence[float | None]) -> str:
    """Median and worst, or a dash."""
    known = [value for value in values if value is not None]
    return f"{median(known):.1e} ({max(known):.1e})" if known else "-"
