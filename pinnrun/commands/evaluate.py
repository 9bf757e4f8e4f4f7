"""`pinnrun evaluate`: a trained field, and its gradient on request, at points of one's own."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from pinnrun import storage
from pinnrun.build import checked_config, prepare_torch
from pinnrun.commands.settings import EvaluateSettings
from pinnrun.commands.train import changed_config
from pinnrun.composition.confdir import run_hydra
from pinnrun.config import plugin_words
from pinnrun.errors import UserError
from pinnrun.strict import build

FORMATS = (".csv", ".npy")


def main() -> int:
    """Evaluate, and say where the field went."""
    run_hydra(evaluate, "evaluate", check=lambda composed: build(EvaluateSettings, composed))
    return 0


def evaluate(composed: DictConfig) -> None:
    """Read the points, load the best network of the run, write the field."""
    settings = build(EvaluateSettings, composed)
    folder = storage.latest_run() if settings.run == "last" else Path(settings.run)
    assert settings.points is not None  # EvaluateSettings sees to it
    source = Path(settings.points)
    out = Path(settings.out) if settings.out else source.with_name(f"{source.stem}_field{source.suffix}")
    problem, solution = trained(folder, settings.plugins)
    points = read_points(source, problem.coordinates)
    if out.suffix not in FORMATS:
        raise UserError(f"out: {out} must end in .csv or .npy")
    table, names = field_table(problem, solution, points, settings.gradient)
    write_table(out, table, names)
    print(f"{len(table)} points of {problem.name} from {folder} written to {out}: {', '.join(names)}")


def trained(folder: Path, plugins: tuple[str, ...]) -> tuple[Any, Any]:
    """The problem of a run and the best field that it found."""
    config = checked_config(changed_config(storage.open_run(folder), [*plugin_words(plugins), "device=auto"]))
    device, dtype = prepare_torch(config)
    state, note = storage.load_checkpoint(folder)
    if note:
        print(note, file=sys.stderr)
    from pinnrun.registry import network_of
    from pinnrun.training.solution import TrainedField

    best = state["best"] if "theta" in state["best"] else state["trainer"]
    network = network_of(best["network"])
    return config.problem, TrainedField(config.problem, network, best["theta"].to(device, dtype))


def read_points(path: Path, coordinates: tuple[str, ...]) -> np.ndarray:
    """Coordinates ``(N, d)`` from a .csv or .npy file.

    Raises:
        UserError: no such file, another format, or not one row of d finite numbers per point.
    """
    if not path.is_file():
        raise UserError(f"points: there is no file {path}")
    if path.suffix not in FORMATS:
        raise UserError(f"points: {path} must be a .csv or .npy file")
    try:
        points = np.load(path, allow_pickle=False) if path.suffix == ".npy" else read_csv(path, coordinates)
    except (ValueError, OSError) as error:
        raise UserError(f"points: cannot read {path}: {error}") from error
    if points.dtype.kind not in "fiu":
        raise UserError(f"points: {path} holds {points.dtype}, not real numbers")
    points = np.asarray(points, np.float64)
    points = points[:, None] if points.ndim == 1 and len(coordinates) == 1 else points
    if points.ndim != 2 or points.shape[1] != len(coordinates):
        raise UserError(
            f"points: {path} holds an array of shape {points.shape}; "
            f"one row of {len(coordinates)} coordinates ({', '.join(coordinates)}) per point is needed"
        )
    bad = np.flatnonzero(~np.isfinite(points).all(1))
    if len(bad):
        raise UserError(f"points: row {bad[0]} of {path} is not finite ({len(bad)} such rows)")
    return points


def read_csv(path: Path, coordinates: tuple[str, ...]) -> np.ndarray:
    """Numbers from a CSV file; with a header its columns are found by the coordinates' names.

    Raises:
        ValueError: a row is not like the first one, or not all numbers; names its line.
    """
    lines = enumerate(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()), 1)
    rows = [(line, row) for line, row in lines if row and not row[0].startswith("#")]
    if not rows:
        raise ValueError("it holds no points")
    width = len(rows[0][1])
    columns = list(range(width))
    if not all(map(is_number, rows[0][1])):
        header = [cell.strip() for cell in rows.pop(0)[1]]
        missing = [name for name in coordinates if name not in header]
        if missing:
            raise ValueError(f"its header {', '.join(header)} has no column {', '.join(missing)}")
        columns = [header.index(name) for name in coordinates]
    if not rows:
        raise ValueError("it holds no points")
    table = np.empty((len(rows), len(columns)))
    for values, (line, row) in zip(table, rows, strict=True):
        if len(row) != width or not all(is_number(row[column]) for column in columns):
            raise ValueError(f"line {line} is not like the first, or not all numbers: {','.join(row)[:60]}")
        values[:] = [float(row[column]) for column in columns]
    return table


def is_number(text: str) -> bool:
    """Whether float() takes it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def field_table(problem: Any, solution: Any, x: np.ndarray, gradient: bool) -> tuple[np.ndarray, list[str]]:
    """Columns: the coordinates, each component, and its slopes on request; ``(N, d + k)`` or ``(N, d + k + kd)``."""
    import torch

    from pinnrun.calculus import Derivatives

    points = problem.locate(torch.as_tensor(x))
    points = points.to(solution.theta.device, solution.theta.dtype)
    jet = problem.physical(points, solution(points, Derivatives(gradient=gradient)))
    columns, names = [x], list(problem.coordinates)
    for i, component in enumerate(problem.components):
        columns.append(jet.value[0, :, i : i + 1].cpu().double().numpy())
        names.append(component)
        if gradient:
            columns.append(jet.gradient[:, 0, :, i].T.cpu().double().numpy())
            names += [f"d{component}_d{name}" for name in problem.coordinates]
    return np.hstack(columns), names


def write_table(path: Path, table: np.ndarray, names: list[str]) -> None:
    """CSV with a header and 17 digits, or a plain .npy array; replaced atomically."""
    buffer = io.BytesIO()
    if path.suffix == ".npy":
        np.save(buffer, table)
    else:
        np.savetxt(buffer, table, fmt="%.17g", delimiter=",", header=",".join(names), comments="")
    try:
        storage.write_bytes(path, buffer.getvalue())
    except OSError as error:
        raise UserError(f"out: cannot write {path}: {error.strerror}") from error
