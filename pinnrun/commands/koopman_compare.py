"""`pinnrun koopman compare`: which saved trainings are alike, by their Koopman spectra, and what that goes by."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from pinnrun import storage
from pinnrun.commands.differences import KINDS, agreements, differences, reading_order, settings_of
from pinnrun.commands.settings import CompareSettings
from pinnrun.commands.tables import csv_text
from pinnrun.commands.trajectories import Trajectory, common_steps, find_runs, read, taken_at
from pinnrun.composition.confdir import run_hydra
from pinnrun.display.comparison import print_comparison
from pinnrun.display.tracking import tracker
from pinnrun.errors import UserError
from pinnrun.strict import build

DELAYS = 32  # as in Redman et al.
COMMON = (*KINDS[:3], "architecture.activation", "architecture.width", "architecture.depth")  # told if all agree


def main() -> int:
    """Compare, print, and write the files."""
    run_hydra(compare_runs, "koopman_compare", check=lambda composed: build(CompareSettings, composed))
    return 0


def compare_runs(composed: DictConfig) -> None:
    """Read the runs, compare their spectra, tell what came of it."""
    settings = build(CompareSettings, composed)
    trajectories = gather(settings)
    record = comparison(trajectories, settings)
    print_comparison(record)
    place = Path(settings.out) if settings.out else shared_folder(trajectories) / "comparison"
    write(place, record, draw=settings.figures)


def gather(settings: CompareSettings) -> list[Trajectory]:
    """All trajectories that are asked for.

    Raises:
        UserError: there are fewer than two.
    """
    words = [settings.runs] if isinstance(settings.runs, str) else list(settings.runs or ())
    runs, empty = find_runs(words)
    if empty:
        print(f"left out, without windows: {', '.join(map(str, empty))}", file=sys.stderr)
    track = tracker("reading")
    found = [part for run in track(runs) for part in read(run, settings.stage, settings.observable)]
    if len(found) < 2:
        raise UserError(
            f"runs: {len(found)} training is found, and a comparison needs two.\n"
            "Name more runs, or compare the stages of one that grew: stage=all"
        )
    return found


def comparison(trajectories: Sequence[Trajectory], settings: CompareSettings) -> dict[str, Any]:
    """Everything that is told of the trajectories, as plain values and arrays.

    Raises:
        UserError: too few samples in common.
    """
    from pinnrun.koopman.compare import compare

    trajectories = [trajectories[index] for index in reading_order([described(part) for part in trajectories])]
    steps = common_steps(trajectories, settings.steps, settings.every)
    delays = settings.delays if settings.delays is not None else min(DELAYS, len(steps) // 4)
    spectra = spectra_at(trajectories, steps, delays, settings.rank)
    clusters = None if settings.clusters is None else min(settings.clusters, len(spectra))
    found = compare(
        spectra, clusters=clusters, shuffles=settings.shuffles, seed=settings.seed, track=tracker("distances")
    )
    configs = [described(trajectory) for trajectory in trajectories]
    names = differences(configs)
    nearest = np.argmin(found.distances + np.diag(np.full(len(spectra), np.inf)), axis=1)
    runs = [
        {
            "folder": str(trajectory.folder),
            "stage": trajectory.stage,
            "label": {name: values[index] for name, values in names.items()},
            "loss": trajectory.loss,
            "cluster": int(found.clusters[index]),
            "nearest": int(nearest[index]),
            "distance": float(found.distances[index, nearest[index]]),
            "eigenvalues": [[value.real, value.imag] for value in spectra[index].tolist()],
        }
        for index, trajectory in enumerate(trajectories)
    ]
    return {
        "observable": settings.observable,
        "steps": [int(steps[0]), int(steps[-1])],
        "every": int(steps[1] - steps[0]),
        "samples": len(steps),
        "delays": delays,
        "rank": settings.rank,
        "common": agreements(configs, COMMON),
        "runs": runs,
        "factors": factors_of(found.distances, names, settings.seed),
        **{name: getattr(found, name) for name in ("silhouette", "distances", "controls", "tree", "order")},
    }


def spectra_at(trajectories: Sequence[Trajectory], steps: np.ndarray, delays: int, rank: int) -> list[np.ndarray]:
    """The eigenvalues of every trajectory.

    Raises:
        UserError: there are too few samples, or one trajectory stands still at zero.
    """
    from pinnrun.koopman.delays import delay_eigenvalues, fewest_samples

    if len(steps) < fewest_samples(delays, rank):
        shortest = min(trajectories, key=lambda trajectory: trajectory.steps[-1])
        raise UserError(
            f"{delays} delays and rank {rank} need {fewest_samples(delays, rank)} samples; they share {len(steps)}.\n"
            f"{shortest.name} is the shortest, with {shortest.steps[-1]} steps.\n"
            "Lower rank or delays, leave it out, or store more snapshots: optimizer.pace.snapshot=1"
        )
    spectra = []
    for trajectory in tracker("spectra")(trajectories):
        spectra.append(delay_eigenvalues(taken_at(trajectory, steps), delays=delays, rank=rank))
        if not len(spectra[-1]):
            raise UserError(f"{trajectory.name} is zero at all these steps and has no spectrum; leave it out")
    return spectra


def factors_of(distances: np.ndarray, names: Mapping[str, Sequence[Any]], seed: int) -> list[dict[str, Any]]:
    """What every difference between the runs explains of their distances."""
    from pinnrun.koopman.compare import factor

    return [
        {"name": name, "values": len(set(values)), **vars(factor(distances, values, strata_of(names, name), seed=seed))}
        for name, values in names.items()
    ]


def described(trajectory: Trajectory) -> dict[str, Any]:
    """The settings behind a trajectory, with the size that its network had."""
    size = {f"architecture.{name}": trajectory.architecture[name] for name in ("width", "depth")}
    return {"stage": trajectory.stage, **settings_of(trajectory.config), **size}


def strata_of(names: Mapping[str, Sequence[Any]], name: str) -> list[tuple[Any, ...]]:
    """Where all other differences agree, the seed aside: a seed does not mean the same in two settings."""
    others = [values for other, values in names.items() if other not in (name, "seed")]
    return [tuple(values[index] for values in others) for index in range(len(names[name]))]


def shared_folder(trajectories: Sequence[Trajectory]) -> Path:
    """The innermost folder that holds all runs, relative to here if it lies below."""
    folder = Path(os.path.commonpath([trajectory.folder.resolve() for trajectory in trajectories]))
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


# -- files -----------------------------------------------------------------------------------------------------------


def write(place: Path, record: Mapping[str, Any], *, draw: bool) -> None:
    """comparison.json, runs.csv, pairs.csv and, on request, comparison.png.

    Raises:
        UserError: the folder cannot be written.
    """
    runs, pairs = record["runs"], []
    for i, j in zip(*np.triu_indices(len(runs), 1), strict=True):
        distance, control = float(record["distances"][i, j]), float(record["controls"][i, j])
        pairs.append({"run": i + 1, "other": j + 1, "distance": distance, "control": control})
    lines = [
        {"run": index + 1, **run["label"], **{name: run[name] for name in ("stage", "loss", "cluster")}}
        | {"nearest": run["nearest"] + 1, "distance": run["distance"], "folder": run["folder"]}
        for index, run in enumerate(runs)
    ]
    try:
        place.mkdir(parents=True, exist_ok=True)
        paths = [
            storage.write_json(place / "comparison.json", record),
            storage.write_text(place / "runs.csv", csv_text(lines)),
            storage.write_text(place / "pairs.csv", csv_text(pairs)),
        ]
    except OSError as error:
        raise UserError(f"out: cannot write {error.filename}: {error.strerror}; choose another, out=FOLDER") from error
    if draw:
        try:
            from pinnrun.display.tree import comparison_figure

            paths.append(comparison_figure(record, place / "comparison.png"))
        except (UserError, OSError) as error:  # no matplotlib, no room: the numbers stand without the picture
            print(f"no figure: {error}", file=sys.stderr)
    print("\nfiles      " + "\n           ".join(map(str, paths)))
