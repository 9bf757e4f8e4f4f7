"""A saved state on another device."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor


def moved(state: Any, device: torch.device) -> Any:
    """A copy of nested tensors and plain values, numbers on the device; generators' bytes stay where they are read."""
    if isinstance(state, Tensor):
        return state.to(device, copy=True) if state.is_floating_point() else state.clone()
    if isinstance(state, dict):
        return {key: moved(value, device) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(moved(value, device) for value in state)
    return copy.deepcopy(state)
