"""Step time of Adam and Levenberg-Marquardt against width, batch and precision, beside the device's ceilings.

    python -m benchmarks.device               the GPU where there is one, else the CPU on one thread; about a minute

Every time stands beside its floor: the operations at the speed of a large matrix product on this device, or the bytes
at the speed of a copy, whichever takes longer. Writes device.csv and device.png into benchmarks/results. Without a GPU
all three say "GPU: not measured".
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks import common
from benchmarks.device.figure import Measured
from pinnrun.architectures import Mlp
from pinnrun.calibration import timing
from pinnrun.optimizers import Adam, LevenbergMarquardt, Pace
from pinnrun.optimizers.capture import FIRST_USES

PACE = Pace(2, 2, 2, 1, 1)
OPTIMIZERS = {
    "adam": lambda: Adam(PACE, learning_rate=1e-6),
    "adam, not recorded": lambda: Adam(PACE, learning_rate=1e-6, capture=False),
    "lm": lambda: LevenbergMarquardt(PACE, acceleration=0.0),
}
PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
WIDTHS, ROWS = (8, 16, 32, 64, 128), (256, 1024, 4096, 16384)
MIDDLE = 32, 1024  # width and rows while the other one varies
DEPTH, INPUTS, CHANNELS = 2, 2, 4  # channels: value, two slopes, Laplacian
NOT_MEASURED = "GPU: not measured"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, write, draw, print."""
    from benchmarks.device.figure import draw

    parser = argparse.ArgumentParser("python -m benchmarks.device", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--widths", type=_numbers, default=WIDTHS, help="neurons per layer, two layers")
    parser.add_argument("--rows", type=_numbers, default=ROWS, help="rows N")
    parser.add_argument("--rounds", type=int, default=15, help="steps timed of each, fewer where they are slow")
    parser.add_argument("--longest", type=float, default=1.0, help="seconds after which three steps are enough")
    parser.add_argument("--results", type=Path, default=common.RESULTS, help="folder of device.csv and .png")
    wanted = parser.parse_args(words)
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ceilings = {name: common.measure_ceilings(device, dtype) for name, dtype in PRECISIONS.items()}
    sizes = dict.fromkeys([(width, MIDDLE[1]) for width in wanted.widths] + [(MIDDLE[0], rows) for rows in wanted.rows])
    names = [name for name in OPTIMIZERS if device.type == "cuda" or name != "adam, not recorded"]
    found = [
        measure(optimizer, precision, *size, device, ceilings[precision], wanted.rounds, wanted.longest)
        for size in sizes
        for precision in PRECISIONS
        for optimizer in names
    ]
    note = "" if device.type == "cuda" else NOT_MEASURED
    common.write_csv(wanted.results / "device.csv", [record(item, ceilings, device, note) for item in found])
    draw(wanted.results / "device.png", found, ", ".join(filter(None, (timing.machine(device), note))))
    show(found, ceilings, device, note)
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def measure(
    name: str,
    precision: str,
    width: int,
    rows: int,
    device: torch.device,
    ceilings: common.Ceilings,
    rounds: int,
    longest: float,
) -> Measured:
    """Time single steps, each from where the one before it ended."""
    network = Mlp(INPUTS, 1, width, DEPTH)
    objective, theta = common.poisson(network, rows, device, PRECISIONS[precision])
    optimizer = OPTIMIZERS[name]()

    def step() -> None:
        nonlocal theta
        theta, _ = optimizer.step(objective, theta)

    if name == "adam" and device.type == "cuda":
        for _ in range(FIRST_USES + 1):  # after which the gradient is a recorded graph
            step()
    seconds = timing.interleaved({name: step}, rounds, device, longest)[name]
    least = count_step(name, network, rows)
    moved = least.numbers * torch.finfo(PRECISIONS[precision]).bits / 8
    return Measured(name, precision, width, rows, network.size, seconds, ceilings.floor(least.flops, moved))


def count_step(name: str, network: Mlp, rows: int) -> common.Count:
    """The least operations and numbers of a step.

    Adam: a gradient, and seven numbers a parameter. Levenberg-Marquardt with one trial: a Jacobian, half of its n × n
    product (n the smaller of N and P), a Cholesky factorisation, and a forward pass.
    """
    passes = common.count_layers(network, CHANNELS, rows)
    both = passes["forward"] + passes["reverse"]
    size = network.size
    if name.startswith("adam"):
        return both + passes["weights"] + common.Count(12.0 * size, 7.0 * size)
    small, large = sorted((rows, size))
    product = common.Count(large * small * (small + 1.0), large * small + small * small)
    factor = common.Count(small**3 / 3.0, 2.0 * small * small)
    return both + passes["rows"] + product + factor + passes["forward"]


def record(item: Measured, ceilings: dict[str, common.Ceilings], device: torch.device, note: str) -> dict[str, Any]:
    """One line of the CSV file."""
    low, high = np.percentile(item.seconds, [25, 75])
    speed = ceilings[item.precision]
    return {
        "optimizer": item.optimizer,
        "precision": item.precision,
        "width": item.width,
        "rows": item.rows,
        "parameters": item.parameters,
        "step_ms": 1e3 * item.median,
        "quartile1_ms": 1e3 * float(low),
        "quartile3_ms": 1e3 * float(high),
        "steps": len(item.seconds),
        "floor_ms": 1e3 * item.floor,
        "matmul_gflops": speed.flops / 1e9,
        "copy_gb_s": speed.bandwidth / 1e9,
        "device": device.type,
        "machine": timing.machine(device),
        "note": note,
    }


def show(found: Sequence[Measured], ceilings: dict[str, common.Ceilings], device: torch.device, note: str) -> None:
    """The table."""
    table = Table(title=f"Median time of a step in ms (its floor's part of it), 2-W-W-1, on the {device.type}")
    columns = list(dict.fromkeys((item.optimizer, item.precision) for item in found))
    for title in ("W", "N", "P", *(" ".join(column) for column in columns)):
        table.add_column(title, justify="right")
    by_size: dict[tuple[int, int, int], dict[tuple[str, str], Measured]] = {}
    for item in found:
        by_size.setdefault((item.width, item.rows, item.parameters), {})[item.optimizer, item.precision] = item
    for size, items in by_size.items():
        cells = [f"{1e3 * items[key].median:.3g} ({items[key].floor / items[key].median:.0%})" for key in columns]
        table.add_row(*map(str, size), *cells)
    console = Console(width=common.WIDTH)
    console.print(table)
    console.print(timing.machine(device))
    for precision, speed in ceilings.items():
        console.print(f"ceilings in this run, {precision}: {speed.text()}")
    if note:
        console.print(note)


if __name__ == "__main__":
    sys.exit(main())
