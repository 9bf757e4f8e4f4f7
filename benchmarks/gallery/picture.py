"""A field as a line or a map, with its error beside it where there is a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch

from pinnrun.calculus import Derivatives
from pinnrun.problems import Problem

matplotlib.use("Agg")
from matplotlib import pyplot as plt

NAMED = 3  # fixed coordinates that a title tells one by one


@dataclass(frozen=True)
class Slice:
    """A grid through a problem's domain.

    Attributes:
        names: of the one or two free coordinates.
        axes: their values.
        x: all points of the grid, ``(N, d)``, the last free coordinate fastest.
        inside: which of them belong to the domain, ``(N,)``.
        fixed: the other coordinates.
    """

    names: tuple[str, ...]
    axes: tuple[np.ndarray, ...]
    x: np.ndarray
    inside: np.ndarray
    fixed: Mapping[str, float]

    @classmethod
    def through(cls, problem: Problem, fixed: Mapping[str, float], resolution: int) -> Slice:
        """The first two coordinates that are not fixed, over the box around the problem's test points."""
        unknown = set(fixed) - set(problem.coordinates)
        if unknown:
            raise SystemExit(f"--fix: {problem.name} has no coordinate {', '.join(sorted(unknown))}")
        sample = problem.test_points(torch.Generator().manual_seed(0)).x[0]
        domain = getattr(problem, "domain", None)
        low, high = domain.bounds if domain is not None else (sample.amin(0), sample.amax(0))
        free = [i for i, name in enumerate(problem.coordinates) if name not in fixed][:2]
        middle = (0.5 * (low + high)).tolist()
        rest = {name: fixed.get(name, middle[i]) for i, name in enumerate(problem.coordinates) if i not in free}
        axes = tuple(np.linspace(float(low[i]), float(high[i]), resolution) for i in free)
        x = np.empty((resolution ** len(axes), len(problem.coordinates)))
        for i, name in enumerate(problem.coordinates):
            x[:, i] = rest.get(name, 0.0)
        for i, values in zip(free, np.meshgrid(*axes, indexing="ij"), strict=True):
            x[:, i] = values.ravel()
        inside = in_shell(problem, x) if domain is None else domain.inside(torch.as_tensor(x)).numpy()
        return cls(tuple(problem.coordinates[i] for i in free), axes, x, inside, rest)

    def grid(self, values: np.ndarray) -> np.ndarray:
        """Values inside ``(n,)`` on the grid, NaN outside."""
        full = np.full(len(self.x), np.nan)
        full[self.inside] = values
        return full.reshape([len(axis) for axis in self.axes])


def in_shell(problem: Problem, x: np.ndarray) -> np.ndarray:
    """Where a problem without a domain of its own has its field: of an electrolyte, between solute and outer sphere."""
    distance = np.linalg.norm(x, axis=1)
    inner, outer = (getattr(problem, name, default) for name, default in (("radius", -1.0), ("domain_radius", np.inf)))
    return (distance > inner) & (distance < outer)


def draw(path: Path, at: Slice, problem: Problem, solution: Any = None) -> None:
    """Write the picture: a row a component; the field (the reference's without a ``solution``), and its error."""
    x = at.x[at.inside]
    known = problem.reference()
    exact = None if known is None else as_columns(known.field(x))
    found = exact if solution is None else network_values(problem, solution, x)
    if found is None:
        raise SystemExit(f"{problem.name} has no reference: draw a run of it")
    found = found[:, : problem.outputs]  # unknown coefficients stand behind the components
    if solution is not None and known is not None:
        found = as_columns(problem.align(found.squeeze(1) if found.shape[1] == 1 else found, known.field(x)))
    panels: list[tuple[str, np.ndarray]] = []
    for k, name in enumerate(problem.components):
        panels.append((name, found[:, k]))
        if solution is not None and exact is not None:
            panels.append((f"error of {name}", found[:, k] - exact[:, k]))
    columns = 2 if len(panels) > found.shape[1] else 1
    rows = len(panels) // columns
    figure, axes = plt.subplots(rows, columns, figsize=(4.8 * columns, 3.9 * rows), squeeze=False)
    for axis, (title, values) in zip(axes.flat, panels, strict=True):
        panel(axis, at, title, at.grid(values))
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def network_values(problem: Problem, solution: Any, x: np.ndarray) -> np.ndarray:
    """The trained field at ``(N, d)`` as a user would have it, ``(N, k)``."""
    points = problem.locate(torch.as_tensor(x))
    return problem.physical(points, solution(points, Derivatives())).value[0].cpu().double().numpy()


def as_columns(values: np.ndarray) -> np.ndarray:
    """Values ``(N,)`` or ``(N, k)`` as ``(N, k)``."""
    return values[:, None] if values.ndim == 1 else values


def panel(axis: Any, at: Slice, title: str, values: np.ndarray) -> None:
    """One field: a line over one coordinate, a map over two."""
    rest = ", ".join(f"{name} = {value:.3g}" for name, value in at.fixed.items())
    if len(at.fixed) > NAMED:
        values_of = {f"{value:.3g}" for value in at.fixed.values()}
        rest = f"{', '.join(sorted(values_of))} in the other {len(at.fixed)} coordinates"
    axis.set_title(f"{title} at {rest}" if rest else title)
    axis.set_xlabel(at.names[0])
    if len(at.axes) == 1:
        axis.plot(at.axes[0], values)
        return
    signed = title.startswith("error")
    limit = float(np.nanmax(np.abs(values))) if signed else None
    scale = {"vmin": -limit, "vmax": limit, "cmap": "RdBu_r"} if limit else {"cmap": "viridis"}
    colours = axis.pcolormesh(at.axes[0], at.axes[1], values.T, shading="nearest", rasterized=True, **scale)
    axis.set_ylabel(at.names[1])
    axis.figure.colorbar(colours, ax=axis)
    if "t" not in at.names:
        axis.set_aspect("equal")
