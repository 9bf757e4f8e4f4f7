"""Run what is not yet in the results, then draw the figure and write the page.

    python -m benchmarks.peers                      every case, every solver, three seeds: some hours
    python -m benchmarks.peers --cases heat1d --seeds 1 --seconds 30
    python -m benchmarks.peers --smoke              one case for seconds, into a temporary folder

The peers are installed into an environment of their own, once (--env says where). A run that is in the results with the
same settings and as many seconds is not run again, so the command can be stopped and started at will, and more seeds or
seconds can be added later. A seed is finished on all cases before the next begins.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.cases import CASES
from benchmarks.peers.environment import default_folder, make
from benchmarks.peers.results import Results, Trace
from benchmarks.peers.run import Job, run
from benchmarks.peers.table import Found, write_page
from pinnrun.errors import UserError

ROOT = Path(__file__).parents[2]
SECONDS = 120.0
SMOKE = 2.0


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line and do it all."""
    wanted = parse(words)
    results = Results(wanted.results / "peers.csv")
    jobs = {job.key(): job for job in chosen(wanted)}
    done = results.read()
    todo = [job for key, job in jobs.items() if key not in done or not done[key].satisfies(job.seconds)]
    print(f"{len(jobs)} runs, {len(jobs) - len(todo)} of them in {results.path}", flush=True)
    failures = run_all(todo, results, wanted) if todo else 0
    report(wanted, results)
    return 1 if failures else 0


def run_all(todo: Sequence[Job], results: Results, wanted: argparse.Namespace) -> int:
    """Run the jobs one after the other; returns how many failed."""
    python = None if all(job.ours for job in todo) else make(wanted.env)
    start, failures = time.monotonic(), 0
    for number, job in enumerate(todo, 1):
        try:
            trace = run(job, python)
        except UserError as error:
            failures += 1
            print(error, file=sys.stderr, flush=True)
            continue
        results.add(job.key(), trace)
        print(f"[{number}/{len(todo)}, {time.monotonic() - start:.0f} s] {describe(job, trace)}", flush=True)
    return failures


def describe(job: Job, trace: Trace) -> str:
    """One line on a finished run."""
    last = trace.looks[-1]
    cost = f"{last.seconds:.1f} CPU s, {last.wall:.1f} s, {last.step} steps, {trace.end}"
    return f"{job.case.name}, {job.solver}, seed {job.seed}: error {last.error:.1e} after {cost}"


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=_names, default=list(CASES), help=f"some of {','.join(CASES)}")
    parser.add_argument("--solvers", help="only solvers whose label this pattern finds, such as 'DeepXDE' or 'best$'")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in _names(text)], default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="CPU seconds that a run may take")
    parser.add_argument("--env", type=Path, default=default_folder(), help="folder of the peers' environment")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks/results", help="folder of peers.csv and .png"
    )
    parser.add_argument("--page", type=Path, default=ROOT / "docs/peers.md", help="the page that is written")
    parser.add_argument("--smoke", action="store_true", help="one case, one seed, seconds, in a temporary folder")
    wanted = parser.parse_args(words)
    for name in wanted.cases:
        if name not in CASES:
            parser.error(f"no case {name!r}; there are {', '.join(CASES)}")
    if wanted.smoke:
        folder = Path(tempfile.mkdtemp(prefix="pinnrun-peers-"))
        wanted.results, wanted.page, wanted.seconds = folder, folder / "peers.md", SMOKE
        wanted.cases, wanted.seeds = wanted.cases[:1], wanted.seeds[:1]
        print(f"results in {folder}")
    return wanted


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def chosen(wanted: argparse.Namespace) -> list[Job]:
    """The runs that the command line asks for: all cases and solvers of a seed before the next."""
    return [
        Job(CASES[name], solver, seed, wanted.seconds)
        for seed in wanted.seeds
        for name in wanted.cases
        for solver in CASES[name].solvers
        if wanted.solvers is None or re.search(wanted.solvers, solver)
    ]


def report(wanted: argparse.Namespace, results: Results) -> None:
    """The figure and the page, of all runs there are with the settings of today."""
    from benchmarks.peers.figure import draw

    settings = {(c.name, s): Job(c, s, 0, 1.0).settings() for c in CASES.values() for s in c.solvers}
    found: Found = {}
    for (name, solver, setting, _), trace in results.read().items():
        if settings.get((name, solver)) == setting:
            found.setdefault(name, {}).setdefault(solver, []).append(trace)
    if found:
        draw(wanted.results / "peers.png", found)
        write_page(wanted.page, found)


if __name__ == "__main__":
    sys.exit(main())
