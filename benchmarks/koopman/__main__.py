"""What can the operator on the weights replace? Forecast weights of ten runs, evaluated beside training itself.

    python -m benchmarks.koopman                     what is not yet in the results: a few minutes
    python -m benchmarks.koopman --cases poisson,poisson_lm --seeds 1,2
    python -m benchmarks.koopman --again poisson     forget its results first

Writes koopman.csv, koopman_stages.csv and koopman_cost.csv into benchmarks/results, docs/images/koopman-study.png and
docs/koopman-study.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks import common
from benchmarks.koopman import results
from benchmarks.koopman.cases import CASES, GROWN
from benchmarks.koopman.figure import draw
from benchmarks.koopman.measure import COSTS, costs, run_case, run_grown
from benchmarks.koopman.page import write_page

ROOT = Path(__file__).parents[2]


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line, run what is missing, write everything."""
    wanted = parse(words)
    rows = [row for row in results.read_rows(wanted.results) if row.case not in wanted.again]
    done = {(row.case, row.seed) for row in rows}
    for seed in wanted.seeds:
        for case in CASES:
            if case.name in wanted.cases and (case.name, seed) not in done:
                found = run_case(case, seed)
                print(f"{case.name} seed {seed}: {results.in_words(found)}", flush=True)
                rows += found
                common.write_csv(wanted.results / "koopman.csv", [asdict(row) for row in rows])
    stages = results.read_stages(wanted.results)
    if not stages or "grown" in wanted.again:
        stages = run_grown((*GROWN, *wanted.grown))
        print(f"grown: {len(stages)} stages", flush=True)
        common.write_csv(wanted.results / "koopman_stages.csv", [asdict(row) for row in stages])
    spent = results.read_costs(wanted.results)
    if not spent or "cost" in wanted.again:
        taken, parameters = costs(wanted.rounds, wanted.longest)
        spent = [cost(name, taken[name], taken["step"], parameters) for name in COSTS]
        common.write_csv(wanted.results / "koopman_cost.csv", spent)
    draw(wanted.figure, rows)
    write_page(wanted.page, rows, stages, spent, wanted.figure)
    print(wanted.page)
    return 0


def cost(name: str, seconds: np.ndarray, step: np.ndarray, parameters: int) -> dict[str, object]:
    """One line of the costs: the ratio is the median over rounds, each beside the training step of the same round."""
    low, middle, high = np.percentile(seconds / step, [25, 50, 75])
    return {
        "what": name,
        "ms": 1e3 * float(np.median(seconds)),
        "steps": float(middle),
        "steps_quartile1": float(low),
        "steps_quartile3": float(high),
        "parameters": parameters,
        "rounds": len(seconds),
    }


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.koopman", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [case.name for case in CASES]
    parser.add_argument("--cases", type=_names, default=known, help="some cases only")
    parser.add_argument("--again", type=_names, default=[], help="cases whose results are forgotten; also grown, cost")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in _names(text)], default=[1])
    parser.add_argument("--grown", type=_names, default=[], help="key=value for the run that grows")
    parser.add_argument("--rounds", type=int, default=25, help="rounds of the timing")
    parser.add_argument("--longest", type=float, default=20.0, help="seconds after which three rounds are enough")
    parser.add_argument("--results", type=Path, default=common.RESULTS, help="folder of the CSV files")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/koopman-study.md", help="the page that is written")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs/images/koopman-study.png", help="its picture")
    wanted = parser.parse_args(words)
    for name in (*wanted.cases, *wanted.again):
        if name not in (*known, "grown", "cost"):
            parser.error(f"no case {name!r}; there are {', '.join(known)}")
    return wanted


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


if __name__ == "__main__":
    sys.exit(main())
