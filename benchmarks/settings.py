"""A short name for all that a run was told: what has the same name need not be run again.

It is a hash of the composed config, less what changes no number: the seed, which stands beside it, the texts about the
problem, and keys that were added after results were taken, at the value with which nothing changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

TEXTS = ("problem.about", "problem.summary")
ADDED: Mapping[str, Any] = {}
"""Dotted keys that older configs lack, each with the value that does what was done without it."""
GROWTH: Mapping[str, Any] = {"init": "reinit"}
"""How the growth of a network of fixed size would start: what results were named with, whatever is the default now."""


def settings_of(config: DictConfig) -> str:
    """Eight hexadecimal digits; a config that differs in one other key has others."""
    plain = OmegaConf.to_container(config)
    assert isinstance(plain, dict)
    plain.pop("seed", None)
    for key in TEXTS:
        _drop(plain, key)
    if OmegaConf.select(config, "scaleup.type") == "fixed":
        plain["scaleup"].pop("deepen_init", None)
        plain["scaleup"].update(GROWTH)
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
