"""Fixtures that several rooms share."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from zygote import Zygote

from pinnrun import cli

PRIMARY = """\
defaults:
  - problem: wave
  - optimizer: adam
  - _self_
architecture: {width: 3, depth: 1}
steps: 100
title: first
hydra:
  run: {dir: "outputs/${problem.name}/${now:%Y-%m-%d_%H-%M-%S}_${uid:}"}
  sweep: {dir: "outputs/sweeps/${now:%Y-%m-%d_%H-%M-%S}_${uid:}"}
"""

TOY = {
    "train.yaml": PRIMARY,
    "open.yaml": "defaults:\n  - problem: ???\n  - _self_\n",
    "problem/wave.yaml": "name: wave\nspeed: 340\n",
    "problem/heat.yaml": "name: heat\nspeed: 1\n",
    "optimizer/adam.yaml": "name: adam\nrate: 0.1\n",
    "optimizer/newton.yaml": "name: newton\ndamping: 1e-6\n",
    "experiment/quick.yaml": "# @package _global_\nsteps: 5\n",
}


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's cache stays as it is: calibrations of the tests go into a folder of their own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PINNRUN_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def toy_conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small `conf/` with two groups, for tests of what is done with any config."""
    return write_files(tmp_path_factory.mktemp("toy"), TOY)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; the job logs that Hydra opens there are closed afterwards."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PINNRUN_CONFIG_DIR", raising=False)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    handlers, level = list(logging.root.handlers), logging.root.level
    yield folder
    for handler in set(logging.root.handlers) - set(handlers):
        logging.root.removeHandler(handler)
        handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Starts real `pinnrun` processes without the seconds that importing torch takes."""
    zygote = Zygote(tmp_path_factory.mktemp("zygote"))
    yield zygote
    zygote.close()


@pytest.fixture
def pinnrun(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., SimpleNamespace]:
    """Runs a command in this process; gives its exit code and what it printed."""

    def run(*words: str) -> SimpleNamespace:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["pinnrun", *words])
        code = cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run
