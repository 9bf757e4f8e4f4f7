"""Train what is not yet in the results, then draw the figure and write docs/acceleration.md.

    python -m benchmarks.acceleration                       everything: half an hour on an idle core
    python -m benchmarks.acceleration --cases oscillator --seeds 1,2
    python -m benchmarks.acceleration --steps 200 --results /tmp/trial --page /tmp/trial/acceleration.md

Every case is trained by Adam at several learning rates with the first seed; the best is its tuned one. At that rate and
at 1e-3 every seed is trained with jumps and without. A run that is in the results is not run again, so the command can
be stopped and started at will.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks import common
from benchmarks.acceleration.figure import draw
from benchmarks.acceleration.measure import CASES, COMMON, JUMPS, PLAIN, RATES, Job, Run, gain, read, train, write
from benchmarks.acceleration.page import tuned_rates, write_page

ROOT = Path(__file__).parents[2]
STEPS = 2000


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line and do it all."""
    wanted = parse(words)
    path = wanted.results / "acceleration.csv"
    runs = read(path)
    for jobs in (scan, comparisons):  # the second follows from what the first finds
        todo = [job for job in jobs(wanted, runs) if job not in runs]
        for run in run_all(todo, wanted.jobs):
            runs[run.job] = run
            print(describe(run, runs), flush=True)
            write(path, list(runs.values()))
    report(wanted, runs)
    return 0


def run_all(jobs: Sequence[Job], processes: int) -> Iterator[Run]:
    """Train, one after the other or several at a time; each as soon as it is finished."""
    if processes <= 1:
        yield from map(train, jobs)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(train, job) for job in jobs]):
            yield future.result()


def report(wanted: argparse.Namespace, runs: Mapping[Job, Run]) -> None:
    """The page and the figure, of all runs of this length."""
    shown = {job: run for job, run in runs.items() if job.steps == wanted.steps}
    write_page(wanted.page, shown)
    draw(wanted.results / "acceleration.png", shown)


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.acceleration", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=_names, default=list(CASES), help=f"some of {', '.join(CASES)}")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in _names(text)], default=[1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=STEPS, help="of every run")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each in a process of its own")
    parser.add_argument("--results", type=Path, default=common.RESULTS, help="folder of the CSV file and the figure")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/acceleration.md", help="the page that is written")
    wanted = parser.parse_args(words)
    for name in wanted.cases:
        if name not in CASES:
            parser.error(f"no case {name!r}; there are {', '.join(CASES)}")
    return wanted


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def scan(wanted: argparse.Namespace, runs: Mapping[Job, Run]) -> list[Job]:
    """Every learning rate, with the first seed and without jumps."""
    return [Job(case, rate, PLAIN, wanted.seeds[0], wanted.steps) for rate in RATES for case in wanted.cases]


def comparisons(wanted: argparse.Namespace, runs: Mapping[Job, Run]) -> list[Job]:
    """With jumps and without, at the tuned rates that the scan found and at the common one; tuned and seed by seed."""
    rates = tuned_rates({job: runs[job] for job in scan(wanted, runs)})
    jobs = [
        Job(case, rate, kind, seed, wanted.steps)
        for chosen in (rates, dict.fromkeys(rates, COMMON))
        for seed in wanted.seeds
        for case, rate in chosen.items()
        for kind in (PLAIN, JUMPS)
    ]
    return list(dict.fromkeys(jobs))


def describe(run: Run, runs: Mapping[Job, Run]) -> str:
    """One line on a finished run."""
    job, last = run.job, run.last
    text = f"{job.case}, rate {job.rate:g}, jumps {job.jumps}, seed {job.seed}: merit {last.merit:.2e}"
    plain = runs.get(Job(job.case, job.rate, PLAIN, job.seed, job.steps))
    if job.jumps != PLAIN and plain:
        text += f", {gain(run, plain):+.2f} decades at equal cost, {last.accepted} of {last.attempts} accepted"
    return f"{text}, {last.seconds:.1f} CPU s"


if __name__ == "__main__":
    sys.exit(main())
