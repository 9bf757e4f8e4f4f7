"""`pinnrun koopman analyze`: forecast, spectrum and decisions of every stage of a saved or running run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from pinnrun import storage
from pinnrun.commands.koopman_spectra import JudgeOf, find_prospects, find_spectra, judge_of
from pinnrun.commands.settings import AnalyzeSettings
from pinnrun.commands.train import saved_config
from pinnrun.composition.confdir import run_hydra
from pinnrun.config import KoopmanSettings
from pinnrun.display import print_koopman
from pinnrun.errors import UserError
from pinnrun.koopman import History
from pinnrun.registry import OPTIMIZERS
from pinnrun.run.analyst import ask
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
    target = settings.target or float((run.result or {}).get("target") or config.target.loss)
    print(f"{folder}: {run.state}, {len(run.windows)} windows, target {target:g}", flush=True)
    judge, why_not = judge_of(run, settings)
    stages: list[dict[str, Any]] = []

    def one_by_one() -> Iterator[dict[str, Any]]:
        for stage in run.stages:
            stages.append(analyze_stage(run, stage, target, settings, config, judge))
            yield stages[-1]

    print_koopman(one_by_one())
    if why_not:
        print(f"\nmerit at forecast weights: {why_not}")
    if settings.figures:
        draw(folder, stages, target, last=len(run.growth) - 1)


def analyze_stage(
    run: Any, stage: Any, target: float, settings: AnalyzeSettings, config: Any, judge: JudgeOf | None = None
) -> dict[str, Any]:
    """One stage as plain values: its curve, the forecast from its last step, spectra, the merit at forecast weights."""
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
        **find_spectra(stage, settings),
        "prospects": find_prospects(stage, settings, judge),
        "decision": decisions[-1]["action"] if decisions else "running",
        "decisions": [{name: d[name] for name in ("step", "action", "evidence")} for d in decisions],
    }


def analyzer(settings: AnalyzeSettings, config: Any) -> KoopmanSettings:
    """The analyzer as the run had it, but for what was asked for; the loss at other weights is not to be had here."""
    if settings.forecaster == "weights":
        raise UserError(
            "forecaster=weights evaluates the loss at other weights, which only a run in training can.\n"
            "Leave it out, or look at spectra=weights for what the weights themselves are doing."
        )
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


def draw(folder: Path, stages: list[dict[str, Any]], target: float, last: int) -> None:
    """Loss with forecast, spectra, growth: PNG files in the run's folder figures/.

    And the merit at forecast weights, of the ``last`` stage that grew; those pruned from it have no forecasts drawn.
    """
    from pinnrun.display import figures

    place = folder / "figures"
    curves = [
        {
            **stage,
            "loss": stage["losses"],
            "merit": stage["merits"],
            "forecast": stage["forecast"] if at <= last else None,
        }
        for at, stage in enumerate(stages)
    ]
    try:
        place.mkdir(exist_ok=True)
        paths = [figures.loss_figure(curves, place / "loss.png", target=target)]
        if spectra := [spectrum_of(stage, "spectrum") for stage in stages if stage.get("spectrum")]:
            paths.append(figures.spectrum_figure(spectra, place / "spectrum.png"))
        observed = [spectrum_of(stage, key) for stage in stages for key in ("loss_modes", "edmd") if stage[key]]
        if observed:
            paths.append(figures.spectrum_figure(observed, place / "observables.png"))
        if looks := [look for stage in stages[last : last + 1] for look in stage["prospects"]]:
            paths.append(figures.prospects_figure(looks, place / "weights.png"))
        paths.append(figures.growth_figure(stages, place / "growth.png"))
    except (UserError, OSError) as error:  # no matplotlib, no room: the numbers above stand without the pictures
        print(f"no figures: {error}", file=sys.stderr)
        return
    print("figures    " + "\n           ".join(str(path) for path in paths))


def spectrum_of(stage: dict[str, Any], key: str) -> dict[str, Any]:
    """A stage's spectrum with what its panel is titled with, and its layers where it is that of the weights."""
    title = {"spectrum": "weights", "loss_modes": "loss", "edmd": "observables"}[key]
    layers = stage["layers"] if key == "spectrum" else {}
    return {**stage[key], "layers": layers, "label": f"stage {stage['stage']}: {title}, {size_of(stage)}"}


def size_of(stage: dict[str, Any]) -> str:
    """The network's size."""
    return f"{stage['width']} × {stage['depth']}"
