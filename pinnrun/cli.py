"""The `pinnrun` command: names the subcommands and hands over to one of them.

Standard library only, so that help and the completion of command names take a twentieth of a second; Hydra
and torch are imported by the command that needs them.
"""

import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from pinnrun import __version__
from pinnrun.errors import UserError


@dataclass(frozen=True)
class Command:
    """One subcommand: the module whose `main()` runs it, a line of help, and how its arguments are read."""

    module: str
    help: str
    prefix: tuple[str, ...] = ()  # arguments put before the user's
    hydra: bool = True  # takes key=value overrides, which Hydra can complete


COMMANDS = {
    "train": Command("pinnrun.commands.train", "find the smallest network that reaches the target"),
    "sweep": Command("pinnrun.commands.sweep", "train once for every combination of values", ("--multirun",)),
    "evaluate": Command("pinnrun.commands.evaluate", "write a trained field, and its gradient, at your points"),
    "calibrate": Command(
        "pinnrun.commands.calibrate", "what a step costs on this device, and the alpha that it implies"
    ),
    "koopman analyze": Command("pinnrun.commands.koopman_analyze", "forecast, spectrum and decisions of a saved run"),
    "koopman compare": Command("pinnrun.commands.koopman_compare", "which trainings are alike, by their spectra"),
    "problems": Command("pinnrun.commands.problems", "list the problems that can be solved", hydra=False),
}

USAGE = """\
usage: pinnrun COMMAND [key=value ...]

Finds the smallest neural network that solves a differential equation to a required accuracy.

commands:
{commands}

options:
  -h, --help                 show this page; after a command, its settings and their values
  --version                  show the version
  -sc install=bash|zsh|fish  print the tab completion of a shell, to be evaluated by it

examples:
  pinnrun train problem=poisson architecture.width=8
  pinnrun train --cfg job           show the composed config instead of running it
  pinnrun train --config-dir mine   use your own configs, here mine/problem/*.yaml, as well
  pinnrun sweep problem=poisson optimizer=lm,adam seed=1,2,3
"""

# Flags that show something instead of running; Hydra refuses them next to --multirun.
_SHOWING = {"--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}


def main() -> int:
    """Run the command named in `sys.argv`; return the exit code. A user's mistake gets no traceback."""
    try:
        code = _dispatch(sys.argv[1:])
        sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:
        if _comes_of_ctrl_c(error):
            print("interrupted", file=sys.stderr)
            return 130
        if isinstance(error, UserError):
            print(error, file=sys.stderr)
            return 2
        if not isinstance(error, BrokenPipeError):
            raise
        # The reader of a pipe has left; without this Python complains once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _comes_of_ctrl_c(error: BaseException | None) -> bool:
    """Whether it is a KeyboardInterrupt, or what a library that was interrupted made of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help(), end="")
        return 0
    if words[0] == "--version":
        print(f"pinnrun {__version__}")
        return 0
    if words[0] in ("-sc", "--shell-completion"):
        from pinnrun import completion

        return completion.main(words[1:], {name: command.hydra for name, command in COMMANDS.items()}, run)
    name, rest = split_command(words)
    if name in COMMANDS:
        return run(name, rest)
    if subcommands(name):
        if rest and rest[0] not in ("-h", "--help"):
            raise UserError(_unknown(f"{name} {rest[0]}"))
        print(f"usage: pinnrun {name} COMMAND [key=value ...]\n\ncommands:\n{_table(subcommands(name))}")
        return 0
    raise UserError(_unknown(name))


def split_command(words: list[str]) -> tuple[str, list[str]]:
    """Split words into the longest command name they begin with (else the first word) and the rest."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return name, words[length:]
    return words[0], words[1:]


def subcommands(group: str) -> list[str]:
    """Return the commands of two words that begin with `group`."""
    return [name for name in COMMANDS if name.startswith(f"{group} ")]


def run(name: str, arguments: list[str]) -> int:
    """Import a command and run it with these arguments."""
    command = COMMANDS[name]
    prefix = () if _SHOWING & {word.partition("=")[0] for word in arguments} else command.prefix
    sys.argv = [f"pinnrun {name}", *prefix, *arguments]
    return import_module(command.module).main() or 0


def _help() -> str:
    return USAGE.format(commands=_table(list(COMMANDS)))


def _table(names: list[str]) -> str:
    return "\n".join(f"  {name:<18}{COMMANDS[name].help}" for name in names)


def _unknown(name: str) -> str:
    near = get_close_matches(name, list(COMMANDS), 1)
    if "=" in name and not name.startswith("-"):
        advice = f"did you mean 'pinnrun train {name}'?"
    else:
        advice = f"did you mean '{near[0]}'?" if near else "see pinnrun --help"
    return f"no command '{name}'; {advice}"
