"""From a composed config to the objects of a run: plugins, the checked config, the device, the runner."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from pinnrun import storage
from pinnrun.config import Config
from pinnrun.display import Display
from pinnrun.errors import UserError
from pinnrun.strict import build

PRIVATE = ("resume",)  # keys of the command line that are no part of a run's config


def checked_config(composed: Any) -> Config:
    """The config as dataclasses; loads the plugins first, so that their problems are known.

    Raises:
        ConfigError: everything that is wrong with the config, one line each.
        UserError: a plugin cannot be loaded.
    """
    from omegaconf import OmegaConf

    mapping = OmegaConf.masked_copy(composed, [key for key in composed if key not in PRIVATE])
    load_plugins(composed.get("plugins") or ())
    return build(Config, mapping)


def load_plugins(paths: Sequence[str]) -> None:
    """Import the Python files that a config names; each registers its problems as it is imported.

    Raises:
        UserError: a file is not there, or fails when it is imported.
    """
    for text in paths:
        path = Path(str(text)).expanduser().resolve()
        name = f"pinnrun_plugin_{path.stem}"
        if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(path):
            continue
        spec = spec_from_file_location(name, path)
        if not path.is_file() or spec is None or spec.loader is None:
            raise UserError(f"plugins: no Python file {text} (looked at {path}).\nGive its path from here, or in full.")
        module = module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise UserError(f"plugins: {text} failed when it was imported: {type(error).__name__}: {error}") from error


def prepare_torch(config: Config) -> tuple[Any, Any]:
    """Set threads and determinism as the config asks; returns the torch device and dtype."""
    if config.deterministic:  # read by cuBLAS when CUDA starts
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    if config.threads:
        torch.set_num_threads(config.threads)
    # The same switch as torch.use_deterministic_algorithms, which would first import torch's compiler (2.7 s).
    torch.set_deterministic_debug_mode("error" if config.deterministic else "default")
    name = config.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name), getattr(torch, config.dtype)


def make_runner(
    config: Config, folder: Path, config_text: str, display: Display, provenance: dict | None = None
) -> Any:
    """The runner of a checked config, ready to run in ``folder``.

    Args:
        config: from ``checked_config``.
        folder: the run folder.
        config_text: the composed config as YAML, for the record.
        display: where progress is shown.
        provenance: of the run's first part when it is resumed.
    """
    device, dtype = prepare_torch(config)
    from pinnrun.run.recorder import Recorder
    from pinnrun.run.runner import Runner
    from pinnrun.training.trainer import Trainer

    provenance = provenance or storage.collect_provenance(config_text, seed=config.seed, device=str(device))
    provenance["config"] = config_text  # as it is now: what a resumed run has changed holds when it is resumed again
    return Runner(config, Trainer(config, device, dtype), Recorder(folder, provenance, config), display)
