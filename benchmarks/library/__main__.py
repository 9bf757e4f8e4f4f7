"""Run the default command of every problem, then write docs/problems/README.md.

    python -m benchmarks.library                        what is not yet in the results: half an hour
    python -m benchmarks.library --problems wave,kdv --seeds 1,2,3 --pictures
    python -m benchmarks.library --again wave           forget its results first

A run is what ``pinnrun train problem=NAME seed=N budget.seconds=120`` is. With ``--pictures`` that of the first seed is
drawn into docs/problems/images, where the problem has coordinates that a picture can show.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import common, gallery
from benchmarks.library.page import Measured, read, write, write_page
from benchmarks.pace import paced
from pinnrun.composition.confdir import conf_dir

ROOT = Path(__file__).parents[2]
CAP = 120.0  # CPU seconds of a run


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line, run what is missing, write the page."""
    wanted = parse(words)
    path = wanted.results / "library.csv"
    found = [item for item in read(path) if item.problem not in wanted.again]
    done = {(item.problem, item.seed) for item in found}
    for seed in wanted.seeds:
        for problem in wanted.problems:
            if (problem, seed) in done:
                continue
            item = run(problem, seed, wanted.cap, pictures=wanted.pictures and seed == wanted.seeds[0])
            print(f"{problem} seed {seed}: {item.text()}", flush=True)
            found.append(item)
            write(path, found)
            write_page(wanted.page, found, wanted.cap)
    write_page(wanted.page, found, wanted.cap)
    return 0


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.library", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    everything = sorted(path.stem for path in (conf_dir() / "problem").glob("*.yaml"))
    parser.add_argument("--problems", type=_names, default=everything, help="some problems only")
    parser.add_argument("--again", type=_names, default=[], help="problems whose results are forgotten first")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in _names(text)], default=[1, 2, 3])
    parser.add_argument("--cap", type=float, default=CAP, help="CPU seconds that a run may take")
    parser.add_argument("--pictures", action="store_true", help="draw the first seed's solution")
    parser.add_argument("--results", type=Path, default=common.RESULTS, help="folder of library.csv")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/problems/README.md", help="the page that is written")
    wanted = parser.parse_args(words)
    for name in (*wanted.problems, *wanted.again):
        if name not in everything:
            parser.error(f"no problem {name!r}; there are {', '.join(everything)}")
    return wanted


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def run(problem: str, seed: int, cap: float, *, pictures: bool) -> Measured:
    """One run by the command line, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="pinnrun-library-") as scratch:
        folder = Path(scratch) / "run"
        result, slowness = paced(lambda now: trained(problem, seed, now * cap, folder))
        if pictures:
            draw(problem, folder)
    errors = [item["error"] for item in result["observables"].values() if item["error"] is not None]
    size = f"{result['width']} x {result['depth']}"
    return Measured(
        problem,
        seed,
        result["status"],
        result["error"],
        max(errors, default=None),
        size,
        result["parameters"],
        result["cpu_seconds"] / slowness,
    )


def trained(problem: str, seed: int, seconds: float, folder: Path) -> dict[str, Any]:
    """The result of ``pinnrun train`` in that folder."""
    words = [f"problem={problem}", f"seed={seed}", "threads=1", "device=cpu", "display=quiet"]
    words += [f"budget.seconds={seconds:g}", f"hydra.run.dir={folder}"]
    ran = subprocess.run([sys.executable, "-m", "pinnrun", "train", *words], capture_output=True, text=True)
    if not (folder / "result.json").exists():
        raise SystemExit(f"{problem} seed {seed} ended with {ran.returncode}:\n{ran.stderr}")
    return json.loads((folder / "result.json").read_text())


def draw(problem: str, folder: Path) -> None:
    """The picture of a run, where there can be one."""
    from benchmarks.gallery.__main__ import main as picture

    try:
        picture([problem, "--run", str(folder)])
    except Exception as error:  # a picture that cannot be made costs no measurement
        print(f"{problem}: no picture ({type(error).__name__}: {error}); see {gallery.__name__}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
