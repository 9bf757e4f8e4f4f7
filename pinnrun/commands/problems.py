"""`pinnrun problems`: what can be solved, and all there is to know of one problem; read from the YAML files alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from textwrap import dedent, wrap
from typing import Any

import yaml

from pinnrun.errors import UserError

USAGE = """\
usage: pinnrun problems [NAME] [--config-dir FOLDER]

Lists the problems that can be solved; with NAME, tells all of one: equation, domain, keys and an example.
"""
WIDTH = 100
FAMILIES = ("Poisson-Boltzmann", "Poisson", "Evolution", "Ordinary differential equations", "Eigenvalues")
OWN = "Others"  # what says of itself no family
HEAD = ("type", "name", "summary", "about")  # keys that are told in words
COLUMNS = ("equation", "coordinates", "reference", "seconds")


@dataclass(frozen=True)
class Entry:
    """One YAML file: its name, its text, the problem's own keys in it, and what it says under ``about``."""

    name: str
    text: str
    group: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)
    loss: float | None = None  # the target that the file sets

    @property
    def summary(self) -> str:
        """The line that it says of itself."""
        return str(self.group.get("summary", ""))

    def cells(self) -> list[str]:
        """Its row in the list."""
        return [self.name, *(_text(self.about.get(key)) for key in COLUMNS)]


def main() -> int:
    """List the problems of pinnrun and those of --config-dir, or show one of them."""
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        print(USAGE, end="")
        return 0
    name = words.pop(0) if words and not words[0].startswith("-") else None
    folders = [shipped()]
    if words and words[0] in ("--config-dir", "-cd") and len(words) == 2:
        folders.append(Path(words[1]))
    elif words:
        raise UserError(f"pinnrun problems takes no '{words[0]}'; only NAME and --config-dir FOLDER")
    elif os.environ.get("PINNRUN_CONFIG_DIR"):
        folders.append(Path(os.environ["PINNRUN_CONFIG_DIR"]))
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--config-dir: there is no folder '{folder}'")
    entries = [read(path) for folder in folders for path in sorted((folder / "problem").glob("*.yaml"))]
    lines = listing(entries) if name is None else page(find(name, entries), *words)
    print("\n".join(lines))
    return 0


def shipped() -> Path:
    """Pinnrun's own configs (``confdir.conf_dir`` without its import of Hydra)."""
    package = Path(__file__).resolve().parents[1]
    return next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir())


def read(path: Path) -> Entry:
    """A problem's YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
        content: Any = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where} cannot be read: {getattr(error, 'problem', error)}") from error
    group = content.get("problem", content) if isinstance(content, dict) else {}
    group = group if isinstance(group, dict) else {}
    about = group.get("about")
    target = content.get("target") if isinstance(content, dict) else None
    loss = _number(target.get("loss")) if isinstance(target, dict) else None
    return Entry(path.stem, text, group, about if isinstance(about, dict) else {}, loss)


def _number(value: Any) -> float | None:
    try:
        return float(value)  # YAML 1.1 reads 1e-7 as text
    except (TypeError, ValueError):
        return None


def find(name: str, entries: Sequence[Entry]) -> Entry:
    """The problem of that name; raises UserError with the nearest one."""
    names = [entry.name for entry in entries]
    if name in names:
        return entries[names.index(name)]
    near = get_close_matches(name, names, 1)
    raise UserError(f"no problem '{name}'; " + (f"did you mean '{near[0]}'?" if near else "see pinnrun problems"))


# -- the list ------------------------------------------------------------------------------------------------------


def listing(entries: Sequence[Entry]) -> list[str]:
    """All problems in columns, under the headings of their families."""
    header = ["", "equation", "dim", "reference", "CPU s"]
    widths = [max(map(len, column)) for column in zip(header, *(entry.cells() for entry in entries), strict=True)]
    names = sorted({_family(entry) for entry in entries}, key=_order)
    lines = []
    for family in names:
        lines += ["", *([] if lines else [_row(header, widths)]), family]
        for entry in (entry for entry in entries if _family(entry) == family):
            told = bool(entry.about.get("equation"))
            lines.append(_row(entry.cells(), widths) if told else f"  {entry.name:<{widths[0]}}  {entry.summary}")
    return [*lines[1:], "", "pinnrun problems NAME tells all of one; pinnrun train problem=NAME solves it"]


def _family(entry: Entry) -> str:
    return str(entry.about.get("family") or OWN)


def _order(family: str) -> tuple[int, str]:
    known = FAMILIES.index(family) if family in FAMILIES else len(FAMILIES) + (family == OWN)
    return known, family


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text.ljust(width) for text, width in zip(cells[:-1], widths[:-1], strict=True)]
    return ("  " + "  ".join([*padded, cells[-1].rjust(widths[-1])])).rstrip()


def _text(value: Any) -> str:
    return "-" if value is None or value == "" else f"{value:g}" if isinstance(value, float) else str(value)


# -- one problem ---------------------------------------------------------------------------------------------------


def page(entry: Entry, *options: str) -> list[str]:
    """All of one problem."""
    keys, others = split(entry.text)
    about, where = entry.about, "".join(f" {word}" for word in options)
    seconds = about.get("seconds")
    facts = {
        "equation": about.get("equation"),
        "domain": about.get("domain"),
        "dimension": about.get("coordinates"),
        "reference": about.get("reference"),
        "time": None if seconds is None else f"about {_text(seconds)} CPU s, with everything at its default",
    }
    lines = [*wrap(f"{entry.name}: {entry.summary}", WIDTH), ""]
    for name, fact in facts.items():
        if fact:
            lines += [*wrap(str(fact), WIDTH, initial_indent=f"  {name:<11}", subsequent_indent=" " * 13)]
    if keys:
        heading = "keys with their defaults, on the command line problem.KEY=VALUE"
        lines += ["", heading, *(f"  {line}" for line in keys)]
    if others:
        lines += ["", "it also sets", *(f"  {line}" for line in others)]
    lines += sizes(entry)
    return [*lines, "", f"  $ pinnrun train{where} problem={entry.name}{_first_key(entry)}"]


def sizes(entry: Entry) -> list[str]:
    """What theory asks of a network for this problem and its target; nothing where one of them is not known."""
    count = coordinates_of(entry)
    if not count or entry.loss is None or entry.loss <= 0:
        return []
    from pinnrun.theory import accuracy_for, bounds, size_text

    accuracy = accuracy_for(entry.loss)
    lines = [
        "",
        f"sizes in theory for n_in = {count} and eps = sqrt(2 target.loss) = {accuracy:.2g}, constants taken as 1",
        f"  {'scaleup.start':<14} {'the solution is':<26} {'width':>6} {'depth':>12} {'parameters':>12}  source",
    ]
    for bound in bounds(count, accuracy):
        cells = [size_text(value) for value in (bound.width, bound.depth, bound.parameters)]
        lines.append(
            f"  {bound.start:<14} {bound.solution:<26} {cells[0]:>6} {cells[1]:>12} {cells[2]:>12}  {bound.source}"
        )
    return [
        *lines,
        "  a run starts at one of them if scaleup.start says so, else with one layer or two, as wide as is free",
    ]


def coordinates_of(entry: Entry) -> int | None:
    """The number of coordinates, time among them; None where the file does not say."""
    text = str(entry.about.get("coordinates", ""))
    if text == "d":
        dimension = entry.group.get("dimension")
        return dimension if isinstance(dimension, int) else None
    numbers = [word for word in text.split() if word.isdigit()]
    return sum(map(int, numbers)) + ("t" in text.split()) if numbers else None


def _first_key(entry: Entry) -> str:
    """A key of the problem with its own value, as an example of how one is written."""
    plain = (item for item in entry.group.items() if item[0] not in HEAD and isinstance(item[1], int | float | str))
    return next((f" problem.{key}={value}" for key, value in plain), "")


def split(text: str) -> tuple[list[str], list[str]]:
    """The lines of a YAML file that hold the problem's keys, with their comments, and those of other groups."""
    sections = list(_blocks(text.splitlines()))
    inside = [block for block in sections if block[0].startswith("problem:")]
    if inside:
        others = [line for block in sections if block not in inside for line in block]
        sections = list(_blocks(dedent("\n".join(inside[0][1:])).splitlines()))
    else:
        others = []
    return [line for block in sections if block[0].partition(":")[0] not in HEAD for line in block], others


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Each key that is not indented, with what is indented or commented below it; nothing from above the first."""
    block: list[str] = []
    for line in lines:
        if line.strip() and not line[0].isspace() and line[0] not in "#-":
            if block:
                yield block
            block = [line]
        elif block and line.strip():
            block.append(line)
    if block:
        yield block
