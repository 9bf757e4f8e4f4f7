"""Learn what the package ships of other trainings, from the group "fit" alone: pinnrun/koopman/prior.json.

The constants of the pooled and the promised trend (`pooled.py`, `promised.py`) and the residual laws of every
forecaster (`laws.py`), each judged by leaving one problem out at a time, then fitted to all of them to be shipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forecast import promised
from benchmarks.forecast.laws import (
    CellOf,
    by_promise,
    by_regime,
    choose_inflation,
    missed_by,
    residual_laws,
    weighted_quantiles,
)
from benchmarks.forecast.origins import Origin, flat, origins, weights
from benchmarks.forecast.pooled import choose_constants, groups, left_out, sample, score
from benchmarks.forecast.trajectories import Array, Trajectory
from pinnrun.koopman.forecasters import FORECASTERS, LEARNED
from pinnrun.koopman.prior import FILE
from pinnrun.storage.atomic import write_text

SHOWN = (2.0, 5.0, 10.0)  # horizons of the table, in multiples of n


def calibrate(trajectories: Sequence[Trajectory], tell: Callable[[str], None] = print) -> dict[str, Any]:
    """What prior.json holds."""
    fitted = [trajectory for trajectory in trajectories if trajectory.group == "fit"]
    found = origins(fitted)
    tell(f"{len(fitted)} trajectories, {len(weights(found))} forecasts")
    seen = sample(found)
    constants, pooled = {}, np.zeros(len(seen.u))
    for family, own in groups(found).items():
        tell(f"pooled trend, {family}:")
        constants[family] = choose_constants(seen.only(own), tell)
        tell(f"  {constants[family]}")
        pooled[own] = left_out(seen.only(own), *constants[family][3:])
    errors = {name: missed_by(found, fit) for name, fit in FORECASTERS.items() if name not in (*LEARNED, "weights")}
    errors["pooled_trend"] = pooled
    errors["combined_trend"] = 0.5 * (pooled + errors["damped_trend"])
    residuals, widened = {}, {}

    def learn_laws(name: str, known: Sequence[Origin], rates: Array, cell_of: CellOf) -> None:
        widened[name] = choose_inflation(known, -rates, cell_of)
        residuals[name] = residual_laws(known, -rates, widened[name], cell_of)
        tell(f"  bands widened by {widened[name]:.2f}")

    for name, missed in errors.items():
        tell(f"{name}: {score(seen, missed):.3f} decades per u; {table_line(found, missed)}")
        learn_laws(name, found, missed / seen.u, by_regime)
    known = promised.promising(found)
    told = promised.sample(known)
    tell(f"promised trend, {len(told.u)} forecasts:")
    promise = promised.choose_constants(told, tell)
    missed = promised.left_out(told, promise.steepest, promise.damping)
    tell(f"  {promise}: {score(told, missed):.3f} decades per u; {table_line(known, missed)}")
    learn_laws("promised_trend", known, missed / told.u, by_promise)
    return {
        "command": "python -m benchmarks.forecast calibrate",
        "trajectories": len(fitted),
        "forecasts": len(weights(found)),
        "pooled": {family: known._asdict() for family, known in constants.items()},
        "promised": promise._asdict(),
        "inflation": widened,
        "residuals": residuals,
    }


def table_line(found: Sequence[Origin], missed: Array) -> str:
    """Median and 90 % quantile of the absolute errors at the horizons that are shown."""
    factors, weight = flat(found, "factors"), weights(found)
    parts = []
    for factor in SHOWN:
        at = factors == factor
        if at.any():
            middle, worst = weighted_quantiles(np.abs(missed[at]), weight[at], (0.5, 0.9))
            parts.append(f"{factor:g}x {middle:.2f} ({worst:.2f})")
    return ", ".join(parts)


def write(prior: Mapping[str, Any], path: Path = FILE) -> None:
    """Replace the file that the package ships."""
    write_text(path, json.dumps(prior, indent=1) + "\n")
