"""One place to say what a config key means: default, unit and legal values, attached to a dataclass field.

`setting` declares a key, `describe` lists the keys of a dataclass (for help pages, documentation and tests
that hold YAML comments to the code), and `pinnrun.strict.build` enforces what is declared here.
"""

import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pinnrun.errors import UserError

_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    Path: "a path",
    type(None): "null",
}


@dataclass(frozen=True)
class Limits:
    """Legal numbers: `min <= x <= max`, `above < x < below`; NaN never, infinity only if not `finite`."""

    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None
    finite: bool = True

    def text(self) -> str:
        """Return the limits in words, such as 'at least 1 and below 2'; empty when there are none."""
        named = (("at least", self.min), ("above", self.above), ("at most", self.max), ("below", self.below))
        return " and ".join(f"{words} {bound:g}" for words, bound in named if bound is not None)

    def allow(self, number: float) -> bool:
        """Return whether `number` lies within the limits."""
        return (
            (self.min is None or number >= self.min)
            and (self.max is None or number <= self.max)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )


def setting(
    default: Any = MISSING,
    *,
    help: str,
    unit: str = "",
    min: float | None = None,
    max: float | None = None,
    above: float | None = None,
    below: float | None = None,
    finite: bool = True,
    choose: Callable[[Mapping[str, Any]], type] | None = None,
) -> Any:
    """Declare one config key as a dataclass field; without a default the key must be given.

    `help` says what the key means, `unit` in what it is measured. The bounds hold for every number in the
    value, those in a tuple too. `choose` serves a group of several kinds: it takes the group's mapping and
    returns the dataclass that describes it, or raises `UserError` (see `by_name`).
    """
    limits = Limits(min=min, max=max, above=above, below=below, finite=finite)
    metadata = {"help": help, "unit": unit, "limits": limits, "choose": choose}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def by_name(
    kinds: Mapping[str, type], tag: str = "name", default: str | None = None
) -> Callable[[Mapping[str, Any]], type]:
    """Return a `choose` for `setting` that looks up the group's `tag` among `kinds`, a registry by name.

    `default` is the name of a group that gives none, such as one that only changes a key.
    """

    def choose(group: Mapping[str, Any]) -> type:
        name = group.get(tag, default)
        if isinstance(name, str) and name in kinds:
            return kinds[name]
        near = get_close_matches(name, list(kinds), 1) if isinstance(name, str) else []
        advice = f"; did you mean '{near[0]}'?" if near else ""
        raise UserError(f"{tag} must be {one_of(list(kinds))}, got {show(name)}{advice}")

    return choose


@dataclass(frozen=True)
class Setting:
    """One key as a reader of the documentation meets it; `default` is `MISSING` if the key must be given."""

    key: str
    kind: str
    default: Any
    unit: str
    legal: str
    help: str


def describe(cls: type, path: str = "") -> Iterator[Setting]:
    """Yield a `Setting` for every key of a config dataclass, nested groups flattened into dotted keys."""
    hints = typing.get_type_hints(cls)
    for item in fields(cls):
        if not item.init:  # the memory of an optimizer, no key
            continue
        key = join(path, item.name)
        nested = [member for member in union_members(hints[item.name]) if is_dataclass(member)]
        for group in nested:
            yield from describe(typing.cast(type, group), key)
        if not nested:
            yield Setting(
                key=key,
                kind=kind_text(hints[item.name]),
                default=_default(item),
                unit=item.metadata.get("unit", ""),
                legal=limits_of(item).text(),
                help=item.metadata.get("help", ""),
            )


def join(path: str, key: str) -> str:
    """Return the dotted key of `key` inside the group at `path` (the root when empty)."""
    return f"{path}.{key}" if path else key


def limits_of(item: Field) -> Limits:
    """Return the limits declared on a field, or none at all."""
    return item.metadata.get("limits") or Limits()


def union_members(kind: Any) -> tuple[Any, ...]:
    """Return the alternatives of `A | B`, or the kind itself alone."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def kind_text(kind: Any) -> str:
    """Return what a value of this type is called in messages and documentation."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(kind_text(member) for member in args)
    if origin is Literal:
        return one_of(args)
    if origin is tuple and args[-1] is not Ellipsis:
        return f"a list of {len(args)} ({', '.join(kind_text(arg) for arg in args)})"
    if origin in (tuple, list, Sequence):
        return f"a list, each {kind_text(args[0])}"
    if origin in (dict, Mapping):
        return f"a mapping, each value {kind_text(args[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return one_of([member.name.lower() for member in kind])
    if is_dataclass(kind):
        return f"a group of settings ({', '.join(item.name for item in fields(kind))})"
    return _NAMES.get(kind, "any value" if kind is Any else str(getattr(kind, "__name__", kind)))


def one_of(choices: Sequence[Any]) -> str:
    """Return 'one of a, b, c' as a user types them, or the only choice."""
    if len(choices) == 1:
        return show(choices[0])
    return "one of " + ", ".join(show(choice, bare=True) for choice in choices)


def show(value: Any, *, bare: bool = False) -> str:
    """Return a value as YAML would have it, shortened to fit a message; `bare` text goes without quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = value if bare and isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _default(item: Field) -> Any:
    return item.default_factory() if item.default_factory is not MISSING else item.default
