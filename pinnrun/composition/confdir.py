"""From the command line to a task's config: where `conf/` lies, and Hydra with its errors retold.

`run_hydra` composes and checks the config before Hydra makes a folder, so that a mistake leaves nothing
behind; a sweep is checked job by job before its first. Importing this module imports Hydra, but not torch.
"""

import os
import secrets
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import update_wrapper
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pinnrun.composition.compose import VERSION_BASE, Check, Composer, check_job, without_hydra
from pinnrun.composition.hydra_errors import CONFIG_ERRORS
from pinnrun.composition.rundir import discard_run_folder
from pinnrun.errors import UserError

__all__ = ["check_shadows", "compose", "conf_dir", "discard_run_folder", "run_hydra"]

# ${uid:} keeps runs apart that start within the same second. Cached: one run sees one value.
OmegaConf.register_new_resolver("uid", lambda: secrets.token_hex(2), use_cache=True, replace=True)

_REFUSED = {
    "config_path": "--config-path would hide pinnrun's own configs; add yours with --config-dir",
    "experimental_rerun": "--experimental-rerun reads a pickle, which can run code; it is not supported",
}


def conf_dir() -> Path:
    """Return the folder of pinnrun's configs: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if folder.is_dir():
            return folder
    raise UserError(f"pinnrun's configs are missing ({package / 'conf'}); reinstall pinnrun")


def check_shadows(user_dir: Path) -> None:
    """Refuse a folder of user configs of which Hydra would silently ignore some; raises `UserError`."""
    shipped = conf_dir()
    if user_dir.resolve() == shipped.resolve():
        return
    for path in sorted(shipped.rglob("*.yaml")):
        name = path.relative_to(shipped)
        if (user_dir / name).is_file():
            raise UserError(f"{user_dir / name} is hidden by pinnrun's own {name.stem}; rename it")


def compose(config_name: str, overrides: Sequence[str] = (), config_dir: Path | None = None) -> DictConfig:
    """Return the config that one run with these overrides gets; raises `UserError` on any mistake in it."""
    composer = Composer(conf_dir(), config_name, config_dir)
    with composer.explained(overrides):
        return without_hydra(composer.compose(overrides))


def run_hydra(task: Callable[[DictConfig], Any], config_name: str, check: Check | None = None) -> Any:
    """Run `task` with the config that `sys.argv` asks for, in a folder made by Hydra; return its result.

    `check` gets the config first (in a sweep that of every job), when no folder exists yet, and raises
    `UserError` if no run can come of it. If the task itself raises `UserError`, or is interrupted, the folder
    is taken back unless something was put there. Hydra's own errors become `UserError`s. A sweep returns
    None; it raises the first error of its jobs after the last. With HYDRA_FULL_ERROR=1 everything is raised
    as it is.
    """
    arguments = _read_arguments()
    composer = Composer(conf_dir(), arguments.config_name or config_name, arguments.config_dir)
    shows = arguments.cfg or arguments.info or arguments.help or arguments.hydra_help
    if not shows and not arguments.shell_completion:
        for name, config in composer.jobs(arguments.overrides, arguments.multirun):
            if check is not None:
                check_job(check, name, config)
    job = _Job(task)
    launch = hydra.main(config_path=str(conf_dir()), config_name=config_name, **VERSION_BASE)(job)
    try:
        with _errors_raised():
            launch()
    except CONFIG_ERRORS as error:
        if job.started or (arguments.multirun and not isinstance(error, HydraException)):
            raise  # an error of the task, not of its config
        with composer.explained(arguments.overrides):
            raise
    return job.outcome()


# ---- the command line ------------------------------------------------------------------------------------


def _read_arguments() -> Namespace:
    """Parse `sys.argv` as Hydra will, put the overrides last and add $PINNRUN_CONFIG_DIR to it."""
    parser = get_args_parser()
    arguments, extra = parser.parse_known_args(sys.argv[1:])
    for name in extra:
        if name.startswith("-"):
            raise UserError(_unknown_option(name, list(parser._option_string_actions)))
    arguments.overrides += extra
    for override in arguments.overrides:  # argparse takes them on one side of an option only: put them last
        sys.argv.remove(override)
    sys.argv += arguments.overrides
    for name, why_not in _REFUSED.items():
        if getattr(arguments, name) is not None:
            raise UserError(why_not)
    source = "--config-dir"
    if arguments.config_dir is None and os.environ.get("PINNRUN_CONFIG_DIR"):
        source, arguments.config_dir = "$PINNRUN_CONFIG_DIR", os.environ["PINNRUN_CONFIG_DIR"]
        sys.argv[1:1] = ["--config-dir", arguments.config_dir]
    if arguments.config_dir is not None:
        arguments.config_dir = Path(arguments.config_dir)
        if not arguments.config_dir.is_dir():
            raise UserError(f"{source}: there is no folder '{arguments.config_dir}'")
        check_shadows(arguments.config_dir)
    return arguments


def _unknown_option(name: str, known: list[str]) -> str:
    near = get_close_matches(name.partition("=")[0], known, 1, cutoff=0.75)
    if near:
        return f"unknown option '{name}'; did you mean '{near[0]}'?"
    key = name.strip("-").partition("=")[0]
    return f"unknown option '{name}'; settings are written without dashes: {key}=..."


@contextmanager
def _errors_raised() -> Iterator[None]:
    """Have Hydra raise its errors, which it prints by default and follows with exit code 1."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


# ---- the run ---------------------------------------------------------------------------------------------


class _Job:
    """The task as Hydra sees it; a class, so that launchers can send it to other processes."""

    def __init__(self, task: Callable[[DictConfig], Any]) -> None:
        self.task, self.started = task, False
        self.result: Any = None
        self.error: Exception | None = None
        update_wrapper(self, task)  # Hydra names the job and its log after the task's module

    def __call__(self, config: DictConfig) -> Any:
        self.started = True
        settings = HydraConfig.get()
        if settings.mode == RunMode.MULTIRUN:
            return self.task(config)  # an error is the job's own, the sweep goes on
        try:
            self.result = self.task(config)
        except KeyboardInterrupt:
            discard_run_folder(settings.runtime.output_dir)
            raise
        except Exception as error:
            # Raised again by `outcome`, without Hydra's frames and its "Error executing job with overrides".
            self.error = error
            if isinstance(error, UserError):
                discard_run_folder(settings.runtime.output_dir)

    def outcome(self) -> Any:
        """Return the task's result, or raise its error, once Hydra has finished."""
        if self.error is not None:
            raise self.error
        return self.result
