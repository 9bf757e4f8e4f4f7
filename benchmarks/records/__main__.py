"""Train what is not yet in the results, then draw the figure and write the page.

    python -m benchmarks.records                       everything: hours
    python -m benchmarks.records --rows poisson2d --seeds 1,2
    python -m benchmarks.records --smoke               every row for a second, into a temporary folder

A run that is in the results with the same settings is not run again, so the command can be stopped and started at will.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.records.observe import Trace, train
from benchmarks.records.results import Results
from benchmarks.records.rows import Job, Row
from benchmarks.records.table import RECORDS, Found, Suite, write_page

ROOT = Path(__file__).parents[2]
SMOKE = 1.0  # seconds of a run


def main(words: Sequence[str] | None = None, suite: Suite = RECORDS) -> int:
    """Parse the command line and do it all."""
    wanted = parse(words, suite)
    jobs = chosen(wanted, suite)
    results = Results(wanted.results / f"{suite.name}.csv")
    done = results.read()
    keys = {job.key(): job for job in jobs}
    todo = {key: job for key, job in keys.items() if key not in done}
    print(f"{len(keys)} runs, {len(keys) - len(todo)} of them in {results.path}", flush=True)
    start = time.monotonic()
    for number, (job, trace) in enumerate(run_all(list(todo.values()), wanted.jobs), 1):
        results.add(job.key(), trace)
        print(f"[{number}/{len(todo)}, {time.monotonic() - start:.0f} s] {describe(job, trace)}", flush=True)
        report(wanted, results, suite)
    report(wanted, results, suite)
    return 0


def describe(job: Job, trace: Trace) -> str:
    """One line on a finished run."""
    last = trace.looks[-1]
    run = f"{job.row.name} {job.optimizer} seed {job.seed}"
    cost = f"{last.seconds:.1f} CPU s, {last.step} steps, {last.end}"
    return f"{run}: error {last.error:.2e} (aim {job.row.aim:.0e}) after {cost}"


def parse(words: Sequence[str] | None, suite: Suite) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        f"python -m benchmarks.{suite.name}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=_names, default=list(suite.rows), help=f"some of {','.join(suite.rows)}")
    parser.add_argument("--optimizers", type=_names, help="some optimizers only; a row skips those it does not know")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in _names(text)], default=[1, 2, 3, 4, 5])
    parser.add_argument("--budget-scale", type=float, default=1.0, help="factor on the seconds of every row")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each in a process of its own")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks/results", help="folder of the CSV file and the figure"
    )
    parser.add_argument("--page", type=Path, default=ROOT / f"docs/{suite.name}.md", help="the page that is written")
    parser.add_argument("--smoke", action="store_true", help="seed 1 of every row for a second, in a temporary folder")
    wanted = parser.parse_args(words)
    for name in wanted.rows:
        if name not in suite.rows:
            parser.error(f"no row {name!r}; there are {', '.join(suite.rows)}")
    if wanted.smoke:
        folder = Path(tempfile.mkdtemp(prefix=f"pinnrun-{suite.name}-"))
        wanted.results, wanted.page, wanted.seeds = folder, folder / f"{suite.name}.md", wanted.seeds[:1]
        print(f"results in {folder}")
    return wanted


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def chosen(wanted: argparse.Namespace, suite: Suite) -> list[Job]:
    """The trainings that the command line asks for: all of a seed before the next, recipes first."""
    jobs = []
    for seed in wanted.seeds:
        for row in (suite.rows[name] for name in wanted.rows):
            scale = scale_of(wanted, row)
            for optimizer in row.optimizers:
                if wanted.optimizers is None or optimizer in wanted.optimizers:
                    jobs.append(Job(row, optimizer, seed, scale))
    return sorted(jobs, key=lambda job: job.optimizer != job.row.optimizer)


def scale_of(wanted: argparse.Namespace, row: Row) -> float:
    """The factor on the row's seconds."""
    return SMOKE / row.seconds if wanted.smoke else wanted.budget_scale


def run_all(jobs: Sequence[Job], processes: int) -> Iterator[tuple[Job, Trace]]:
    """Train, one after the other or several at a time; each as soon as it is finished."""
    if processes <= 1:
        for job in jobs:
            yield job, train(job)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        running = {pool.submit(train, job): job for job in jobs}
        for future in as_completed(running):
            yield running[future], future.result()


def report(wanted: argparse.Namespace, results: Results, suite: Suite) -> None:
    """The figure and the page, of all runs there are with the settings of today."""
    from benchmarks.records.figure import draw

    found: Found = {}
    for (name, optimizer, settings, _), result in results.read().items():
        row = suite.rows.get(name)
        if row is None or optimizer not in row.optimizers:
            continue
        if settings == Job(row, optimizer, 0, scale_of(wanted, row)).settings():
            found.setdefault(name, {}).setdefault(optimizer, []).append(result)
    if found:
        draw(wanted.results / f"{suite.name}.png", found, suite)
        write_page(wanted.page, found, suite)


if __name__ == "__main__":
    sys.exit(main())
