"""Hydra's and OmegaConf's config errors, retold: what is wrong, where, and what to type instead.

Hydra advises "+key=value" for a misspelt key, which it then accepts in silence; here the nearest key that
exists is named. Its lists of available options are kept, its search paths and class names are not.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

# What may be raised between the command line and the first line of a task. ValueError: Hydra checks flags and
# defaults lists with it. OSError: the run folder cannot be made.
CONFIG_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, OSError)


@dataclass(frozen=True)
class Scene:
    """What an explanation may look at: the overrides typed, and the configs they were meant for."""

    overrides: Sequence[str]
    compose: Callable[[Sequence[str]], DictConfig]
    options: Callable[[str], Sequence[str]]  # the configs in a group; "" is the root
    groups: Callable[[], Sequence[str]]


def explain(error: BaseException, scene: Scene) -> str:
    """Return a short message for an error raised while Hydra read the command line or composed the config."""
    cause = error.__cause__
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override, scene)
    if isinstance(error, MissingConfigException):
        return _no_such_config(error, scene)
    if isinstance(error, yaml.YAMLError):
        return _bad_yaml(error)
    if isinstance(error, OmegaConfBaseException):
        return _from_omegaconf(error)
    if isinstance(error, OSError):
        return _no_folder(error)
    message = str(error).strip()
    for pattern, retell in _RETOLD:
        match = re.search(pattern, message, re.DOTALL)
        if match:
            return retell(match, scene)
    message = message.partition("\nConfig search path:")[0].strip()
    reason = explain(cause, scene) if cause is not None else ""
    return ": ".join(part for part in (message, reason) if part) or type(error).__name__


def nearest(word: str, candidates: Sequence[str], form: str = "{}") -> str:
    """Return "; did you mean '...'?" for the closest candidate, or nothing."""
    near = get_close_matches(word, candidates, 1)
    return f"; did you mean '{form.format(near[0])}'?" if near else ""


def dotted_keys(config: Any, path: str = "") -> list[str]:
    """Return every key of a config in dotted form, groups included; interpolations are left alone."""
    if not isinstance(config, DictConfig) or config._is_none() or config._is_missing():
        return []
    keys = []
    for name, value in config.items_ex(resolve=False):
        full = f"{path}.{name}" if path else str(name)
        keys += [full, *dotted_keys(value, full)]
    return keys


# ---- unknown keys ----------------------------------------------------------------------------------------


def _unknown_keys(match: re.Match, scene: Scene) -> str:
    """Name every unknown key, not only the one at which Hydra stopped."""
    remaining, unknown, last = list(scene.overrides), [match[1]], None
    while True:
        remaining = [line for line in remaining if _key(line) != unknown[-1]]
        try:
            config = scene.compose(remaining)
            break
        except CONFIG_ERRORS as error:
            found = re.search(_UNKNOWN_KEY, str(error))
            if found is None or found[1] in unknown:
                config, last = DictConfig({}), error
                break
            unknown.append(found[1])
    keys = dotted_keys(config)
    lines = [_unknown_key(key, keys) for key in unknown]
    if last is not None:
        lines.append(explain(last, scene))
    return "\n".join(lines)


def _unknown_key(key: str, keys: Sequence[str]) -> str:
    """Look for the key as a misspelt whole, then as a leaf of which the groups were left out."""
    dotted = key.replace("/", ".")
    own = [full for full in keys if full.startswith("hydra") == dotted.startswith("hydra")]
    leaves = {full.rpartition(".")[2]: full for full in reversed(own)}
    near = get_close_matches(dotted, own, 1, cutoff=0.8) or [
        leaves[leaf] for leaf in get_close_matches(dotted.rpartition(".")[2], list(leaves), 1, cutoff=0.75)
    ]
    return f"unknown key '{key}'" + (f"; did you mean '{near[0]}'?" if near else "; --cfg job lists all keys")


def _key(override: str) -> str:
    """Return the key that a line of the command line sets, without +, ~ and value."""
    try:
        return OverridesParser.create().parse_override(override).key_or_group
    except HydraException:
        return override.partition("=")[0].lstrip("+~")


# ---- the other mistakes ----------------------------------------------------------------------------------


def _unreadable(override: str, scene: Scene) -> str:
    override = override.replace("\n", "\\n")
    key, equals, value = override.partition("=")
    if not equals:
        homes = [f"{group}={override}" for group in scene.groups() if override in scene.options(group)]
        advice = f"; did you mean '{homes[0]}'?" if homes else ""
        return f"cannot read '{override}': a setting is written key=value{advice}"
    if value.startswith("="):
        return f"cannot read '{override}'; did you mean '{key}={value.lstrip('=')}'?"
    return (
        f"cannot read '{override}'\n"
        f"Lists are written {key}=[1,2]; text with = , : [ ] {{ }} or spaces is quoted twice: "
        f"'{key}=\"{value}\"'"
    )


def _no_such_config(error: MissingConfigException, scene: Scene) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    options = [name for name in error.options or scene.options(group) if not name.startswith("_")]
    parent = re.match(r"In '([^']+)'", str(error))
    typed = any(_key(line).partition("@")[0] == group for line in scene.overrides)
    where = "" if typed or not parent or not group else f" (asked for in {parent[1]}.yaml)"
    head = f"{group}={name}" if group else f"--config-name {name}"
    return f"{head}: no such option{nearest(name, options)}{where}\n{_list(group, options)}"


def _must_choose(match: re.Match, scene: Scene) -> str:
    return f"choose one: {match[1]}=...\n{_list(match[1], scene.options(match[1]))}"


def _list(group: str, options: Sequence[str]) -> str:
    where = f" in '{group}'" if group else ""
    return f"Available options{where}: {', '.join(options) or 'none'}"


def _not_by_name(_: re.Match, scene: Scene) -> str:
    groups = set(scene.groups())
    for line in scene.overrides:
        if _key(line) in groups:
            return f"{line}: '{_key(line)}' is chosen by name\n{_list(_key(line), scene.options(_key(line)))}"
    return "a group is chosen by name, as in problem=npbe"


def _not_deletable(match: re.Match, scene: Scene) -> str:
    remaining = [line for line in scene.overrides if not line.startswith("~")]
    try:
        keys = dotted_keys(scene.compose(remaining))
    except CONFIG_ERRORS:
        keys = []
    return f"~{match[1]}: there is no '{match[1]}' to remove{nearest(match[1], keys, '~{}')}"


def _bad_yaml(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return f"a config file is not valid YAML: {str(error).splitlines()[0]}"
    return f"{mark.name}, line {mark.line + 1}: not valid YAML; {getattr(error, 'problem', None) or 'see there'}"


def _from_omegaconf(error: OmegaConfBaseException) -> str:
    key = f"{error.full_key}: " if error.full_key else ""
    return key + (str(error.msg or error).strip().splitlines() or [type(error).__name__])[0]


def _no_folder(error: OSError) -> str:
    path = f" '{error.filename}'" if error.filename else ""
    return (
        f"cannot write the run folder{path}: {error.strerror or error}\n"
        "Choose another with hydra.run.dir=FOLDER, or hydra.sweep.dir=FOLDER for a sweep."
    )


_UNKNOWN_KEY = r"Could not override '([^']+)'\.\s+To append to your config use"
_SEVERAL = "{0} gives one run several values; 'pinnrun sweep' runs them all"

_RETOLD: list[tuple[str, Callable[[re.Match, Scene], str]]] = [
    (_UNKNOWN_KEY, _unknown_keys),
    (r"You must specify '([^']+)'", _must_choose),
    (
        r"Ambiguous value for argument '(([^'=]+)=(.*?))'\n",
        lambda m, _: _SEVERAL.format(m[1]) + f", and a list is written {m[2]}=[{m[3]}]",
    ),
    (r"Sweep parameters '(.*)' requires", lambda m, _: _SEVERAL.format(m[1])),
    (
        r"Could not override '([^']+)'\. No match in the defaults list.*use (\+\S+)",
        lambda m, _: f"'{m[1]}' is not part of this config; to add it write {m[2]}",
    ),
    (
        r"Could not override '([^']+)'\.\s+Did you mean to override (.*?)\?",
        lambda m, _: f"'{m[1]}' is not part of this config; did you mean '{m[2]}'?",
    ),
    (
        r"An item is already at '([^']+)'.*prefix: '(.*?)'\n",
        lambda m, _: f"'{m[1]}' exists already; write {m[2]} without the +",
    ),
    (r"Could not delete from config\. '([^']+)' does not exist", _not_deletable),
    (r"Could not delete '([^']+)'", _not_deletable),
    (r"Config group override must be a string", _not_by_name),
]
