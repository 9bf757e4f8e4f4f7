"""Tab completion for bash, zsh and fish: prints the shell's hook, and answers it.

Command names are completed here, with the standard library alone; what follows a command, be it a group, an
option of it or a key, is completed by Hydra, which is imported only then.
"""

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from pinnrun.errors import UserError

# bash keeps = among its word breaks and then replaces only what follows the last one.
_BASH = """\
_pinnrun() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\\n'
    local word="${line##* }"
    COMPREPLY=($(COMP_LINE="$line" pinnrun -sc query=bash 2>/dev/null))
    if [[ $COMP_WORDBREAKS == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*=}"}"}")
    fi
}
complete -o nospace -o default -F _pinnrun pinnrun
"""

_ZSH = """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }
_pinnrun() {
    local -a found
    found=(${(f)"$(COMP_LINE="${(j: :)words[1,CURRENT]}" pinnrun -sc query=zsh 2>/dev/null)"})
    (( $#found )) && compadd -Q -S '' -- $found || _files
}
compdef _pinnrun pinnrun
"""

_FISH = """\
complete -c pinnrun -f -a '(COMP_LINE=(commandline -cp) pinnrun -sc query=fish 2>/dev/null)'
"""

HOOKS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

# Options worth completing, with what may follow them; None: a path, which the shell completes itself.
_OPTIONS = {
    "--help": (),
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
    "--config-dir": None,
    "--config-name": (),
    "--multirun": (),
}

Run = Callable[[str, list[str]], int]


def main(words: list[str], commands: Mapping[str, bool], run: Run) -> int:
    """Answer `-sc install=SHELL` and `-sc query=SHELL` (the line so far in COMP_LINE).

    `commands` maps command names to whether they take overrides; `run(name, arguments)` runs one of them.
    """
    task, _, shell = (words[0] if words else "").partition("=")
    if task not in ("install", "query") or shell not in HOOKS or len(words) > 1:
        raise UserError(f"tab completion: write 'pinnrun -sc install=SHELL' with SHELL {', '.join(HOOKS)}")
    if task == "install":
        print(HOOKS[shell], end="")
        return 0
    # fish adds the space after a finished word itself.
    for found in candidates(os.environ.get("COMP_LINE", ""), commands, run):
        print(found if shell == "fish" or found.endswith(("=", ".", "/")) else f"{found} ")
    return 0


def candidates(line: str, commands: Mapping[str, bool], run: Run) -> list[str]:
    """Return what the last word of a command line may become; an empty list leaves the word to the shell."""
    words = line.split()[1:]
    word = words.pop() if words and not line.endswith(" ") else ""
    name = next((name for name in commands if words[: len(name.split())] == name.split()), None)
    if name is None:
        return _starting(word, _next_words(words, commands))
    words = words[len(name.split()) :]
    before = _OPTIONS.get(words[-1], ()) if words else ()
    if before is None or before:
        return _starting(word, before or ())
    if word.startswith("-"):
        return _starting(word, _OPTIONS)
    return _by_hydra(name, words, word, run) if commands[name] else []


def _starting(word: str, options: Collection[str]) -> list[str]:
    return [option for option in options if option.startswith(word)]


def _next_words(words: list[str], commands: Collection[str]) -> list[str]:
    """Return the words that continue `words` towards a command, each once."""
    at = len(words)
    split = [name.split() for name in commands]
    found = {parts[at]: None for parts in split if parts[:at] == words and len(parts) > at}
    return [*found, "--help", "--version"] if at == 0 else list(found)


def _by_hydra(name: str, words: list[str], word: str, run: Run) -> list[str]:
    """Let the command's own Hydra complete a word, in silence: a half-typed line may well be wrong."""
    options, overrides = _split(words)
    os.environ["COMP_LINE"] = " ".join(["pinnrun", *overrides, word])
    printed = StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(StringIO()):
            run(name, [*options, "-sc", "query=fish"])  # fish: one candidate a line
    except (Exception, SystemExit):
        return []
    return _starting(word, printed.getvalue().split("\n")[:-1])


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the options that decide which configs there are, and the overrides; the rest is dropped."""
    options, overrides, rest = [], [], iter(words)
    for word in rest:
        if word in ("--config-dir", "-cd", "--config-name", "-cn"):
            options += [word, next(rest, "")]
        elif word.startswith(("--config-dir=", "--config-name=")):
            options.append(word)
        elif not word.startswith("-") and ("=" in word or word.startswith("~")):
            overrides.append(word)
    return options, overrides
