"""Tab completion, as a shell asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pinnrun import cli, completion
from pinnrun.composition import confdir
from pinnrun.errors import UserError

COMMANDS = {"train": True, "sweep": True, "koopman analyze": True, "koopman plot": False, "problems": False}


def no_run(name: str, arguments: list[str]) -> int:
    raise AssertionError(f"{name} was run")


@pytest.fixture
def run(toy_conf, workplace, monkeypatch):
    """Runs any command as one of Hydra's with the toy configs."""
    monkeypatch.setattr(confdir, "conf_dir", lambda: toy_conf)

    def run(name: str, arguments: list[str]) -> int:
        monkeypatch.setattr(sys, "argv", [f"pinnrun {name}", *arguments])
        confdir.run_hydra(lambda config: pytest.fail("was run"), "train")
        return 0

    return run


@pytest.mark.parametrize(
    "line, found",
    [
        ("pinnrun ", ["train", "sweep", "koopman", "problems", "--help", "--version"]),
        ("pinnrun t", ["train"]),
        ("pinnrun train", ["train"]),
        ("pinnrun k", ["koopman"]),
        ("pinnrun koopman ", ["analyze", "plot"]),
        ("pinnrun koopman a", ["analyze"]),
        ("pinnrun --v", ["--version"]),
        ("pinnrun x", []),
        ("pinnrun x y", []),
        ("pinnrun problems ", []),
        ("pinnrun train --co", ["--config-dir", "--config-name"]),
        ("pinnrun train steps=3 --cfg ", ["job", "hydra", "all"]),
        ("pinnrun train --cfg j", ["job"]),
        ("pinnrun train --config-dir my", []),
    ],
)
def test_commands_and_options_are_completed_without_hydra(line, found):
    assert completion.candidates(line, COMMANDS, no_run) == found


@pytest.mark.parametrize(
    "line, found",
    [
        ("pinnrun train problem=", ["problem=heat", "problem=wave"]),
        ("pinnrun train problem=w", ["problem=wave"]),
        ("pinnrun sweep steps=1 optimizer=", ["optimizer=adam", "optimizer=newton"]),
        ("pinnrun koopman analyze prob", ["problem.", "problem="]),
        ("pinnrun train arch", ["architecture."]),
        ("pinnrun train architecture.", ["architecture.depth=", "architecture.width="]),
        ("pinnrun train optimizer=newton optimizer.", ["optimizer.damping=", "optimizer.name="]),
        ("pinnrun train --cfg job problem=w", ["problem=wave"]),
        ("pinnrun train steps=", ["steps=100"]),
        ("pinnrun train 'broken={ problem=nope x.", []),
    ],
)
def test_settings_are_completed_by_hydra(run, workplace, capfd, line, found):
    assert completion.candidates(line, COMMANDS, run) == found
    assert capfd.readouterr() == ("", "")
    assert not list(workplace.iterdir())


@pytest.mark.parametrize("option", ["--config-dir {}", "--config-dir={}", "-cd {}"])
def test_the_users_own_configs_are_completed_too(run, tmp_path, option):
    (tmp_path / "mine" / "problem").mkdir(parents=True)
    (tmp_path / "mine" / "problem" / "beam.yaml").write_text("name: beam\n")
    line = f"pinnrun train {option.format(tmp_path / 'mine')} problem=b"
    assert completion.candidates(line, COMMANDS, run) == ["problem=beam"]


@pytest.mark.parametrize("shell, shown", [("bash", "train \n"), ("zsh", "train \n"), ("fish", "train\n")])
def test_a_finished_word_is_followed_by_a_space(monkeypatch, capsys, shell, shown):
    monkeypatch.setenv("COMP_LINE", "pinnrun tr")
    assert completion.main([f"query={shell}"], COMMANDS, no_run) == 0
    assert capsys.readouterr().out == shown


def test_an_unfinished_word_is_not(monkeypatch, capsys, run):
    monkeypatch.setenv("COMP_LINE", "pinnrun train arch")
    completion.main(["query=bash"], COMMANDS, run)
    assert capsys.readouterr().out == "architecture.\n"


@pytest.mark.parametrize("words", [[], ["install"], ["install=tcsh"], ["remove=bash"], ["install=bash", "x"]])
def test_a_wrong_request_is_told(words):
    with pytest.raises(UserError, match="pinnrun -sc install=SHELL"):
        completion.main(words, COMMANDS, no_run)


@pytest.mark.parametrize("shell", completion.HOOKS)
def test_each_shell_gets_a_hook_for_pinnrun(monkeypatch, capsys, shell):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/pinnrun", "-sc", f"install={shell}"])
    assert cli.main() == 0
    hook = capsys.readouterr().out
    assert f"pinnrun -sc query={shell}" in hook
    assert "/somewhere" not in hook


@pytest.fixture
def on_path(toy_conf, tmp_path, workplace, monkeypatch) -> Path:
    """A `pinnrun` on PATH, whose train command runs on the toy configs."""
    script = tmp_path / "bin" / "pinnrun"
    script.parent.mkdir()
    root = Path(completion.__file__).parents[1]
    script.write_text(
        f"#!{sys.executable}\n"
        f"import sys, types\nfrom pathlib import Path\nsys.path.insert(0, {str(root)!r})\n"
        "from pinnrun import cli\n"
        "def main():\n"
        "    from pinnrun.composition import confdir\n"
        f"    confdir.conf_dir = lambda: Path({str(toy_conf)!r})\n"
        "    return confdir.run_hydra(print, 'train')\n"
        "cli.import_module = lambda name: types.SimpleNamespace(main=main)\n"
        "sys.exit(cli.main())\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return script


@pytest.mark.parametrize(
    "line, breaks, replies",
    [
        ("pinnrun tr", "=:", "<train >"),
        ("pinnrun train opt", "=:", "<optimizer.><optimizer=>"),
        # Where = breaks words, bash replaces only what follows it; where it does not, the whole word.
        ("pinnrun train problem=", "=:", "<heat ><wave >"),
        ("pinnrun train problem=", ":", "<problem=heat ><problem=wave >"),
        ("pinnrun zzz", "=:", ""),
    ],
)
def test_bash_is_answered_in_its_own_terms(on_path, line, breaks, replies):
    script = (
        'eval "$(pinnrun -sc install=bash)"\n'
        f"COMP_WORDBREAKS='{breaks}' COMP_LINE='{line}' COMP_POINT={len(line)}\n"
        '_pinnrun; (( ${#COMPREPLY[@]} )) && printf "<%s>" "${COMPREPLY[@]}"; exit 0'
    )
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == (replies, "")
