"""Train what is not yet in the results, then draw the figure and write docs/growth.md.

    python -m benchmarks.growth                              all cases, four seeds: half an hour
    python -m benchmarks.growth --cases npbe_wider --seeds 1
    python -m benchmarks.growth --smoke                      every case for half a second, into a temporary folder

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

from benchmarks.growth.cases import CASES, CONTESTANTS, Job, jobs
from benchmarks.growth.observe import train
from benchmarks.records.observe import Trace
from benchmarks.records.results import Result, Results
from benchmarks.scaleup.variants import FILE

ROOT = Path(__file__).parents[2]
SMOKE = 0.5  # seconds of a run


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line and do it all."""
    wanted = parse(words)
    results = Results(wanted.results / "growth.csv")
    done = results.read()
    chosen = [CASES[name] for name in wanted.cases]
    keys = {job.key(): job for job in jobs(chosen, wanted.contestants, wanted.seeds, wanted.scale)}
    todo = [job for key, job in keys.items() if key not in done]
    print(f"{len(keys)} runs, {len(keys) - len(todo)} of them in {results.path}", flush=True)
    start = time.monotonic()
    for number, (job, trace) in enumerate(run_all(todo, wanted.jobs), 1):
        results.add(job.key(), trace)
        last = trace.looks[-1]
        told = f"loss {last.loss:.2e}, error {last.error:.2e} after {last.seconds:.1f} CPU s, {last.step} steps"
        name = f"{job.case.name} {job.contestant} seed {job.seed}"
        print(f"[{number}/{len(todo)}, {time.monotonic() - start:.0f} s] {name}: {told}, {last.end}", flush=True)
    report(wanted, results)
    return 0


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=_names, default=list(CASES), help=f"some of {','.join(CASES)}")
    parser.add_argument("--contestants", type=_names, default=list(CONTESTANTS), help=f"of {','.join(CONTESTANTS)}")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in _names(text)], default=[1, 2, 3, 4])
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the seconds of every case")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each in a process of its own")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results", help="folder of CSV and figure")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/growth.md", help="the page that is written")
    parser.add_argument("--smoke", action="store_true", help="one seed of everything, shortly, in a temporary folder")
    wanted = parser.parse_args(words)
    for kind, known in (("cases", CASES), ("contestants", CONTESTANTS)):
        for name in getattr(wanted, kind):
            if name not in known:
                parser.error(f"no {name!r} among the {kind}; there are {', '.join(known)}")
    if wanted.smoke:
        folder = Path(tempfile.mkdtemp(prefix="pinnrun-growth-"))
        wanted.results, wanted.page, wanted.seeds = folder, folder / "growth.md", wanted.seeds[:1]
        wanted.scale = SMOKE / max(CASES[name].seconds for name in wanted.cases)
        print(f"results in {folder}")
    return wanted


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def run_all(todo: Sequence[Job], processes: int) -> Iterator[tuple[Job, Trace]]:
    """Train, one after the other or several at a time; each as soon as it is finished."""
    if processes <= 1:
        for job in todo:
            yield job, train(job)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(train, job): job for job in todo}
        for future in as_completed(running):
            yield running[future], future.result()


def report(wanted: argparse.Namespace, results: Results) -> None:
    """The figure and the page, of all runs there are with the settings of today."""
    from benchmarks.growth.figure import draw
    from benchmarks.growth.table import write_page

    today = {job.key()[:3] for job in jobs(list(CASES.values()), CONTESTANTS, [0], wanted.scale)}
    found: dict[str, dict[str, list[Result]]] = {}
    for (case, contestant, settings, _), result in sorted(results.read().items()):
        if (case, contestant, settings) in today:
            found.setdefault(case, {}).setdefault(contestant, []).append(result)
    if found:
        draw(wanted.results / "growth.png", found)
        write_page(wanted.page, {name: found[name] for name in CASES if name in found}, wanted.results / FILE)


if __name__ == "__main__":
    sys.exit(main())
