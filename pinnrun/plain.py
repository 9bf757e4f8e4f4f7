"""OmegaConf's containers as plain dicts and lists, of which one unreadable value spoils no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException


@dataclass(frozen=True)
class Unreadable:
    """Stands for a value that OmegaConf could not give, so that the other keys can still be checked."""

    why: str


def plain(node: Any) -> Any:
    """Turn OmegaConf containers into dicts and lists, interpolations resolved one key at a time."""
    if isinstance(node, DictConfig):
        return None if node._is_none() else {key: _child(node, key) for key in node}
    if isinstance(node, ListConfig):
        return None if node._is_none() else [_child(node, index) for index in range(len(node))]
    return node


def _child(node: Any, key: Any) -> Any:
    if OmegaConf.is_missing(node, key):
        return Unreadable("missing; it has no default and must be given")
    try:
        return plain(node[key])
    except (OmegaConfBaseException, RecursionError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return Unreadable(f"cannot be resolved; {reason[0]}")
