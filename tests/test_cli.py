"""The dispatcher: names, exit codes, and how little it imports."""

import os
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from pinnrun import __version__, cli
from pinnrun.cli import COMMANDS, Command
from pinnrun.composition import confdir
from pinnrun.errors import UserError

HEAVY = {"torch", "numpy", "hydra", "omegaconf", "h5py", "rich", "scipy", "argparse"}


def pinnrun(*words: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pinnrun", *words], capture_output=True, text=True, **options)


@pytest.fixture
def command(monkeypatch):
    """Commands whose `main` is under the test's control; `seen` collects the command lines they get."""
    toy = SimpleNamespace(seen=[], outcome=None)

    def main():
        toy.seen.append(list(sys.argv))
        if isinstance(toy.outcome, BaseException):
            raise toy.outcome
        return toy.outcome

    toy.main = main
    monkeypatch.setattr(cli, "import_module", lambda name: toy)
    return toy


@pytest.fixture
def call(monkeypatch):
    def call(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["/usr/bin/pinnrun", *words])
        return cli.main()

    return call


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_every_command(call, capsys, words):
    assert call(*words) == 0
    shown = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.help)}$", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 100


def test_the_examples_in_the_help_are_sound():
    examples = [line.split("  ")[1].split() for line in cli.USAGE.splitlines() if line.startswith("  pinnrun")]
    assert len(examples) == 4
    for _, name, *words in examples:
        overrides = [word for word in words if "=" in word]
        composer = confdir.Composer(confdir.conf_dir(), "train")
        assert len(list(composer.jobs(overrides, multirun=name == "sweep"))) == (6 if name == "sweep" else 1)


def test_version(call, capsys):
    assert call("--version") == 0
    assert capsys.readouterr().out == f"pinnrun {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_named_can_be_imported_and_has_a_main(name):
    assert callable(import_module(COMMANDS[name].module).main)


@pytest.mark.parametrize(
    "words, line",
    [
        (["train", "steps=3"], ["pinnrun train", "steps=3"]),
        (["train"], ["pinnrun train"]),
        (["koopman", "analyze", "run=x"], ["pinnrun koopman analyze", "run=x"]),
        (["sweep", "steps=1,2"], ["pinnrun sweep", "--multirun", "steps=1,2"]),
        # Hydra takes no second mode beside --multirun.
        (["sweep", "--cfg", "job"], ["pinnrun sweep", "--cfg", "job"]),
        (["sweep", "--cfg=job"], ["pinnrun sweep", "--cfg=job"]),
        (["sweep", "steps=1", "--help"], ["pinnrun sweep", "steps=1", "--help"]),
        (["sweep", "-sc", "query=bash"], ["pinnrun sweep", "-sc", "query=bash"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_command_gets_its_own_command_line(call, command, words, line):
    assert call(*words) == 0
    assert command.seen == [line]


@pytest.mark.parametrize("outcome, code", [(None, 0), (0, 0), (4, 4), (130, 130)])
def test_the_exit_code_is_the_commands(call, command, outcome, code):
    command.outcome = outcome
    assert call("train") == code


def test_a_users_mistake_is_told_without_traceback(call, command, capsys):
    command.outcome = UserError("steps: must be at least 1, got 0")
    assert call("train") == 2
    assert capsys.readouterr() == ("", "steps: must be at least 1, got 0\n")


def test_an_interrupt_ends_quietly(call, command, capsys):
    command.outcome = KeyboardInterrupt()
    assert call("train") == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_a_bug_keeps_its_traceback(call, command):
    command.outcome = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        call("train")


@pytest.mark.parametrize(
    "words, message",
    [
        (["trian"], "no command 'trian'; did you mean 'train'?"),
        (["koopman", "analyse"], "no command 'koopman analyse'; did you mean 'koopman analyze'?"),
        (["koopman", "xyzzy"], "no command 'koopman xyzzy'; did you mean 'koopman analyze'?"),
        (["xyzzy"], "no command 'xyzzy'; see pinnrun --help"),
        (["--verison"], "no command '--verison'; see pinnrun --help"),
        (["problem=npbe"], "no command 'problem=npbe'; did you mean 'pinnrun train problem=npbe'?"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_unknown_command_is_told_with_the_nearest_one(call, capsys, words, message):
    assert call(*words) == 2
    assert capsys.readouterr() == ("", f"{message}\n")


@pytest.mark.parametrize("words", [("koopman",), ("koopman", "--help")])
def test_a_group_of_commands_lists_them(call, capsys, words):
    assert call(*words) == 0
    shown = capsys.readouterr().out
    assert "koopman analyze" in shown
    assert "sweep" not in shown


def test_the_longest_command_name_wins(monkeypatch):
    monkeypatch.setitem(COMMANDS, "koopman", Command("none", "none"))
    assert cli.split_command(["koopman", "analyze", "x"]) == ("koopman analyze", ["x"])
    assert cli.split_command(["koopman", "x"]) == ("koopman", ["x"])


@pytest.mark.parametrize("words", ["--help", "--version", "trian", "-sc install=bash"])
def test_nothing_heavy_is_imported_before_a_command_is_chosen(words):
    code = (
        "import sys; from pinnrun.cli import main; sys.argv[1:] = sys.argv[1].split(); main();"
        f"sys.exit(', '.join({HEAVY!r} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code, words], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_help_takes_less_than_150_ms():
    def seconds() -> float:
        start = time.perf_counter()
        pinnrun("--help", check=True)
        return time.perf_counter() - start

    # The fastest of several, since the machine has other things to do as well.
    assert min(seconds() for _ in range(7)) < 0.15


def test_a_reader_that_leaves_is_no_error():
    script = f"{sys.executable} -m pinnrun --help | head -c 0; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert result.stderr == ""
    assert result.returncode in (0, 141)  # 0 if all was written before the reader left


def test_the_module_runs_as_the_command_does():
    result = pinnrun("trian")
    assert (result.returncode, result.stderr) == (2, "no command 'trian'; did you mean 'train'?\n")


def test_the_entry_point_of_the_package_is_main():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert 'pinnrun = "pinnrun.cli:main"' in text
    assert os.access(cli.__file__, os.R_OK)


@pytest.mark.parametrize("words", ["train --cfg job", "sweep --help", "train bdget.steps=3", "-sc query=bash"])
def test_torch_is_not_imported_before_there_is_something_to_train(words, tmp_path):
    code = (
        "import sys; from pinnrun.cli import main; sys.argv[1:] = sys.argv[1].split(); main();"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, words],
        env={
            **os.environ,
            "COMP_LINE": "pinnrun train problem=n",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert not list(tmp_path.iterdir())
