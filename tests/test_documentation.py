"""Every command that the README and the docs show runs, and ends as they say; the plugin of the docs is the one run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cases import draw
from zygote import Zygote

from pinnrun.calculus import Derivatives, Points, Term

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXIT_CODES = {f"budget.steps={steps}": 4 for steps in (20, 30, 40, 1500)}  # budgets meant to be spent
SHORTER = {  # what takes minutes is run with one seed; everything else just as it is shown
    "pinnrun sweep problem=npbe seed=0,1,2,3,4": "pinnrun sweep problem=npbe seed=2",
    "pinnrun sweep experiment=record_npbe seed=0,1,2,3,4": "pinnrun sweep experiment=record_npbe seed=3",
}

BUDGET_SPENT = 4


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.S)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def run(command: str, folder: Path, zygote: Zygote | None = None) -> subprocess.CompletedProcess[str]:
    """With a zygote, pinnrun need not import torch once more for every line."""
    words = shlex.split(SHORTER.get(command, command))
    if zygote and words[0] == "pinnrun":
        child = zygote.start(*words[1:], cwd=folder)
        return subprocess.CompletedProcess(words, child.wait(), child.out, child.err)
    program = {"pinnrun": [sys.executable, "-m", "pinnrun"], "python": [sys.executable]}[words[0]]
    return subprocess.run([*program, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=300)


def write_example(page: Path, folder: Path) -> None:
    """Lay out the files that a page shows, each named in backticks on the line before its block."""
    for name, block in re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)```", page.read_text(), re.S | re.M):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_run_as_shown(page: Path, tmp_path: Path, zygote: Zygote) -> None:
    write_example(page, tmp_path)
    brief = page.parent.name == "problems"  # these trainings are measured by benchmarks.library; here they only begin
    fork = None if page.name == "README.md" else zygote  # what is read first runs just as it is typed
    for command in commands(page):
        begins = brief and command.startswith("pinnrun train")
        done = run(f"{command} budget.seconds=1" if begins else command, tmp_path, fork)
        expected = next((code for part, code in EXIT_CODES.items() if part in command.split()), 0)
        allowed = {0, BUDGET_SPENT} if begins else {expected}
        assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def test_the_pages_show_commands() -> None:
    shown = {" ".join(command.split()[:2]) for page in PAGES for command in commands(page)}
    assert {f"pinnrun {name}" for name in ("train", "sweep", "koopman", "evaluate", "problems")} <= shown


def test_links_and_pictures_are_there() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.M)) <= targets


def test_a_soliton_solves_the_residual_of_the_docs() -> None:
    """The example of higher derivatives, on u = 3c sech²(½√c (x − ct)), which solves u_t + u u_x + u_xxx = 0."""
    text = (ROOT / "docs" / "your-own-problem.md").read_text()
    [block] = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "derivative(0, 0, 0)" in block]
    names: dict[str, Any] = {"Term": Term, "Derivatives": Derivatives}
    exec(block, names)
    problem = SimpleNamespace(sample=None, residual=None, points=1)
    [term] = names["terms"](problem)
    assert term.derivatives.channels(2) == 5 and "five channels" in text
    c, points = 1.7, Points(draw(20, 2))
    x = points.coordinates(term.derivatives)
    tanh = (0.5 * c**0.5 * (x[0] - c * x[1])).tanh()
    u = 3.0 * c * (1.0 - tanh * tanh)
    residual = names["residual"](problem, points, u)
    assert residual.shape == (1, 20, 1)
    assert float(residual.abs().max()) < 1e-13 < 0.1 < float(u.derivative(0, 0, 0).abs().max())
