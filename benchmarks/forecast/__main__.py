"""Train what is missing of the trajectories, hold every forecaster against them, and write docs/forecast.md.

    python -m benchmarks.forecast                      everything: half an hour of training on a quiet core
    python -m benchmarks.forecast generate             the training alone; stopped at any time, it goes on where it was
    python -m benchmarks.forecast evaluate             what has been trained so far
    python -m benchmarks.forecast curves               the curves kept in benchmarks/results, without any training: the
                                                       errors of forecasts by weights are taken over as they were
    python -m benchmarks.forecast calibrate            learn pinnrun/koopman/prior.json from the problems of "fit",
                                                       of the runs or, where there are none, of the curves that are kept
    python -m benchmarks.forecast combinations         means and medians of forecasters, on the curves that are kept
    python -m benchmarks.forecast rules                the verdict's rules against others, replayed on the curves that
                                                       are kept
    python -m benchmarks.forecast trees                boosted trees on all that is known of a training, on the same
    python -m benchmarks.forecast twins                what could be known: trains everything of "held" and "further"
                                                       with three other seeds, and forecasts by those
    python -m benchmarks.forecast cost                 an analysis against a training step, nothing else

``--sobol`` trains on Sobol points instead, which nothing was fitted to, and writes all of it into outputs/benchmarks.
``--smoke`` does it all in seconds, on the first trajectory of every family, in a temporary folder.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common import RESULTS
from benchmarks.forecast.cases import CASES, GROUPS, Case

if TYPE_CHECKING:
    from benchmarks.forecast.trajectories import Trajectory

ROOT = Path(__file__).parents[2]
ACTIONS = ("all", "generate", "evaluate", "curves", "calibrate", "combinations", "rules", "trees", "twins", "cost")
CURVES = "forecast_curves.npz"
SHORT = 0.05  # share of the steps that a smoke run trains


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line and do it all."""
    wanted = parse(words)
    cases = chosen(wanted)
    if wanted.action in ("all", "generate"):
        from benchmarks.forecast.generate import generate

        try:
            generate(cases, wanted.runs)
        except KeyboardInterrupt as stopped:
            print(f"stopped ({stopped}); the same command goes on", file=sys.stderr)
            return 130
    if wanted.action == "cost":
        from benchmarks.forecast.cost import measure

        print(measure().text())
    elif wanted.action == "calibrate":
        from benchmarks.forecast import calibrate, curves, trajectories

        found = trajectories.load(wanted.runs, cases) or curves.load(wanted.results / CURVES)
        calibrate.write(calibrate.calibrate(found))
    elif wanted.action in ("rules", "combinations", "trees"):
        from benchmarks.forecast import combinations, curves, rules, trees

        studies = {"rules": rules, "combinations": combinations, "trees": trees}
        studies[wanted.action].compare(curves.load(wanted.results / CURVES))
    elif wanted.action == "twins":
        compare_twins(wanted, [case for case in cases if case.group != "fit"])
    elif wanted.action != "generate":
        evaluate(wanted, cases)
    return 0


def compare_twins(wanted: argparse.Namespace, cases: Sequence[Case]) -> None:
    """Train the twins, and print what they would have told."""
    from benchmarks.forecast import twins
    from benchmarks.forecast.generate import generate

    for number, folder in enumerate(twins.folders(wanted.runs), 1):
        generate(twins.twins_of(cases, number), folder)
    print("\n".join(twins.tables(twins.compare(kept(wanted, cases), twins.beside(cases, wanted.runs)))))


def kept(wanted: argparse.Namespace, cases: Sequence[Case]) -> list[Trajectory]:
    """The curves of these cases that are kept with the results."""
    from benchmarks.forecast import curves

    names = {case.name for case in cases}
    return [item for item in curves.load(wanted.results / CURVES) if item.name in names]


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.forecast", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="all")
    parser.add_argument("--runs", type=Path, default=ROOT / "outputs/benchmarks/forecast", help="where the runs lie")
    parser.add_argument("--groups", type=_names, default=list(GROUPS), help=f"some of {','.join(GROUPS)}")
    parser.add_argument("--families", type=_names, help="some kinds of training only")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of CSV file, curves and figure")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/forecast.md", help="the page that is written")
    parser.add_argument("--sobol", action="store_true", help="trainings on Sobol points, in folders of their own")
    parser.add_argument("--smoke", action="store_true", help="a few short trajectories, in a temporary folder")
    wanted = parser.parse_args(words)
    if wanted.sobol:
        folder = ROOT / "outputs/benchmarks/forecast_sobol"
        wanted.runs, wanted.results, wanted.page = folder / "runs", folder, folder / "forecast.md"
    if wanted.smoke:
        folder = Path(tempfile.mkdtemp(prefix="pinnrun-forecast-"))
        wanted.runs, wanted.results, wanted.page = folder / "runs", folder, folder / "forecast.md"
        print(f"results in {folder}")
    return wanted


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def chosen(wanted: argparse.Namespace) -> list[Case]:
    """The cases that the command line asks for."""
    cases = [case for case in CASES if case.group in wanted.groups]
    cases = [case for case in cases if wanted.families is None or case.family in wanted.families]
    cases = [replace(case, sobol=wanted.sobol) for case in cases]
    if wanted.smoke:
        first = {(case.group, case.family): case for case in reversed(cases)}
        cases = [replace(case, steps=max(60, round(SHORT * case.steps))) for case in first.values()]
    return cases


def evaluate(wanted: argparse.Namespace, cases: Sequence[Case]) -> None:
    """CSV file, curves, figure and page."""
    from benchmarks.forecast import curves, results, trajectories, views
    from benchmarks.forecast.cost import measure
    from benchmarks.forecast.figure import draw
    from benchmarks.forecast.page import write_page

    start = time.monotonic()

    def tell(text: str) -> None:
        print(f"[{time.monotonic() - start:.0f} s] {text}", flush=True)

    if wanted.action == "curves":
        found = kept(wanted, cases)
    else:
        found = trajectories.load(wanted.runs, cases)
        if not found:
            raise SystemExit(f"no runs in {wanted.runs}; `python -m benchmarks.forecast generate` trains them")
        curves.save(wanted.results / CURVES, found)
    tell(f"{len(found)} trajectories, {sum(map(len, found))} steps")
    path = wanted.results / "forecast.csv"
    rows = results.evaluate(found, wanted.action != "curves", tell)
    if wanted.action == "curves":
        rows += [row for row in results.read(path).rows if row.method == "weights"]
    if not wanted.smoke:
        tell("the cost of an analysis")
        cost = measure()
        rows.append(results.Row("cost", "all", views.DEFAULT, "all", "ratio", cost.ratio, cost.rounds))
        print(cost.text())
    results.write(path, rows)
    figures = results.read(path)
    draw(wanted.results / "forecast.png", figures)
    write_page(wanted.page, figures)
    tell(f"{path} and {wanted.page}")


if __name__ == "__main__":
    sys.exit(main())
