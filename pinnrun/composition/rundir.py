"""Takes back the folder that Hydra makes before a task starts, when the task finds that it cannot run."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_HYDRA_FILES = {"config.yaml", "hydra.yaml", "overrides.yaml"}


def discard_run_folder(path: str | Path) -> bool:
    """Remove a run folder that holds nothing but what Hydra put there: `.hydra/` and the log of this job.

    Parents that this leaves empty go as well, up to and without `outputs`; outside a folder of that name no
    parent is touched. A folder with anything else in it stays as it is, and so does the working directory.
    Returns whether the folder is gone.
    """
    folder = Path(path).resolve()
    if not folder.is_dir():
        return False
    logs = [(logger, handler) for logger, handler in _file_handlers() if _file(handler).parent == folder]
    ours = {".hydra", *(_file(handler).name for _, handler in logs)}
    composed = folder / ".hydra"
    if _names(folder) - ours or _names(composed) - _HYDRA_FILES:
        return False
    for logger, handler in logs:
        logger.removeHandler(handler)
        handler.close()
        _file(handler).unlink(missing_ok=True)
    for name in _names(composed):
        (composed / name).unlink()
    with suppress(OSError):
        composed.rmdir()
    if folder in (Path.cwd(), *Path.cwd().parents):
        return False
    folder.rmdir()
    _remove_empty_parents(folder)
    return True


def _remove_empty_parents(folder: Path) -> None:
    within = [parent.name for parent in folder.parents]
    if "outputs" not in within:
        return
    for parent in list(folder.parents)[: within.index("outputs")]:
        try:
            parent.rmdir()
        except OSError:  # not empty: other runs live here
            return


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def _file(handler: logging.FileHandler) -> Path:
    return Path(handler.baseFilename).resolve()


def _file_handlers() -> Iterator[tuple[logging.Logger, logging.FileHandler]]:
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    for logger in [logging.root, *known]:
        for handler in list(logger.handlers):
            if isinstance(handler, logging.FileHandler):
                yield logger, handler
