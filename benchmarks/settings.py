"""A short name for all that a run was told: what has the same name need not be run again.

It is a hash of the composed config, less what changes no number: the seed, which stands beside it, the texts about the
problem, how a loss is forecast and a network grown where neither is done, where a size starts that the architecture
gives, and keys that were added after results were taken, at the value with which nothing changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

TEXTS = ("problem.about", "problem.summary")
FORECASTS = ("koopman.forecaster", "koopman.clock", "koopman.observable", "koopman.backtests")
GROWTH = ("scaleup.init", "scaleup.deepen_init", "scaleup.turns", "scaleup.dearer")
IDLE = (*FORECASTS, *GROWTH)  # to a network of fixed size
ADDED: Mapping[str, Any] = {
    "scaleup.give_up": 0.02,
    "scaleup.start": "theory",
    "scaleup.regularity": 1,
    "scaleup.deepen_init": "reinit",
    "scaleup.trial": 0,
    "scaleup.restarts": 2,  # none of the older results had come to one
    "scaleup.prune": 0,
    "scaleup.turns": 1,
    "scaleup.dearer": None,
    "target.error": None,
    "koopman.acceleration": "none",
    "koopman.jump_every": 100,
    "koopman.jump_snapshot": 5,
    "koopman.jump_audit": True,
}
"""Dotted keys that older configs lack, each with the value that does what was done without it."""


def on_random_points(words: Sequence[str]) -> list[str]:
    """A command line with one set of random points, as older results were taken on, unless it says something else."""
    return on_points("fixed", words)


def on_points(sampling: str, words: Sequence[str]) -> list[str]:
    """A command line with this sampling, unless it says something else."""
    said = any(word.startswith("sampling=") for word in words)
    return list(words) if said else [*words, f"sampling={sampling}"]


def settings_of(config: DictConfig) -> str:
    """Eight hexadecimal digits; a config that differs in one other key has others."""
    plain = OmegaConf.to_container(config)
    assert isinstance(plain, dict)
    plain.pop("seed", None)
    for key in TEXTS:
        _drop(plain, key)
    if OmegaConf.select(config, "scaleup.type") == "fixed":
        for key in IDLE:
            _drop(plain, key)
    if OmegaConf.select(config, "architecture.width") and OmegaConf.select(config, "scaleup.start") == "free":
        _drop(plain, "scaleup.start")
    for key, neutral in ADDED.items():
        if OmegaConf.select(config, key, default=neutral) == neutral:
            _drop(plain, key)
    return hash_of(plain)


def hash_of(plain: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of plain values."""
    return hashlib.sha256(yaml.safe_dump(dict(plain)).encode()).hexdigest()[:8]


def _drop(plain: dict[str, Any], key: str) -> None:
    *groups, name = key.split(".")
    for group in groups:
        plain = plain.get(group) or {}
    plain.pop(name, None)
