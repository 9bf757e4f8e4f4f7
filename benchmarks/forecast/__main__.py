"""Train the trajectories that forecasts are held against.

    python -m benchmarks.forecast generate             train what is missing: half an hour on one core
    python -m benchmarks.forecast generate --groups fit --runs /tmp/forecast_runs

Stopped at any time, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.forecast.cases import CASES

ROOT = Path(__file__).parents[2]


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line and do it all."""
    wanted = parse(words)
    from benchmarks.forecast.generate import generate

    generate([case for case in CASES if case.group in wanted.groups], wanted.runs)
    return 0


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.forecast", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["generate"])
    parser.add_argument("--runs", type=Path, default=ROOT / "outputs/benchmarks/forecast", help="where the runs lie")
    parser.add_argument("--groups", type=lambda text: text.split(","), default=["fit", "held"], help="fit, held or both")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
