"""What is built holds what is needed, and the files that name versions agree."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from pinnrun import __version__

ROOT = Path(__file__).parents[1]
CONFIGS = {path.relative_to(ROOT).as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
DATA = {p.relative_to(ROOT).as_posix() for p in (ROOT / "pinnrun" / "problems" / "data").iterdir()}
MODULES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pinnrun").rglob("*.py")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    [path] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    return Path(path)


def test_the_wheel_holds_modules_configs_and_the_mark_of_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "conf/train.yaml" in CONFIGS
    assert {f"pinnrun/{name}" for name in CONFIGS} | MODULES | DATA | {"pinnrun/py.typed"} <= names
    assert {name.partition("/")[0] for name in names} == {"pinnrun", f"pinnrun-{__version__}.dist-info"}


def test_data_of_others_come_with_their_licence(wheel):
    assert any(name.endswith("pinnacle_poisson2d.npz") for name in DATA)
    notice = zipfile.ZipFile(wheel).read("pinnrun/problems/data/pinnacle_LICENSE.txt").decode()
    assert "MIT License" in notice
    assert "PINNacle Dev Team" in notice


def test_the_wheel_installs_the_command(wheel):
    entry = zipfile.ZipFile(wheel).read(f"pinnrun-{__version__}.dist-info/entry_points.txt").decode()
    assert "pinnrun = pinnrun.cli:main" in entry


def test_a_command_finds_the_configs_of_the_wheel_far_from_the_checkout(wheel, tmp_path):
    site = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    result = subprocess.run(
        [sys.executable, "-m", "pinnrun", "train", "--cfg", "job", "problem=poisson"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert yaml.safe_load(result.stdout)["problem"]["name"].startswith("poisson")
    shown = subprocess.run(
        [sys.executable, "-c", "from pinnrun.composition.confdir import conf_dir; print(conf_dir())"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(shown.stdout.strip()) == site / "pinnrun" / "conf"
    assert not list(elsewhere.iterdir())


def test_the_source_archive_can_be_built_and_tested(tmp_path):
    [path] = SdistBuilder(str(ROOT)).build(directory=str(tmp_path))
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tests = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")}
    needed = {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "Makefile",
        "constraints.txt",
        "pinnrun/py.typed",
        ".ci/run",
    }
    assert CONFIGS | MODULES | tests | needed <= names
    assert not [name for name in names if name.startswith(("outputs", ".git/", "dist", ".venv"))]


def test_every_dependency_has_a_tested_version_within_its_range():
    from packaging.requirements import Requirement

    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    text = (ROOT / "pyproject.toml").read_text()
    blocks = re.findall(r"^(?:dependencies|plot|soap|bench|dev) = (\[.*?\])$", text, re.MULTILINE | re.DOTALL)
    wanted = [Requirement(line) for block in blocks for line in re.findall(r'"([^"]+)"', block)]
    assert len(wanted) > 12
    for requirement in wanted:
        if requirement.name != "pinnrun":
            versions = [next(iter(pin.specifier)).version for pin in pins if pin.name == requirement.name]
            assert versions, requirement.name
            assert all(requirement.specifier.contains(version) for version in versions), requirement.name


def test_pre_commit_formats_as_the_lint_target_does():
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [revision] = [repo["rev"] for repo in repos if "ruff" in repo["repo"]]
    assert f"ruff=={revision.lstrip('v')}\n" in (ROOT / "constraints.txt").read_text()


def test_the_citation_and_the_changelog_name_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    assert re.search(rf"^## .*\b{re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_make_lists_its_targets():
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony
    shown = subprocess.run(["make", "-s", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    assert [f"make {name}" in shown for name in phony[1].split()] == [True] * len(phony[1].split())


def test_ci_runs_the_tests_in_an_environment_of_its_own(tmp_path):
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    fake = tmp_path / "make"
    fake.write_text('#!/bin/sh\necho "$CI $*"; pwd\n')
    fake.chmod(0o755)
    result = subprocess.run(
        [str(script)],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    line, folder = result.stdout.splitlines()
    assert re.fullmatch(rf"true test VENV={re.escape(str(tmp_path))}/\S+/venv", line)
    assert Path(folder) == ROOT
    assert [path.name for path in tmp_path.iterdir()] == ["make"]
