"""`pinnrun koopman analyze`: forecast, spectrum and decisions of every stage of a saved or running run."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from pinnrun import storage
from pinnrun.analyst import ask
from pinnrun.commands.settings import AnalyzeSettings
from pinnrun.commands.train import saved_config
from pinnrun.composition.confdir import run_hydra
from pinnrun.config import KoopmanSettings
from pinnrun.display import print_koopman
from pinnrun.errors import UserError
from pinnrun.koopman import History, weight_spectrum
from pinnrun.registry import OPTIMIZERS
from pinnrun.strict import build


def main() -> int:
    """Analyze, print, and write the figures."""
    run_hydra(analyze, "koopman_analyze", check=lambda composed: build(AnalyzeSettings, composed))
    return 0


def analyze(composed: DictConfig) -> None:
    """Read the run's windows and take every stage apart."""
    settings = build(AnalyzeSettings, composed)
    folder = storage.latest_run() if settings.run == "last" else Path(settings.run)
    run = storage.open_run(folder)
    if not run.stages:
        raise UserError(f"{folder} has no windows yet; wait for the first, or name another run: run=FOLDER")
    config = saved_config(run)
    target = settings.target or float(config.target.loss)
    stages = [analyze_stage(run, stage, target, settings, config) for stage in run.stages]
    print(f"{folder}: {run.state}, {len(run.windows)} windows, target {target:g}")
    print_koopman(stages)
    if settings.figures:
        draw(folder, stages, target)


def analyze_stage(run: Any, stage: Any, target: float, settings: AnalyzeSettings, config: Any) -> dict[str, Any]:
    """One stage as plain values: its curve, the forecast from its last step, the spectrum of its weights."""
    columns = stage.columns
    own = columns["step"] - (stage.first_step - 1)
    merit = columns["merit"]
    measured = merit[np.isfinite(merit)]
    horizon = settings.horizon or int(config.optimizer.pace.horizon)
    outlook = None
    if len(own) >= 2 and np.isfinite(columns["loss"]).any():
        last = int(own[-1])
        horizon = horizon if horizon > last else 2 * last
        history = History.of({**columns, "step": own})
        outlook = ask(history, analyzer(settings, config), optimizer(config), target, horizon).as_dict()
    decisions = [d for d in run.decisions if d["stage"] == stage.number]
    return {
        "stage": stage.number,
        "width": stage.architecture["width"],
        "depth": stage.architecture["depth"],
        "parameters": stage.architecture["parameters"],
        "first_step": stage.first_step,
        "steps": int(own[-1]),
        "seconds": float(columns["seconds"][-1] - columns["seconds"][0]),
        "step": columns["step"],
        "loss": float(columns["loss"][-1]),
        "losses": columns["loss"],
        "merit": float(measured[-1]) if len(measured) else None,
        "merits": merit,
        "forecast": outlook,
        "spectrum": spectrum(stage, settings.snapshots),
        "decision": decisions[-1]["action"] if decisions else "running",
        "decisions": [{name: d[name] for name in ("step", "action", "evidence")} for d in decisions],
    }


def analyzer(settings: AnalyzeSettings, config: Any) -> KoopmanSettings:
    """The analyzer as the run had it, but for what was asked for; the loss at other weights is not to be had here."""
    own = build(KoopmanSettings, config.get("koopman") or {})
    asked = {name: getattr(settings, name) or getattr(own, name) for name in ("forecaster", "clock", "observable")}
    if asked["forecaster"] == "weights":
        asked["forecaster"] = KoopmanSettings().forecaster
    return replace(own, **asked)


def optimizer(config: Any) -> Any:
    """The run's optimizer; without a schedule its settings will do, and torch need not be imported."""
    settings = config.optimizer
    return (
        build(OPTIMIZERS[settings.type], settings) if settings.get("schedule", "constant") != "constant" else settings
    )


def spectrum(stage: Any, snapshots: int) -> dict[str, Any] | None:
    """The Koopman spectrum of the stage's latest weights, or None where there are too few."""
    weights, steps = stage.weights[-snapshots:], stage.weight_steps[-snapshots:]
    if len(steps) < 5:
        return None
    return weight_spectrum(weights, int(np.median(np.diff(steps)))).as_dict()


def draw(folder: Path, stages: list[dict[str, Any]], target: float) -> None:
    """Loss with forecast, spectrum on the unit circle, growth: PNG files in the run's folder figures/."""
    from pinnrun.display import figures

    place = folder / "figures"
    curves = [{**stage, "loss": stage["losses"], "merit": stage["merits"]} for stage in stages]
    spectra = [
        {**stage["spectrum"], **{k: stage[k] for k in ("width", "depth", "stage")}}
        for stage in stages
        if stage["spectrum"]
    ]
    try:
        place.mkdir(exist_ok=True)
        paths = [figures.loss_figure(curves, place / "loss.png", target=target)]
        if spectra:
            paths.append(figures.spectrum_figure(spectra, place / "spectrum.png"))
        paths.append(figures.growth_figure(stages, place / "growth.png"))
    except (UserError, OSError) as error:  # no matplotlib, no room: the numbers above stand without the pictures
        print(f"no figures: {error}", file=sys.stderr)
        return
    print("figures    " + "\n           ".join(str(path) for path in paths))
