"""How long a training step takes against width, depth and points, on the device at hand; and the α that this implies.

A calibration is measured on the very steps of a run (``Trainer.advance``: fresh points, weights and all), for one
problem, architecture, optimizer, precision and device.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from pinnrun.build import checked_config, prepare_torch
from pinnrun.config import Config
from pinnrun.errors import UserError
from pinnrun.settings import setting
from pinnrun.training.start import first_network

SCHEMA, VERSION = "pinnrun-calibration", 1
TIMED = ("problem", "architecture", "optimizer", "sampling", "weighting", "dtype", "threads", "deterministic")
LIMITS = ("start", "max_width", "max_depth", "max_parameters")
POINTS = (0.25, 0.5, 1.0, 2.0, 4.0)
QUICK_SECONDS = 3.0
LONGEST = 0.1  # of the time to spend, that one step may take

Track = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass(frozen=True)
class CalibrationSettings:
    """What `pinnrun calibrate` measures."""

    widths: tuple[int, ...] | None = setting(None, min=1, help="widths W; null: from the start on, by sqrt(2)")
    depths: tuple[int, ...] | None = setting(None, min=1, help="depths D at the middle width; null: 1 to max_depth")
    points: tuple[int, ...] | None = setting(None, min=1, help="problem.points at the middle width; null: 1/4 to 4 x")
    seconds: float = setting(20.0, above=0, unit="s", help="wall time to spend on it, roughly, beside the warm-up")
    slower: float = setting(1.5, above=1, help="a step that takes so many times as long is substantially slower")
    out: str | None = setting(None, help="folder of CSV and figure; null: the cache folder, beside the JSON")
    figures: bool = setting(True, help="draw the curves")

    def problems(self) -> Iterable[str]:
        """A fit of three numbers takes three widths."""
        if self.widths is not None and len(set(self.widths)) < 3:
            yield "widths: three different ones at least, such as [8,16,32]"


@dataclass(frozen=True)
class Size:
    """One size that is timed."""

    width: int
    depth: int
    points: int


@dataclass
class Probe:
    """A run of one size that only steps."""

    composed: Any
    size: Size
    trainer: Any = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """From the beginning."""
        from pinnrun.training.trainer import Trainer

        config = checked_config(sized(self.composed, self.size))
        self.trainer = Trainer(config, *prepare_torch(config))

    def step(self) -> None:
        """One step of the training map; a run that diverges begins anew."""
        from pinnrun.training.trainer import Diverged

        try:
            self.trainer.advance()
        except Diverged:
            self.start()


def sized(composed: Any, size: Size) -> Any:
    """The config of a run of that size."""
    changed = OmegaConf.create(OmegaConf.to_container(composed, resolve=True))
    values = {"architecture.width": size.width, "architecture.depth": size.depth, "problem.points": size.points}
    for key, value in {**values, "scaleup.alpha": 2.0}.items():
        OmegaConf.update(changed, key, value, force_add=True)
    return changed


# -- measuring -------------------------------------------------------------------------------------------------------


def calibrate(
    composed: Any, settings: CalibrationSettings, track: Callable[[str], Track], *, quick: bool = False
) -> dict[str, Any]:
    """Time steps along width, depth and points, fit the widths' law, and name the α of it.

    Args:
        composed: the config of a run.
        settings: what is measured.
        track: makes, from a title, what shows progress through a list.
        quick: widths alone, each twice the last.

    Raises:
        UserError: there are fewer than three widths to measure, or that can be measured in time.
    """
    from pinnrun.calibration.timing import in_rounds, machine
    from pinnrun.optimizers.capture import FIRST_USES
    from pinnrun.scaleup.parallelism import fit

    config = checked_config(composed)
    device, _ = prepare_torch(config)
    seconds = QUICK_SECONDS if quick else settings.seconds
    limit = max(LONGEST * seconds, 0.5)
    wanted = sizes(config, settings, quick=quick)
    probes = first_steps(composed, wanted, limit, track("first steps"))
    curves = {name: [size for size in curve if size in probes] for name, curve in wanted.items()}
    if len(widths := curves["width"]) < 3:
        raise UserError(
            f"calibration: steps take longer than {limit:g} s from the width {wanted['width'][len(widths)].width} on, "
            "and a fit takes three widths.\nRaise calibration.seconds, or give smaller calibration.widths=[…]"
        )
    warm_up = FIRST_USES + 1 if device.type == "cuda" else 1  # until a gradient is a recorded graph
    taken = in_rounds([probe.step for probe in probes.values()], seconds, device, warm_up, track("step times"))
    rows = {
        size: measured(size, probe.trainer, times) for (size, probe), times in zip(probes.items(), taken, strict=True)
    }
    law = fit([size.width for size in widths], [rows[size]["seconds"] for size in widths])
    start = first_network(config)[0].width
    alpha = law.alpha(start, settings.slower)
    saturated, knee = law.saturated(start, settings.slower), law.knee(2.0, settings.slower)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "key": key_of(composed, config),
        "machine": machine(device),
        "device": device.type,
        "problem": config.problem.name,
        "optimizer": config.optimizer.type,
        "architecture": config.architecture.type,
        "dtype": config.dtype,
        "left_out": [vars(size) for curve in wanted.values() for size in curve if size not in probes],
        "limit": limit,
        "curves": {name: [rows[size] for size in curve] for name, curve in curves.items()},
        "law": vars(law),
        "slower": settings.slower,
        "start": start,
        "saturated": saturated if isfinite(saturated) else None,
        "knee": knee if isfinite(knee) else None,
        "alpha": alpha,
    }


def first_steps(composed: Any, curves: Mapping[str, Sequence[Size]], limit: float, track: Track) -> dict[Size, Probe]:
    """A run of every size that has made its first step; but of no size beyond one that takes more than ``limit`` s."""
    probes: dict[Size, Probe] = {}
    too_slow: set[str] = set()
    for name, size in track([(name, size) for name, curve in curves.items() for size in curve]):
        if name in too_slow or size in probes:
            continue
        probe = Probe(composed, size)
        if wall_seconds(probe.step) < limit or wall_seconds(probe.step) < limit:  # the first may load libraries
            probes[size] = probe
        else:
            too_slow.add(name)
    return probes


def wall_seconds(work: Callable[[], Any]) -> float:
    """How long it takes by the clock on the wall."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def measured(size: Size, trainer: Any, seconds: np.ndarray) -> dict[str, Any]:
    """One size in numbers; times are seconds a step, the middle and the quartiles of all rounds."""
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    times = {"seconds": float(middle), "low": float(low), "high": float(high), "rounds": len(seconds)}
    return {**vars(size), "parameters": trainer.network.size, "rows": trainer.points.rows, **times}


def sizes(config: Config, settings: CalibrationSettings, *, quick: bool) -> dict[str, list[Size]]:
    """The sizes to time along each axis, none of them larger than the run may grow; they cross in the middle width.

    Raises:
        UserError: fewer than three widths are left.
    """
    from pinnrun.architectures import size_after

    network, policy, points = first_network(config)[0], config.scaleup, config.problem.points

    def fits(width: int, depth: int) -> bool:
        return size_after(network, width, depth, "reinit", "reinit") <= policy.max_parameters

    step = 2.0 if quick else 2.0**0.5
    widths = settings.widths or ladder(network.width, policy.max_width, step)
    widths = [width for width in sorted(set(widths)) if fits(width, network.depth)]
    if len(widths) < 3:
        raise UserError(
            f"calibration: only {len(widths)} widths from {network.width} on stay within scaleup.max_width and "
            "max_parameters, and a fit takes three.\nRaise these, start smaller, or give calibration.widths=[…]"
        )
    middle, depth = widths[len(widths) // 2], network.depth
    curves = {"width": [Size(width, depth, points) for width in widths]}
    if quick:
        return curves
    depths = range(1, policy.max_depth + 1) if settings.depths is None else settings.depths
    counts = [max(1, round(factor * points)) for factor in POINTS] if settings.points is None else settings.points
    curves["depth"] = [Size(middle, depth, points) for depth in sorted(set(depths)) if fits(middle, depth)]
    curves["points"] = [Size(middle, depth, count) for count in sorted(set(counts))]
    return curves


def ladder(first: int, last: int, step: float) -> list[int]:
    """Whole numbers from first to last, each about ``step`` times the one before."""
    rungs, value = [], float(first)
    while value < last:
        rungs.append(round(value))
        value *= step
    rungs = [rung for index, rung in enumerate(rungs) if index == 0 or rung > rungs[index - 1]]
    if last >= first and (not rungs or rungs[-1] < last):
        rungs.append(last)
    return rungs


def key_of(composed: Any, config: Config) -> str:
    """Sixteen hex digits of all that a step time depends on: the config, the machine, torch and pinnrun."""
    from pinnrun import __version__
    from pinnrun.calibration.timing import machine

    device, _ = prepare_torch(config)
    plain = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(plain, dict)
    parts: dict[str, Any] = {name: plain.get(name) for name in TIMED}
    parts["problem"] = {key: value for key, value in plain["problem"].items() if key not in ("about", "summary")}
    parts["scaleup"] = {name: plain["scaleup"].get(name) for name in LIMITS}
    text = json.dumps([parts, machine(device), __version__], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
