"""The house of docs/inside.md: every room on its floor, and no arrow up."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ROOT / "pinnrun"
NO_TORCH = (
    "koopman",
    "scaleup",
    "display",
    "composition",
    "completion",
    "cli",
    "settings",
    "strict",
    "plain",
    "errors",
)


def room_of(path: Path) -> str:
    return path.relative_to(CODE).parts[0].removesuffix(".py")


ROOMS = {room_of(path) for path in CODE.rglob("*.py")} - {"__init__", "__main__"}


def floors() -> dict[str, int]:
    """Of every room, by the table."""
    page = (ROOT / "docs" / "inside.md").read_text()
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.M)
    return {room: int(floor) for floor, rooms in rows for room in re.findall(r"`(\w+)`", rooms)}


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, at its head or when it needs them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_table_names_every_room():
    assert set(floors()) == ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_uses_lower_floors_alone(room):
    floor = floors()
    files = [path for path in CODE.rglob("*.py") if room_of(path) == room]
    used = {name.split(".")[1] for path in files for name in imports(path) if name.startswith("pinnrun.")}
    assert not {other for other in used & ROOMS if other != room and floor[other] >= floor[room]}


@pytest.mark.parametrize("room", NO_TORCH)
def test_a_room_without_torch(room):
    files = [path for path in CODE.rglob("*.py") if room_of(path) == room]
    assert files and not {path.name for path in files if {name.split(".")[0] for name in imports(path)} & {"torch"}}


def test_nothing_but_the_program_uses_the_command_line():
    using = {path.name for path in CODE.rglob("*.py") if "pinnrun.cli" in set(imports(path))}
    assert using == {"__main__.py"}
