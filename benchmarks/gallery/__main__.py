"""Train problems by their default command, and draw what was found beside its error.

    python -m benchmarks.gallery helmholtz                      trains, then writes docs/problems/images/helmholtz.png
    python -m benchmarks.gallery poisson problem.dimension=3 --fix z=0.5      a slice
    python -m benchmarks.gallery helmholtz --run outputs/helmholtz/…          a run that is there already
    python -m benchmarks.gallery helmholtz --reference                        the reference alone

Problems with one coordinate become a line, with two a map; of more the others are fixed, in the middle by default.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.gallery.picture import Slice, draw
from pinnrun.build import checked_config
from pinnrun.commands.evaluate import trained
from pinnrun.composition.confdir import compose

PICTURES = Path(__file__).parents[2] / "docs" / "problems" / "images"


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line, train if need be, draw."""
    wanted, overrides = parse(words)
    solution, folder = None, wanted.run
    with tempfile.TemporaryDirectory() as scratch:
        if not wanted.reference and folder is None:
            folder = train(wanted.problem, overrides, Path(scratch))
        if folder is None:
            problem = checked_config(compose("train", [f"problem={wanted.problem}", *overrides])).problem
        else:
            problem, solution = trained(folder, ())
        fixed = {name: float(value) for name, _, value in (word.partition("=") for word in wanted.fix)}
        path = wanted.out / f"{wanted.name or wanted.problem}.png"
        with torch.no_grad():
            draw(path, Slice.through(problem, fixed, wanted.resolution), problem, solution)
    print(path)
    return 0


def parse(words: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the config overrides among the words."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description=__doc__.partition("\n")[0])
    parser.add_argument("problem", help="as in pinnrun train problem=…")
    parser.add_argument("overrides", nargs="*", help="key=value for the training")
    parser.add_argument("--run", type=Path, help="a run folder; trains one by default")
    parser.add_argument("--reference", action="store_true", help="draw the reference alone")
    parser.add_argument("--fix", action="append", default=[], metavar="NAME=VALUE", help="a coordinate of a slice")
    parser.add_argument("--resolution", type=int, default=201, help="points along an axis")
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder of the picture")
    parser.add_argument("--name", help="file name without .png; the problem's by default")
    wanted = parser.parse_args(words)
    return wanted, wanted.overrides


def train(problem: str, overrides: Sequence[str], folder: Path) -> Path:
    """One run of the default command; returns its folder."""
    command = [sys.executable, "-m", "pinnrun", "train", f"problem={problem}", "display=plain", *overrides]
    done = subprocess.run([*command, f"hydra.run.dir={folder / 'run'}"])
    if done.returncode not in (0, 4):  # 4: the budget is spent, or the optimizer is stuck; the best network is kept
        raise SystemExit(done.returncode)
    return folder / "run"


if __name__ == "__main__":
    sys.exit(main())
