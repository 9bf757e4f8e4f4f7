"""`pinnrun train`: compose, check, train; or go on with an interrupted run in its own folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from pinnrun import storage
from pinnrun.build import checked_config, make_runner
from pinnrun.composition.confdir import run_hydra
from pinnrun.config import plugin_words
from pinnrun.display import make_display, print_summary
from pinnrun.errors import UserError
from pinnrun.run.execute import execute, resumable
from pinnrun.storage import State

EXIT_CODES = {State.DONE: 0, State.DIVERGED: 3, State.BUDGET: 4, State.STALLED: 4, State.UNREACHABLE: 5}
WHAT_NEXT = {
    State.DONE: "For a stricter target add target.loss=….",
    State.BUDGET: "To go on give it a larger one: budget.steps=… or budget.seconds=….",
    State.UNREACHABLE: "To go on all the same: a larger budget.seconds, or an easier target.loss.",
    State.STALLED: "A new run may do better: with another seed, optimizer or scaleup.max_parameters.",
}
RESUMABLE = ("budget", "target", "display", "device", "plugins", "storage")  # keys that may change on resume


def main() -> int:
    """Train; the exit code says how it ended (README.md lists them)."""
    words = sys.argv[1:]
    folders = [word.removeprefix("resume=") for word in words if word.startswith("resume=")]
    if folders and folders[-1] not in ("", "null"):
        result = resume(folders[-1], [word for word in words if not word.startswith("resume=")])
    else:
        result = run_hydra(lambda config: train(config, output_folder()), "train", check=checked_config)
    if result is None:  # Hydra showed help or the config instead
        return 0
    print_summary(result)
    return exit_code(result)


def output_folder() -> Path:
    """The folder Hydra made for this job, relative to where the command was given if it lies below."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def exit_code(result: dict[str, Any]) -> int:
    """What the shell is told of a result."""
    return result["signal"] if result["status"] == State.INTERRUPTED else EXIT_CODES[result["status"]]


def train(composed: DictConfig, folder: Path) -> dict[str, Any]:
    """A new run in ``folder``; returns what its result.json holds.

    Raises:
        UserError: the folder holds a run already.
    """
    if composed.get("resume"):
        raise UserError(f"to go on with a run write resume={composed.resume}, without +")
    require_empty(folder)
    if checked_config(composed).scaleup.alpha == "auto":  # a number before the run begins: it is resumed with this one
        composed = settled_alpha(composed)
    config = checked_config(composed)
    with storage.run_lock(folder):
        require_empty(folder)  # another process may have begun and ended meanwhile
        runner = make_runner(config, folder, config_text(composed), make_display(config.display.kind))
        return execute(runner)


def require_empty(folder: Path) -> None:
    """Raise a UserError where a run was begun."""
    if resumable(folder):
        raise UserError(
            f"{folder} holds a run already.\nGo on with it: pinnrun train resume={folder}; or name another."
        )


def settled_alpha(composed: DictConfig) -> DictConfig:
    """The config with the α that this device is calibrated to, measured now if it is not yet."""
    from pinnrun.calibration.kept import settled
    from pinnrun.display.tracking import tracker

    own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "resume"])
    return settled(own, tracker)


def config_text(composed: DictConfig) -> str:
    """The composed config as it is recorded: YAML, every interpolation resolved."""
    plain = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(plain, dict)
    plain.pop("resume", None)
    return OmegaConf.to_yaml(plain)


def resume(name: str, words: list[str]) -> dict[str, Any]:
    """Go on with an interrupted run where its checkpoint left it.

    Raises:
        UserError: there is no such run, it is finished, or a key is given that may not change.
    """
    folder = storage.latest_run(unfinished=True) if name == "last" else Path(name)
    run = storage.open_run(folder)
    before = run.state
    composed = changed_config(run, words)
    config = checked_config(composed)
    with storage.run_lock(folder):
        state, note = storage.load_checkpoint(folder)
        display = make_display(config.display.kind)
        runner = make_runner(config, folder, config_text(composed), display, dict(run.provenance))
        runner.load(state)
        if runner.ended and runner.ended[0] == before and run.result is not None:
            raise UserError(f"{folder} has ended ({before}: {runner.ended[1]}).\n{WHAT_NEXT[runner.ended[0]]}")
        if note:
            display.event(note)
        return execute(runner)


def saved_config(run: storage.Run) -> DictConfig:
    """The run's config as it was trained.

    Raises:
        UserError: the index, which holds it, is gone.
    """
    if "config" not in run.provenance:
        raise UserError(
            f"{run.folder} has lost run.h5, and with it the config of the run.\n"
            "Copy it back from a backup; the windows and checkpoints are not harmed."
        )
    saved = OmegaConf.create(str(run.provenance["config"]))
    assert isinstance(saved, DictConfig)
    return saved


def changed_config(run: storage.Run, words: list[str]) -> DictConfig:
    """The run's own config with the changes that a resumed run may take."""
    saved = saved_config(run)
    for word in words:
        key, equals, _ = word.lstrip("+").partition("=")
        if not equals or key.split(".")[0] not in RESUMABLE:
            raise UserError(
                f"{word}: a resumed run keeps its config; only {', '.join(RESUMABLE)} may change.\n"
                "Leave it out, or start a new run."
            )
    changes = OmegaConf.from_dotlist(["display.kind" + w[7:] if w.startswith("display=") else w for w in words])
    code = saved.pop("plugins", [])
    if code and "plugins" not in changes:
        raise UserError(
            f"{run.folder} was trained with plugins, and a run folder may not run code by itself.\n"
            f"If you trust them, name them again: {plugin_words(code)[0]}"
        )
    merged = OmegaConf.merge(saved, {"plugins": []}, changes)
    assert isinstance(merged, DictConfig)
    return merged
