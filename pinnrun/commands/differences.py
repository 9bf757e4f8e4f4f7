"""In which settings several configs differ, and what a person would call these settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

# Kinds: each settles further keys of its own group, and a problem settles keys of others too (a target, a width).
KINDS = ("problem.name", "architecture.type", "optimizer.type", "scaleup.type", "weighting.type", "sampling.type")
# What does not change how a network trains, or is said by a kind.
SILENT = ("about", "summary", "display", "storage", "budget", "target", "plugins", "threads", "koopman")

Values = list[Any]


def settings_of(config: Any) -> dict[str, Any]:
    """The settings of a config that may change how a network trains, by their dotted keys."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return dict(_flat(plain, ""))


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """Where configs of dotted keys differ: the values of every setting that tells some of them apart, by its name.

    A setting that a kind settles is left out: where the optimizer is another one, so is its damping, and nobody would
    call that a difference of its own.
    """
    keys = list(dict.fromkeys(key for config in configs for key in config))
    keys.sort(key=lambda key: (KINDS.index(key) if key in KINDS else len(KINDS), key == "seed"))
    kept: dict[str, Values] = {}
    for key in keys:
        values = [config.get(key) for config in configs]
        if len(set(values)) > 1 and not any(_settles(kept, kind, key, values) for kind in KINDS):
            kept[key] = values
    return _by_short_names(kept)


def reading_order(configs: Sequence[Mapping[str, Any]]) -> list[int]:
    """The configs sorted by what they differ in, numbers by size, so that a table of them reads well."""
    columns = [[_sortable(value) for value in values] for values in differences(configs).values()]
    return sorted(range(len(configs)), key=lambda index: [column[index] for column in columns])


def agreements(configs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, Any]:
    """The values of those settings in which all configs agree."""
    common = {key: configs[0].get(key) for key in keys if len({config.get(key) for config in configs}) == 1}
    return {name: value[0] for name, value in _by_short_names({key: [v] for key, v in common.items()}).items()}


def _settles(kept: Mapping[str, Values], kind: str, key: str, values: Values) -> bool:
    group = kind.partition(".")[0]
    if kind not in kept or key == kind or not (group == "problem" or key.startswith(f"{group}.")):
        return False
    return len(set(zip(kept[kind], values, strict=True))) == len(set(kept[kind]))


def _sortable(value: Any) -> tuple[bool, Any]:
    plain = isinstance(value, int | float)
    return not plain, value if plain else str(value)


def _by_short_names(settings: Mapping[str, Values]) -> dict[str, Values]:
    """Kinds are called after their group, other keys by their last word where that is enough."""
    last = [key.rpartition(".")[2] for key in settings]
    names = {}
    for key, values in settings.items():
        group, _, word = key.rpartition(".")
        names[group if key in KINDS else word if last.count(word) == 1 else key] = values
    return names


def _flat(mapping: Mapping[Any, Any], path: str) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in mapping.items():
        if name in SILENT:
            continue
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{path}{name}.")
        else:
            pairs.append((f"{path}{name}", _hashable(value)))
    return pairs


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else str(value) if isinstance(value, dict) else value
