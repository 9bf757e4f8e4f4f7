"""What `pinnrun koopman analyze` finds in a stage beside the forecast of its loss: spectra, and the merit elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from omegaconf import DictConfig

from pinnrun.commands.settings import AnalyzeSettings
from pinnrun.commands.train import changed_config
from pinnrun.config import plugin_words
from pinnrun.errors import UserError
from pinnrun.koopman import Spectrum, layer_spectra, lift, loss_spectrum, observable_spectrum, prospects
from pinnrun.koopman.prospects import recent
from pinnrun.koopman.weights import WeightRule, layer_slices

FEWEST = 5  # snapshots
RULES: tuple[WeightRule, ...] = ("modes", "layers", "velocity")

JudgeOf = Callable[[Any], Callable[[np.ndarray], float]]
"""From a network's description to the merit as a function of its weights."""


def judge_of(run: Any, settings: AnalyzeSettings) -> tuple[JudgeOf | None, str]:
    """What evaluates the run's merit, or None and why not."""
    if settings.spectra not in ("all", "weights"):
        return None, ""
    if not settings.evaluate:
        return None, "not evaluated (evaluate=false)"
    try:
        here = ["device=auto"]  # a run from a GPU may be looked at on a machine without one
        composed: DictConfig = changed_config(run, [*plugin_words(settings.plugins), *here])
        from pinnrun.commands.judge import Judge

        return Judge(composed).of, ""
    except UserError as error:
        return None, f"not evaluated: {str(error).replace(chr(10), ' ')}"


def find_spectra(stage: Any, settings: AnalyzeSettings) -> dict[str, Any]:
    """The spectra that were asked for, as plain values under the keys spectrum, layers, loss_modes, edmd."""
    found: dict[str, Any] = {"layers": {}, "loss_modes": None, "edmd": None}
    if settings.spectra in ("all", "weights"):
        found |= {"spectrum": None} | weight_spectra(stage, settings)
    for key, name in (("loss_modes", "loss"), ("edmd", "edmd")):
        if settings.spectra in ("all", name):
            found[key] = observed(stage, settings, name)
    return found


def weight_spectra(stage: Any, settings: AnalyzeSettings) -> dict[str, Any]:
    """Of the whole network and of its layers; None and none where there are too few snapshots."""
    own = stage.weight_steps - (stage.first_step - 1)
    used = recent(own, settings.snapshots)
    if len(own[used]) < FEWEST:
        return {}
    interval = int(np.median(np.diff(own[used])))
    layers = layer_slices(stage.layout)
    try:
        whole, parts = layer_spectra(stage.weights[used], interval, layers, **rank(settings))
    except ValueError as error:  # weights that diverged
        print(f"stage {stage.number}: no spectrum of the weights: {error}", file=sys.stderr)
        return {}
    sizes = {name: part.stop - part.start for name, part in layers.items()}
    described = {name: {**spectrum.as_dict(), "parameters": sizes[name]} for name, spectrum in parts.items()}
    return {"spectrum": whole.as_dict(), "layers": described}


def rank(settings: AnalyzeSettings) -> dict[str, Any]:
    """How many modes are kept."""
    return {"cut": settings.rank, "energy": settings.energy, "max_rank": settings.modes}


def observed(stage: Any, settings: AnalyzeSettings, name: str) -> dict[str, Any] | None:
    """The spectrum of the loss with its delays, or of the dictionary of observables; None where steps are too few."""
    columns = stage.columns
    first = stage.first_step - 1
    others: dict[str, Any] = {}
    if name == "edmd":
        others = {
            "gradient_norm": columns["gradient_norm"],
            "weight_steps": stage.weight_steps - first,
            "weights": stage.weights,
            "layers": layer_slices(stage.layout),
        }
    try:
        lifted = lift(columns["step"] - first, columns["loss"], clock=settings.time, **others)
    except ValueError:
        return None
    if len(lifted.steps) < 2 * FEWEST:
        return None
    spectrum: Spectrum = loss_spectrum(lifted) if name == "loss" else observable_spectrum(lifted)
    return {
        **spectrum.as_dict(),
        "names": list(lifted.names),
        "clock": lifted.clock,
        "rows": [float(lifted.steps[0]), float(lifted.steps[-1])],
    }


def find_prospects(stage: Any, settings: AnalyzeSettings, judge: JudgeOf | None) -> list[dict[str, Any]]:
    """The merit at weights forecast from half of the stage, beside what came after, and from its end."""
    steps = stage.weight_steps - (stage.first_step - 1)
    if judge is None or not len(steps):
        return []
    merit = judge(stage.architecture)
    found = []
    for origin in dict.fromkeys((int(steps[-1]) // 2, int(steps[-1]))):
        try:
            outlook = prospects(
                steps,
                stage.weights,
                merit,
                origin=origin,
                rules=RULES,
                layers=layer_slices(stage.layout),
                snapshots=settings.snapshots,
                **rank(settings),
            )
        except ValueError:  # weights that diverged, of which the spectrum has told already
            return []
        if outlook is not None:
            found.append(outlook.as_dict())
    return found
