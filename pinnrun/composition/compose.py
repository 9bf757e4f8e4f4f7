"""Composes configs as `hydra.main` would, without its folders, logs and exits, to find mistakes in time."""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra import version
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write

from pinnrun.composition.hydra_errors import CONFIG_ERRORS, Scene, explain
from pinnrun.errors import UserError

Check = Callable[[DictConfig], Any]

# Hydra 1.3 warns when version_base is absent, 1.4 when it is present.
VERSION_BASE = {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}


class Composer:
    """One primary config on one search path: `conf_dir` first, then the user's `config_dir` if any."""

    def __init__(self, conf_dir: Path, config_name: str, config_dir: Path | None = None) -> None:
        self.conf_dir, self.config_name, self.config_dir = conf_dir, config_name, config_dir

    @contextmanager
    def hydra(self) -> Iterator[Hydra]:
        """Set Hydra up, and clear its global state again."""
        version.setbase(VERSION_BASE.get("version_base"))
        path = create_config_search_path(str(self.conf_dir))
        if self.config_dir is not None:
            # Where Hydra itself puts --config-dir: behind everything but the schemas.
            user = f"file://{self.config_dir.resolve()}"
            path.prepend("command-line", user, anchor=SearchPathQuery(provider="schema"))
        GlobalHydra.instance().clear()
        app = Hydra.create_main_hydra2(self.config_name, path)
        try:
            yield app
        finally:
            GlobalHydra.instance().clear()

    def compose(self, overrides: Sequence[str], mode: RunMode = RunMode.RUN) -> DictConfig:
        """Return the config with its `hydra` node; raises Hydra's errors."""
        with self.hydra() as app:
            return app.compose_config(self.config_name, list(overrides), mode)

    def options(self, group: str) -> list[str]:
        """Return the names of the configs in a group; "" is the root."""
        with self.hydra() as app:
            return list(app.config_loader.get_group_options(group, ObjectType.CONFIG))

    def groups(self) -> list[str]:
        """Return all config groups, nested ones with slashes."""
        with self.hydra() as app:
            return list(app.list_all_config_groups())

    def scene(self, overrides: Sequence[str], mode: RunMode = RunMode.RUN) -> Scene:
        """Return what an explanation of an error needs to see."""
        return Scene(list(overrides), partial(self.compose, mode=mode), self.options, self.groups)

    @contextmanager
    def explained(self, overrides: Sequence[str], mode: RunMode = RunMode.RUN) -> Iterator[None]:
        """Turn config errors into `UserError`s, unless HYDRA_FULL_ERROR=1 asks for them as they are."""
        try:
            yield
        except CONFIG_ERRORS as error:
            if os.environ.get("HYDRA_FULL_ERROR") == "1" or isinstance(error, BrokenPipeError):
                raise
            raise UserError(explain(error, self.scene(overrides, mode))) from error

    def jobs(self, overrides: Sequence[str], multirun: bool) -> Iterator[tuple[str, DictConfig]]:
        """Yield name (empty for a single run) and config of every job that a command line asks for."""
        self._refuse_dotted_groups(overrides)
        with self.explained(overrides, RunMode.MULTIRUN if multirun else RunMode.RUN):
            with self.hydra() as app:
                mode = app.get_mode(self.config_name, list(overrides))
            if not multirun and mode != RunMode.MULTIRUN:
                yield "", _with_output_dir(self.compose(overrides))
                return
            master = self.compose(overrides, RunMode.MULTIRUN)
            sweep = self._sweep(master)
        for job in sweep:
            with self.explained(job):
                config = _with_output_dir(self.compose([*master.hydra.overrides.hydra, *job]))
            yield " ".join(job), config

    def _sweep(self, master: DictConfig) -> list[list[str]]:
        """Return the overrides of each job of a sweep; none when its sweeper chooses them as it goes."""
        sweeper = master.hydra.sweeper
        if not str(sweeper.get("_target_", "")).endswith(".BasicSweeper"):
            return []
        lines = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
        with self.hydra() as app:
            parser = OverridesParser.create(config_loader=app.config_loader)
            overrides = parser.parse_overrides([*lines, *master.hydra.overrides.task])
        return [job for batch in BasicSweeper.split_arguments(overrides, None) for job in batch]

    def _refuse_dotted_groups(self, overrides: Sequence[str]) -> None:
        """Refuse hydra.launcher=joblib, with which Hydra overwrites the group's node and says nothing."""
        for line in overrides:
            key, _, value = line.partition("=")
            group = key.replace(".", "/")
            if "." in key and value in self.options(group):
                raise UserError(f"{line} would overwrite a group; to choose from it write {group}={value}")


def without_hydra(config: DictConfig) -> DictConfig:
    """Return a copy of a composed config as tasks see it, without the `hydra` node."""
    config = copy.deepcopy(config)
    with read_write(config), open_dict(config):
        del config["hydra"]
    return config


def check_job(check: Check, name: str, config: DictConfig) -> None:
    """Show `check` what the task will see, with ${hydra:...} in working order; an error names the job."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)
    try:
        check(without_hydra(config))
    except UserError as error:
        if not name:
            raise
        raise UserError(f"in the job '{name}':\n{error}") from error
    finally:
        HydraConfig.instance().cfg = before


def _with_output_dir(config: DictConfig) -> DictConfig:
    """Fill in the folder as Hydra does once a job starts; an interpolation that fails in it fails here."""
    with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
        config.hydra.runtime.output_dir = os.path.abspath(str(config.hydra.run.dir))
    return config
