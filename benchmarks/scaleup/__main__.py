"""Train what is not yet in the results, then draw the figure and write docs/growing-pays.md.

    python -m benchmarks.scaleup                        everything: many hours on one core
    python -m benchmarks.scaleup --cases poisson2d,heat --seeds 1,2
    python -m benchmarks.scaleup --variants             the default and its variants, in one go: an hour on one core
    python -m benchmarks.scaleup --smoke                one case for seconds, into a temporary folder

A run that is in the results with the same settings is not run again, so the command can be stopped and started at will.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from benchmarks.records.observe import Look, Observer, Trace, watched
from benchmarks.records.results import Results
from benchmarks.scaleup import variants
from benchmarks.scaleup.cases import CASES, Job, jobs_of, seeds_of, variants_of
from benchmarks.scaleup.table import Found, write_page

ROOT = Path(__file__).parents[2]


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line and do it all."""
    wanted = parse(words)
    results = Results(wanted.results / (variants.FILE if wanted.variants else "scaleup.csv"))
    done = results.read()
    jobs = chosen(wanted)
    todo = [job for job in jobs if job.key() not in done]
    print(f"{len(jobs)} runs, {len(jobs) - len(todo)} of them in {results.path}", flush=True)
    start = time.monotonic()
    for number, job in enumerate(todo, 1):
        trace = train(job)
        results.add(job.key(), trace)
        last = trace.looks[-1]
        print(
            f"[{number}/{len(todo)}, {time.monotonic() - start:.0f} s] {job.case.name}, {job.label} to {job.aim:g}, "
            f"seed {job.seed}: error {last.error:.1e} after {last.seconds:.1f} CPU s, {trace.parameters} parameters, "
            f"{last.end}",
            flush=True,
        )
    report(wanted)
    return 0


def train(job: Job) -> Trace:
    """Run a job to its end and return what was seen, with the error looked at off the clock.

    A size of which one step would take all of the time is not trained: it has spent the time, and reached nothing.
    """
    if job.size and job.case.takes_too_long(*job.size):
        return Trace(0, [Look(job.case.seconds, 0, inf, inf, "too large")])
    observer = Observer("relative", 0.0)
    runner = watched(job.config(), observer)
    best = runner.account.best
    size = len(best["theta"]) if "theta" in best else runner.trainer.network.size
    return Trace(size, observer.looks)


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.scaleup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=_names, default=list(CASES), help=f"some of {','.join(CASES)}")
    parser.add_argument("--labels", help="only contestants whose label this pattern finds, such as 'koopman|16 x 2'")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in _names(text)], default=[1, 2, 3, 4, 5])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results", help="folder of scaleup.csv")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/growing-pays.md", help="the page that is written")
    parser.add_argument(
        "--variants", action="store_true", help="variants of the default policy, into a file of their own"
    )
    parser.add_argument("--smoke", action="store_true", help="one case, one seed, a second a run, a temporary folder")
    wanted = parser.parse_args(words)
    for name in wanted.cases:
        if name not in CASES:
            parser.error(f"no case {name!r}; there are {', '.join(CASES)}")
    if wanted.smoke:
        folder = Path(tempfile.mkdtemp(prefix="pinnrun-scaleup-"))
        wanted.results, wanted.page = folder, folder / "growing-pays.md"
        wanted.cases, wanted.seeds = wanted.cases[:1], wanted.seeds[:1]
        print(f"results in {folder}")
    return wanted


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def chosen(wanted: argparse.Namespace) -> list[Job]:
    """The runs that the command line asks for: all cases of a seed before the next."""
    cases = [CASES[name] for name in wanted.cases]
    if wanted.smoke:
        cases = [replace(case, seconds=1.0) for case in cases]
    every = variants_of if wanted.variants else jobs_of
    jobs = [job for seed in wanted.seeds for case in cases for job in every(case, seed)]
    return [job for job in jobs if wanted.labels is None or re.search(wanted.labels, job.label)]


def report(wanted: argparse.Namespace) -> None:
    """The figure and the page, of all runs there are with the settings of today."""
    from benchmarks.scaleup.figure import draw

    known = Results(wanted.results / "scaleup.csv").read()
    found: Found = {}
    everything = {**vars(wanted), "labels": None, "seeds": seeds_of(known), "variants": False}
    for job in chosen(argparse.Namespace(**everything)):
        if job.key() in known:
            runs = found.setdefault(job.case.name, {}).setdefault((job.label, job.aim), {})
            runs[job.seed] = known[job.key()]
    if found:
        draw(wanted.results / "scaleup.png", found)
        write_page(wanted.page, found, wanted.results / variants.FILE)


if __name__ == "__main__":
    sys.exit(main())
