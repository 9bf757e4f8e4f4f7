"""The strict builder: from a composed config to frozen dataclasses, naming every mistake at once.

The dataclasses say what is legal: types, limits (`pinnrun.settings.setting`) and, in an optional method
`problems(self)` that yields "key: what is wrong; what to do", the combinations that are not. `build` returns
an instance or raises one `ConfigError` with a line for each mistake: the full key and the nearest legal name.
"""

import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pinnrun.errors import UserError
from pinnrun.plain import Unreadable, plain
from pinnrun.settings import Limits, describe, join, kind_text, limits_of, one_of, show, union_members

T = TypeVar("T")


class ConfigError(UserError):
    """All mistakes found in one config, one line each."""

    # The lines are the exception's arguments, so that it survives the pickling of a parallel launcher.
    def __init__(self, *mistakes: str) -> None:
        super().__init__(*mistakes)

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The lines of the message."""
        return self.args

    def __str__(self) -> str:
        return "\n".join(self.args)


def build(cls: type[T], mapping: Any, path: str = "") -> T:
    """Build the dataclass `cls` from a mapping (dict or OmegaConf), or say everything that is wrong with it.

    Keys without a default must be present, unknown keys are refused. A whole number may be written 1e4; text
    is never read as a number, nor true as 1. `path` is put before keys in messages. Raises `ConfigError`.
    """
    builder = _Builder(cls, path)
    instance = builder.group(cls, plain(mapping), path)
    if builder.mistakes:
        raise ConfigError(*builder.mistakes)
    return typing.cast(T, instance)


# A value that did not pass; its mistake is already on the list, so nothing more is said of it.
_BROKEN = object()


class _Builder:
    """Walks a mapping along its dataclass and collects mistakes instead of stopping at the first."""

    def __init__(self, root: type, path: str) -> None:
        self.mistakes: list[str] = []
        self._root, self._root_path = root, path

    def report(self, path: str, text: str) -> Any:
        """Note one mistake; returns the mark of a value that must not be used."""
        self.mistakes.append(f"{path}: {text}" if path else text)
        return _BROKEN

    def group(self, cls: type, mapping: Any, path: str) -> Any:
        """Build one dataclass from a plain mapping."""
        if not isinstance(mapping, Mapping):
            return self.report(path, f"expected {kind_text(cls)}, got {show(mapping)}")
        found = len(self.mistakes)
        known = {item.name: item for item in fields(cls) if item.init}
        for key in mapping:
            if key not in known:
                self.report(join(path, str(key)), f"unknown key; {self._suggest(str(key), path, list(known))}")
        hints = typing.get_type_hints(cls)
        values = {
            name: self._field(hints[name], item, mapping, path)
            for name, item in known.items()
            if name in mapping or not _has_default(item)
        }
        if len(self.mistakes) > found:
            return _BROKEN
        return self._instance(cls, values, path)

    def _instance(self, cls: type, values: dict[str, Any], path: str) -> Any:
        try:
            instance = cls(**values)
        except (UserError, ValueError) as error:
            return self.report(path, str(error))
        lines = [str(line) for line in instance.problems()] if hasattr(instance, "problems") else []
        self.mistakes += [join(path, line) for line in lines]
        return _BROKEN if lines else instance

    def _field(self, kind: Any, item: Field, mapping: Mapping[Any, Any], path: str) -> Any:
        key = join(path, item.name)
        if item.name not in mapping:
            meaning = f" ({item.metadata['help']})" if item.metadata.get("help") else ""
            return self.report(key, f"missing; give {kind_text(kind)}{meaning}")
        value, choose = mapping[item.name], item.metadata.get("choose")
        if choose is not None and isinstance(value, Mapping):
            try:
                kind = choose({k: v for k, v in value.items() if not isinstance(v, Unreadable)})
            except UserError as error:
                return self.report(key, str(error))
        return self.value(kind, value, key, limits_of(item))

    def value(self, kind: Any, value: Any, path: str, limits: Limits) -> Any:
        """Check one value against a type and return it in that type."""
        origin = get_origin(kind)
        if isinstance(value, Unreadable):
            return self.report(path, value.why)
        if kind is Any:
            return value
        if len(union_members(kind)) > 1:
            return self._union(kind, value, path, limits)
        if origin is Literal:
            return self._choice({choice: choice for choice in get_args(kind)}, value, path)
        if origin in (tuple, list, Sequence):
            return self._list(kind, value, path, limits)
        if origin in (dict, Mapping):
            return self._mapping(kind, value, path, limits)
        if is_dataclass(kind):
            group = typing.cast(type, kind)
            return value if isinstance(value, group) else self.group(group, value, path)
        if isinstance(kind, type) and issubclass(kind, Enum):
            names = {member.name.lower(): member for member in kind}
            return value if isinstance(value, kind) else self._choice(names, value, path)
        if kind in (int, float):
            return self._number(kind, value, path, limits)
        return self._simple(kind, value, path)

    def _number(self, kind: type, value: Any, path: str, limits: Limits) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            advice = "; remove the quotes" if _reads_as_number(value) else ""
            return self.report(path, f"expected {kind_text(kind)}, got {show(value)}{advice}")
        if isinstance(value, float) and (math.isnan(value) or (math.isinf(value) and limits.finite)):
            return self.report(path, f"must be finite, got {value}")
        if kind is int and value != math.inf and value != -math.inf and int(value) != value:
            return self.report(path, f"expected a whole number, got {value}")
        if not limits.allow(value):
            return self.report(path, f"must be {limits.text()}, got {show(value)}")
        try:
            return kind(value)
        except OverflowError:
            return self.report(path, f"is too large for {kind_text(kind)}")

    def _simple(self, kind: Any, value: Any, path: str) -> Any:
        if kind is Path and isinstance(value, str) and value:
            return Path(value)
        if isinstance(value, kind):
            return value
        advice = "; put it in quotes" if kind is str and isinstance(value, int | float) else ""
        return self.report(path, f"expected {kind_text(kind)}, got {show(value)}{advice}")

    def _choice(self, choices: Mapping[Any, Any], value: Any, path: str) -> Any:
        # Types are compared as well, since 1 == True.
        lowered = value.lower() if isinstance(value, str) else value
        for candidate in (value, lowered):
            for choice, meaning in choices.items():
                if type(choice) is type(candidate) and choice == candidate:
                    return meaning
        near = get_close_matches(str(lowered), [str(choice) for choice in choices], 1)
        advice = f"; did you mean '{near[0]}'?" if near else ""
        return self.report(path, f"must be {one_of(list(choices))}, got {show(value)}{advice}")

    def _list(self, kind: Any, value: Any, path: str, limits: Limits) -> Any:
        kinds, fixed = get_args(kind), get_origin(kind) is tuple and get_args(kind)[-1] is not Ellipsis
        if not isinstance(value, list | tuple):
            return self.report(path, f"expected {kind_text(kind)}, got {show(value)}; write [a, b, ...]")
        if fixed and len(value) != len(kinds):
            return self.report(path, f"expected {kind_text(kind)}, got a list of {len(value)}")
        each = kinds if fixed else [kinds[0]] * len(value)
        built = [self.value(k, v, f"{path}[{i}]", limits) for i, (k, v) in enumerate(zip(each, value, strict=True))]
        return built if get_origin(kind) is list else tuple(built)

    def _mapping(self, kind: Any, value: Any, path: str, limits: Limits) -> Any:
        if not isinstance(value, Mapping):
            return self.report(path, f"expected {kind_text(kind)}, got {show(value)}")
        key_kind, value_kind = get_args(kind)
        return {
            self.value(key_kind, key, f"{path} key {show(key)}", Limits()): self.value(
                value_kind, item, join(path, str(key)), limits
            )
            for key, item in value.items()
        }

    def _union(self, kind: Any, value: Any, path: str, limits: Limits) -> Any:
        members = union_members(kind)
        if value is None and type(None) in members:
            return None
        rest = [member for member in members if member is not type(None)]
        if len(rest) == 1:
            return self.value(rest[0], value, path, limits)
        tag = _common_tag(rest)
        if tag and isinstance(value, Mapping):
            return self._tagged(rest, tag, value, path)
        attempts = []
        for member in rest:
            attempt = _Builder(self._root, self._root_path)
            built = attempt.value(member, value, path, limits)
            if not attempt.mistakes:
                return built
            attempts.append(attempt.mistakes)
        # A number out of its limits says more than "expected a number or 'auto'".
        if isinstance(value, int | float) and limits.text():
            near = [lines for lines in attempts if limits.text() in lines[0]]
            self.mistakes += near[0] if near else []
            if near:
                return _BROKEN
        return self.report(path, f"expected {kind_text(kind)}, got {show(value)}")

    def _tagged(self, members: list[Any], tag: str, value: Mapping[Any, Any], path: str) -> Any:
        """Build the one dataclass of several whose literal `tag` field names this mapping."""
        by_name = {name: member for member in members for name in _tag_values(member, tag)}
        if tag not in value:
            return self.report(join(path, tag), f"missing; give {one_of(list(by_name))}")
        chosen = self.value(Literal[tuple(by_name)], value[tag], join(path, tag), Limits())
        return _BROKEN if chosen is _BROKEN else self.group(by_name[chosen], value, path)

    def _suggest(self, key: str, path: str, siblings: list[str]) -> str:
        near = get_close_matches(key, siblings, 1)
        if near:
            return f"did you mean '{join(path, near[0])}'?"
        everywhere = [item.key for item in describe(self._root, self._root_path)]
        same = [full for full in everywhere if full.rpartition(".")[2] == key and full != join(path, key)]
        if same:
            return f"did you mean '{same[0]}'?"
        return f"the keys here are {', '.join(siblings[:12])}{', ...' if len(siblings) > 12 else ''}"


def _has_default(item: Field) -> bool:
    return item.default is not MISSING or item.default_factory is not MISSING


def _reads_as_number(value: Any) -> bool:
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def _tag_values(cls: Any, tag: str) -> tuple[Any, ...]:
    kind = typing.get_type_hints(cls)[tag]
    return get_args(kind) if get_origin(kind) is Literal else ()


def _common_tag(members: list[Any]) -> str | None:
    """Return the field that every dataclass of a union declares as a Literal, such as `name`."""
    if not all(is_dataclass(member) for member in members):
        return None
    names = [item.name for item in fields(members[0])]
    shared = [name for name in names if all(name in {f.name for f in fields(m)} for m in members)]
    return next((name for name in shared if all(_tag_values(member, name) for member in members)), None)
