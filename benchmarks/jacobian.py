"""How many gradients does the exact Jacobian of a second-order residual cost?

    python -m benchmarks.jacobian             a table, and benchmarks/results/jacobian.csv; half a minute

Times the value and gradient by one reverse pass (an Adam step), the dense N × P Jacobian by factored jets, the same
by vmap(jacrev) over rows, and JᵀJ, interleaved in one process on one thread in float64. Beside each stands the time
that this machine would need for the operations and bytes alone, at the speeds it reaches with matrices too large for
its caches.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks import common
from pinnrun.architectures import Mlp
from pinnrun.calculus import Objective
from pinnrun.calibration import timing

AIM = 2.5  # gradients that a Jacobian may cost
NETWORKS = (Mlp(2, 1, 16, 1), Mlp(2, 1, 32, 2), Mlp(2, 1, 64, 3), Mlp(5, 1, 32, 2), Mlp(10, 1, 32, 2))
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Measured:
    """One network: seconds of each work in each round, of the gradient beside it, and the least they could take."""

    network: Mlp
    rows: int
    seconds: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    floors: dict[str, float]

    def median(self, work: str) -> float:
        """The middle of all rounds."""
        return float(np.median(self.seconds[work]))

    def ratio(self, work: str) -> tuple[float, float, float]:
        """Median and quartiles of what a work costs in gradients, round by round."""
        low, middle, high = np.percentile(self.seconds[work] / self.gradients[work], [25, 50, 75])
        return float(middle), float(low), float(high)

    def attained(self, work: str) -> float:
        """The part of the time that the machine's ceilings account for."""
        return self.floors[work] / self.median(work)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser("python -m benchmarks.jacobian", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40, help="times each work is done")
    parser.add_argument("--rows", type=int, default=1000, help="rows N")
    parser.add_argument("--results", type=Path, default=common.RESULTS, help="folder of jacobian.csv")
    wanted = parser.parse_args(words)
    torch.set_num_threads(1)
    ceilings = common.measure_ceilings(CPU, torch.float64)
    found = [measure(network, wanted.rows, wanted.rounds, ceilings) for network in NETWORKS]
    common.write_csv(wanted.results / "jacobian.csv", [record(item, ceilings) for item in found])
    show(found, ceilings)
    return 0


def measure(network: Mlp, rows: int, rounds: int, ceilings: common.Ceilings) -> Measured:
    """Time the four works on this network."""
    objective, theta = common.poisson(network, rows, CPU, torch.float64)
    linear = objective.linearize(theta)
    linear.J()
    works: dict[str, Callable[[], Any]] = {
        "gradient": lambda: objective.gradient(theta),
        "jacobian": lambda: objective.linearize(theta).J(),
        "gram": linear.gram,
    }
    seconds = timing.interleaved(works, rounds, CPU)
    by_rows = {"gradient": works["gradient"], "jacrev": lambda: objective.linearize_rowwise(theta)}
    slow = timing.interleaved(by_rows, max(3, rounds // 8), CPU)
    seconds["jacrev"] = slow["jacrev"]
    gradients = {"jacobian": seconds["gradient"], "jacrev": slow["gradient"]}
    return Measured(network, rows, seconds, gradients, floors(objective, network, ceilings))


def floors(objective: Objective, network: Mlp, ceilings: common.Ceilings) -> dict[str, float]:
    """The least seconds of each work, by its operations or by its bytes."""
    term, points, _ = objective.blocks[0]
    rows, size = len(points), network.size
    passes = common.count_layers(network, term.derivatives.channels(network.inputs), rows)
    both = passes["forward"] + passes["reverse"]
    counts = {
        "gradient": both + passes["weights"],
        "jacobian": both + passes["rows"],
        "gram": common.Count(rows * size * (size + 1.0), rows * size + size * size),
    }
    return {name: ceilings.floor(count.flops, 8.0 * count.numbers) for name, count in counts.items()}


def name_of(network: Mlp) -> str:
    """2-32-32-1."""
    return "-".join(map(str, [network.inputs, *[network.width] * network.depth, network.outputs]))


def record(item: Measured, ceilings: common.Ceilings) -> dict[str, Any]:
    """One line of the CSV file."""
    line: dict[str, Any] = {"network": name_of(item.network), "parameters": item.network.size, "rows": item.rows}
    for work, values in item.seconds.items():
        line[f"{work}_ms"] = 1e3 * item.median(work)
        line[f"{work}_rounds"] = len(values)
    for work in ("jacobian", "jacrev"):
        middle, low, high = item.ratio(work)
        line |= {f"{work}_gradients": middle, f"{work}_quartile1": low, f"{work}_quartile3": high}
    for work, floor in item.floors.items():
        line[f"{work}_floor_ms"] = 1e3 * floor
    speeds = {"matmul_gflops": ceilings.flops / 1e9, "copy_gb_s": ceilings.bandwidth / 1e9}
    return {**line, **speeds, "machine": timing.machine(CPU)}


def show(found: Sequence[Measured], ceilings: common.Ceilings) -> None:
    """The table, and whether the aim is met on the network that it is set for."""
    table = Table(title=f"N = {found[0].rows} rows, −Δu − f, float64; median CPU time (its floor's part of it)")
    for title in ("network", "P", "gradient", "Jacobian", "in gradients (quartiles)", "vmap(jacrev)", "JᵀJ"):
        table.add_column(title, justify="left" if title == "network" else "right")
    for item in found:
        middle, low, high = item.ratio("jacobian")
        times = {work: f"{1e3 * item.median(work):.3g} ms ({item.attained(work):.0%})" for work in item.floors}
        ratio, slow = f"{middle:.2f} ({low:.2f} to {high:.2f})", f"{1e3 * item.median('jacrev'):.3g} ms"
        cells = times["gradient"], times["jacobian"], ratio, slow, times["gram"]
        table.add_row(name_of(item.network), str(item.network.size), *cells)
    console = Console(width=common.WIDTH)
    console.print(table)
    console.print(f"{timing.machine(CPU)}\nceilings in this run: {ceilings.text()}")
    for item in found:
        if name_of(item.network) == "2-32-32-1":
            middle = item.ratio("jacobian")[0]
            verdict = "met" if middle <= AIM else "missed"
            console.print(f"2-32-32-1: {middle:.2f} gradients, aim {AIM}: {verdict}")


if __name__ == "__main__":
    sys.exit(main())
