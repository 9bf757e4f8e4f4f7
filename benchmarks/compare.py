"""Does training cluster by activation, by width, by optimizer? Two sweeps, compared by `pinnrun koopman compare`.

    python -m benchmarks.compare                        36 short runs, some three minutes of one processor
    python -m benchmarks.compare --studies optimizer    one of the two

Writes compare.csv, what the distances between the Koopman spectra go by, and a figure a study into benchmarks/results.
The runs stay under outputs/compare; those that are there already are not trained again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import common

PROBLEM = (
    "problem=poisson",
    "problem.points=200",
    "problem.boundary_points=40",
    "sampling=fixed",
    "scaleup=fixed",
    "display=quiet",
)
LENGTH = ("budget.steps=1000", "optimizer.pace.snapshot=5", "seed=1,2,3")
STUDIES = {
    "activation": ("optimizer=adam", "architecture.activation=tanh,sin,gelu,softplus", "architecture.width=8,16"),
    "optimizer": ("optimizer=adam,adamw,muon,soap", "architecture.width=8"),
}
OBSERVABLES = ("weights", "log_loss")


def main(words: Sequence[str] | None = None) -> int:
    """Train what is missing, compare, write."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=lambda text: text.split(","), default=list(STUDIES), help="some of them only")
    parser.add_argument("--runs", type=Path, default=Path("outputs/compare"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=common.RESULTS, help="folder of compare.csv and the figures")
    parser.add_argument("--words", nargs="*", default=[], help="key=value that change every run")
    wanted = parser.parse_args(words)
    for name in wanted.studies:
        if name not in STUDIES:
            parser.error(f"no study {name!r}; there are {', '.join(STUDIES)}")
    rows = []
    for name in wanted.studies:
        folder = wanted.runs / name
        pinnrun("sweep", *PROBLEM, *LENGTH, *STUDIES[name], *wanted.words, f"hydra.sweep.dir={folder}")
        for observable in OBSERVABLES:
            out = wanted.runs / f"{name}_{observable}"
            pinnrun("koopman", "compare", f"runs={folder}", f"observable={observable}", f"out={out}")
            rows += table(name, json.loads((out / "comparison.json").read_text()))
        wanted.results.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wanted.runs / f"{name}_weights" / "comparison.png", wanted.results / f"compare_{name}.png")
    common.write_csv(wanted.results / "compare.csv", rows)
    return 0


def pinnrun(*words: str) -> None:
    """One command, its output shown."""
    done = subprocess.run([sys.executable, "-m", "pinnrun", *words])
    if done.returncode:
        raise SystemExit(done.returncode)


def table(study: str, record: dict[str, Any]) -> list[dict[str, Any]]:
    """A line for every setting that the runs differ in."""
    whole = {
        "study": study,
        "observable": record["observable"],
        "trainings": len(record["runs"]),
        "clusters": max(run["cluster"] for run in record["runs"]),
        "silhouette": record["silhouette"],
    }
    return [
        {**whole, "differs": item["name"], **{key: item[key] for key in ("values", "same", "different", "share", "p")}}
        for item in record["factors"]
    ]


if __name__ == "__main__":
    sys.exit(main())
