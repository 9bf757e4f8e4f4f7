"""What the timing benchmarks share: the measured ceilings of a machine, the operations of a step, and CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from pinnrun.architectures import Mlp
from pinnrun.calculus import Field, Objective
from pinnrun.calibration.timing import interleaved
from pinnrun.problems.poisson import Poisson
from pinnrun.storage.atomic import write_text

RESULTS = Path(__file__).parent / "results"
WIDTH = 120  # columns of a printed table


def poisson(network: Mlp, rows: int, device: torch.device, dtype: torch.dtype) -> tuple[Objective, torch.Tensor]:
    """A second-order residual on so many points, and a θ: Poisson's equation, S = d + 2 channels."""
    problem = Poisson("benchmark", "poisson", points=rows, dimension=network.inputs)
    term = problem.terms()[0]
    generator = torch.Generator().manual_seed(0)
    points = term.sample(generator, rows).to(device, dtype)
    objective = Objective(Field(network, problem.inputs, problem.ansatz), [(term, points)])
    return objective, network.initial(generator).to(device, dtype)


@dataclass(frozen=True)
class Ceilings:
    """The fastest this device was seen to multiply matrices (flop/s) and to copy memory (bytes/s, both ways)."""

    flops: float
    bandwidth: float

    def floor(self, flops: float, moved: float) -> float:
        """Seconds below which so many operations and bytes cannot be done."""
        return max(flops / self.flops, moved / self.bandwidth)

    def text(self) -> str:
        """In words."""
        return f"matrix product {self.flops / 1e9:.1f} Gflop/s, copy {self.bandwidth / 1e9:.1f} GB/s"


def measure_ceilings(device: torch.device, dtype: torch.dtype, rounds: int = 7) -> Ceilings:
    """The best of so many large matrix products and copies."""
    size, length = (8192, 2**28) if device.type == "cuda" else (1024, 2**23)
    a = torch.randn((size, size), device=device, dtype=dtype)
    product = torch.empty_like(a)
    here = torch.zeros(length, device=device, dtype=dtype)
    there = torch.empty_like(here)
    works = {"product": lambda: torch.mm(a, a, out=product), "copy": lambda: there.copy_(here)}
    taken = interleaved(works, rounds, device)
    moved = 2.0 * here.element_size() * length
    return Ceilings(2.0 * size**3 / taken["product"].min(), moved / taken["copy"].min())


@dataclass(frozen=True)
class Count:
    """Floating-point operations, and numbers that must be read or written at least once each."""

    flops: float
    numbers: float

    def __add__(self, other: Count) -> Count:
        return Count(self.flops + other.flops, self.numbers + other.numbers)


def count_layers(network: Mlp, channels: int, rows: int) -> dict[str, Count]:
    """What one pass over a plain network's linear layers costs at least, with S channels on N rows.

    With a = S N in and b = S N out numbers at a layer's two ends, and its activation fused into it,

        forward   reads a, writes b (before) and b (after the activation)       2 S N in out operations
        reverse   reads b (slopes) and b (pre-activations), writes a            2 S N in out, not for the first layer
        weights   reads a and b, writes the layer's gradient                    2 S N in out
        rows      reads a and b, writes N times the layer's size: its part of J 2 S N in out

    A gradient is forward + reverse + weights, a Jacobian forward + reverse + rows.
    """
    sizes = [network.inputs, *[network.width] * network.depth, network.outputs]
    passes = {name: Count(0.0, 0.0) for name in ("forward", "reverse", "weights", "rows")}
    for index, (width, out) in enumerate(pairwise(sizes)):
        flops, a, b = 2.0 * channels * rows * width * out, channels * rows * width, channels * rows * out
        parameters = out * (width + 1)
        passes["forward"] += Count(flops, a + 2 * b)
        passes["reverse"] += Count(flops if index else 0.0, 2 * b + (a if index else 0))
        passes["weights"] += Count(flops, a + b + parameters)
        passes["rows"] += Count(flops, a + b + rows * parameters)
    return passes


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace the file by these rows; all have the same keys."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{v:.4g}" if isinstance(v, float) else v for key, v in row.items()} for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue())
