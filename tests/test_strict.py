"""The strict builder, held against configs whose mistakes were planted by hand or by a seeded generator."""

import math
import pickle
import random
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from omegaconf import OmegaConf

from pinnrun.errors import UserError
from pinnrun.settings import by_name, describe, setting
from pinnrun.strict import ConfigError, build


class Device(Enum):
    CPU = "cpu"
    CUDA = "cuda:0"


@dataclass(frozen=True)
class Architecture:
    width: int = setting(3, min=1, help="neurons in a hidden layer")
    depth: int = setting(1, min=1, max=64, help="hidden layers")
    activation: Literal["tanh", "sin", "gelu"] = "tanh"


@dataclass(frozen=True)
class Adam:
    name: Literal["adam"] = "adam"
    rate: float = setting(1e-3, above=0, below=1, help="learning rate")
    betas: tuple[float, float] = setting((0.9, 0.999), min=0, below=1, help="decay of the moments")


@dataclass(frozen=True)
class Newton:
    name: Literal["newton"] = "newton"
    damping: float = setting(1e-6, above=0, help="added to the metric")
    history: int | None = setting(None, min=2, help="steps remembered")

    def problems(self) -> Iterator[str]:
        if self.history and self.damping > 1:
            yield "history: has no effect with a damping above 1; lower the damping or leave history out"


@dataclass(frozen=True)
class Wave:
    name: str
    speed: float = setting(help="of sound", unit="m/s", above=0)


@dataclass(frozen=True)
class Heat:
    name: str
    sides: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Run:
    target: float = setting(help="loss at which the run is done", above=0)
    steps: int = setting(1000, min=1, help="steps of the first window")
    seed: int = 0
    deterministic: bool = False
    title: str = ""
    folder: Path = Path("outputs")
    device: Device = Device.CPU
    budget: float | None = setting(None, above=0, unit="s", help="CPU time to spend")
    growth: float | Literal["auto"] = setting("auto", above=1, help="factor of the width")
    labels: Mapping[str, int] = field(default_factory=dict)
    layers: list[int] = field(default_factory=list)
    architecture: Architecture = field(default_factory=Architecture)
    optimizer: Adam | Newton = field(default_factory=Adam)
    problem: Any = setting(None, help="equation", choose=by_name({"wave": Wave, "heat": Heat}))

    def problems(self) -> list[str]:
        if self.steps > 100 and self.architecture.width > 1000:
            return ["architecture.width: too wide for so many steps; lower either"]
        return []


VALID = {
    "target": 1e-6,
    "steps": 200,
    "seed": 3,
    "deterministic": True,
    "title": "first",
    "folder": "here",
    "device": "cuda",
    "budget": 60,
    "growth": 1.5,
    "labels": {"a": 1},
    "layers": [4, 5],
    "architecture": {"width": 4, "depth": 2, "activation": "sin"},
    "optimizer": {"name": "newton", "damping": 1e-3, "history": 5},
    "problem": {"name": "wave", "speed": 340},
}


def mistakes(**changes: Any) -> list[str]:
    """What is said of a config with these keys on top of the one key that is required."""
    with pytest.raises(ConfigError) as caught:
        build(Run, OmegaConf.create({"target": 1e-3, **changes}))
    return str(caught.value).splitlines()


@pytest.mark.parametrize("wrap", [dict, OmegaConf.create])
def test_every_kind_of_value_arrives_in_its_type(wrap):
    run = build(Run, wrap(VALID))
    assert run == Run(
        target=1e-6,
        steps=200,
        seed=3,
        deterministic=True,
        title="first",
        folder=Path("here"),
        device=Device.CUDA,
        budget=60.0,
        growth=1.5,
        labels={"a": 1},
        layers=[4, 5],
        architecture=Architecture(4, 2, "sin"),
        optimizer=Newton("newton", 1e-3, 5),
        problem=Wave("wave", 340.0),
    )
    assert isinstance(run.budget, float)
    assert isinstance(run.problem.speed, float)


def test_absent_keys_take_their_defaults():
    assert build(Run, {"target": 1}) == Run(target=1.0)


@pytest.mark.parametrize("text, steps", [("1e4", 10000), ("20000", 20000), ("3.0", 3)])
def test_whole_numbers_may_be_written_as_floats(text, steps):
    run = build(Run, OmegaConf.create(f"target: 1\nsteps: {text}"))
    assert run.steps == steps
    assert isinstance(run.steps, int)


def test_interpolations_are_resolved():
    assert build(Run, OmegaConf.create("target: 1\nsteps: 7\nseed: ${steps}")).seed == 7


@pytest.mark.parametrize(
    "changes, line",
    [
        (
            {"architecture": {"widht": 3}},
            "architecture.widht: unknown key; did you mean 'architecture.width'?",
        ),
        ({"width": 3}, "width: unknown key; did you mean 'architecture.width'?"),
        (
            {"architecture": {"qqq": 3}},
            "architecture.qqq: unknown key; the keys here are width, depth, activation",
        ),
        ({"steps": "abc"}, "steps: expected a whole number, got 'abc'"),
        ({"steps": "5"}, "steps: expected a whole number, got '5'; remove the quotes"),
        ({"steps": True}, "steps: expected a whole number, got true"),
        ({"steps": None}, "steps: expected a whole number, got null"),
        ({"steps": 2.5}, "steps: expected a whole number, got 2.5"),
        ({"steps": 0}, "steps: must be at least 1, got 0"),
        ({"steps": math.inf}, "steps: must be finite, got inf"),
        ({"target": math.nan}, "target: must be finite, got nan"),
        ({"target": 0}, "target: must be above 0, got 0"),
        ({"budget": "long"}, "budget: expected a number, got 'long'"),
        ({"deterministic": 1}, "deterministic: expected true or false, got 1"),
        ({"title": 12}, "title: expected text, got 12; put it in quotes"),
        ({"folder": 1}, "folder: expected a path, got 1"),
        ({"device": "cudda"}, "device: must be one of cpu, cuda, got 'cudda'; did you mean 'cuda'?"),
        ({"growth": 0.5}, "growth: must be above 1, got 0.5"),
        ({"growth": "never"}, "growth: expected a number or 'auto', got 'never'"),
        ({"labels": {"a": "b"}}, "labels.a: expected a whole number, got 'b'"),
        ({"labels": 3}, "labels: expected a mapping, each value a whole number, got 3"),
        ({"layers": [1, "x"]}, "layers[1]: expected a whole number, got 'x'"),
        ({"layers": 4}, "layers: expected a list, each a whole number, got 4; write [a, b, ...]"),
        (
            {"optimizer": {"name": "adam", "betas": [1]}},
            "optimizer.betas: expected a list of 2 (a number, a number), got a list of 1",
        ),
        (
            {"optimizer": {"name": "adam", "betas": [0.9, 1.5]}},
            "optimizer.betas[1]: must be at least 0 and below 1, got 1.5",
        ),
        (
            {"optimizer": {"name": "adm"}},
            "optimizer.name: must be one of adam, newton, got 'adm'; did you mean 'adam'?",
        ),
        ({"optimizer": {"rate": 1}}, "optimizer.name: missing; give one of adam, newton"),
        (
            {"optimizer": {"name": "adam", "history": 5}},
            "optimizer.history: unknown key; the keys here are name, rate, betas",
        ),
        (
            {"optimizer": {"name": "newton", "damping": 2, "history": 5}},
            "optimizer.history: has no effect with a damping above 1; lower the damping or leave history out",
        ),
        (
            {"architecture": "mlp"},
            "architecture: expected a group of settings (width, depth, activation), got 'mlp'",
        ),
        (
            {"architecture": {"activation": "tan"}},
            "architecture.activation: must be one of tanh, sin, gelu, got 'tan'; did you mean 'tanh'?",
        ),
        (
            {"architecture": {"width": 2000}},
            "architecture.width: too wide for so many steps; lower either",
        ),
        (
            {"problem": {"name": "wav"}},
            "problem: name must be one of wave, heat, got 'wav'; did you mean 'wave'?",
        ),
        ({"problem": {"name": "wave"}}, "problem.speed: missing; give a number (of sound)"),
        ({"target": "???"}, "target: missing; it has no default and must be given"),
        ({"seed": "${nowhere}"}, "seed: cannot be resolved; Interpolation key 'nowhere' not found"),
    ],
    ids=lambda value: value.split(";")[0] if isinstance(value, str) else None,
)
def test_each_mistake_has_its_line(changes, line):
    assert mistakes(**changes) == [line]


def test_a_literal_is_not_satisfied_by_an_equal_value_of_another_type():
    @dataclass(frozen=True)
    class Level:
        level: Literal[1, 2] = 1

    with pytest.raises(ConfigError, match="level: must be one of 1, 2, got true"):
        build(Level, {"level": True})


def test_all_mistakes_come_at_once_and_the_crossing_rules_wait_for_sound_values():
    lines = mistakes(steps="many", architecture={"width": 0, "dept": 2}, optimizer={"name": "adam", "rate": 3})
    assert lines == [
        "steps: expected a whole number, got 'many'",
        "architecture.dept: unknown key; did you mean 'architecture.depth'?",
        "architecture.width: must be at least 1, got 0",
        "optimizer.rate: must be above 0 and below 1, got 3",
    ]


def test_a_missing_key_says_what_it_is_for():
    with pytest.raises(ConfigError, match=r"^target: missing; give a number \(loss at which the run is done\)$"):
        build(Run, {})


def test_the_path_of_a_group_built_alone_is_put_before_its_keys():
    with pytest.raises(ConfigError, match=r"^arch.widht: unknown key; did you mean 'arch.width'\?$"):
        build(Architecture, {"widht": 1}, path="arch")


@pytest.mark.parametrize("nothing", [None, 3, "text", [], OmegaConf.create([])])
def test_a_config_that_is_no_mapping_is_refused(nothing):
    with pytest.raises(ConfigError, match="expected a group of settings"):
        build(Architecture, nothing)


def test_circular_interpolations_are_a_mistake_like_any_other():
    lines = mistakes(seed="${steps}", steps="${seed}")
    assert [line.partition(";")[0] for line in lines] == [
        "steps: cannot be resolved",
        "seed: cannot be resolved",
    ]


def test_a_constructor_that_refuses_is_reported_with_its_key():
    @dataclass(frozen=True)
    class Even:
        n: int

        def __post_init__(self) -> None:
            if self.n % 2:
                raise ValueError("n must be even")

    with pytest.raises(ConfigError, match=r"^grid: n must be even$"):
        build(Even, {"n": 3}, path="grid")


def test_infinity_is_legal_only_where_it_is_asked_for():
    @dataclass(frozen=True)
    class Patience:
        seconds: float = setting(math.inf, min=0, finite=False, help="wait")

    assert build(Patience, {"seconds": math.inf}).seconds == math.inf
    with pytest.raises(ConfigError, match="finite"):
        build(Patience, {"seconds": math.nan})


def test_a_config_error_is_a_user_error_and_survives_pickling():
    error = ConfigError("a: wrong", "b: wrong")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, UserError)
    assert copy.mistakes == ("a: wrong", "b: wrong")
    assert str(copy) == "a: wrong\nb: wrong"


def test_describe_lists_key_kind_unit_and_limits_once():
    table = {item.key: item for item in describe(Run)}
    assert table["budget"].unit == "s"
    assert table["budget"].legal == "above 0"
    assert table["target"].default is MISSING
    assert table["architecture.depth"].kind == "a whole number"
    assert table["architecture.depth"].legal == "at least 1 and at most 64"
    assert table["architecture.activation"].kind == "one of tanh, sin, gelu"
    assert {"optimizer.rate", "optimizer.history", "layers"} <= set(table)
    assert table["layers"].default == []


# Seeded fuzz: a sound config, then one to three planted mistakes.

NEITHER_NUMBER_NOR_TEXT = [object(), b"bytes", date(2026, 1, 1), {1, 2}, [[]], {"x": {}}, Ellipsis, 1j]
NUMBERS = ["target", "steps", "seed", "budget", "architecture.width", "architecture.depth", "problem.speed"]
NUMBERS += ["optimizer.damping", "optimizer.history"]
BOUNDED = [key for key in NUMBERS if key != "seed"]
GROUPS = ["", "architecture", "optimizer", "problem"]


def plant(config: dict[str, Any], random_: random.Random) -> None:
    """Put one mistake of a random sort at a random place."""
    sort = random_.choice(["unknown", "type", "text", "range", "length", "choice", "group", "missing"])
    if sort == "unknown":
        group = random_.choice(GROUPS)
        name = "".join(random_.choices("abcdefgh_ .=~+${}'\"é", k=random_.randint(3, 12)))
        put(config, f"{group}|{name}|" if group else f"|{name}|", random_.choice([1, None, "x", {}]))
    elif sort == "type":
        put(config, random_.choice([*NUMBERS, "title", "deterministic", "folder", "device"]), wrong(random_))
    elif sort == "text":
        put(config, random_.choice(NUMBERS), random_.choice(["1", "1e4", "abc", "", "nan", "${a", "[1]"]))
    elif sort == "range":
        put(config, random_.choice(BOUNDED), random_.choice([-1, 0, -math.inf, math.nan, -(10**400)]))
    elif sort == "length":
        put(config, "optimizer", {"name": "adam", "betas": [0.5] * random_.choice([0, 1, 3, 9])})
    elif sort == "choice":
        put(
            config,
            random_.choice(["device", "architecture.activation"]),
            random_.choice(["", "cpuu", 1, True]),
        )
        put(config, "problem.name", random_.choice([None, [], {}, "waves", 3]))
    elif sort == "group":
        put(config, random_.choice(["architecture", "optimizer"]), random_.choice([3, "adam", [], None, [{}]]))
    else:
        config.pop("target", None)


def put(config: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key; a group that an earlier mistake replaced stays so. |name| is taken as it is."""
    group, _, name = key.partition("|") if "|" in key else key.rpartition(".")
    inner = config.setdefault(group, {}) if group else config
    if isinstance(inner, dict):
        inner[name] = value


def wrong(random_: random.Random) -> Any:
    return random_.choice(NEITHER_NUMBER_NOR_TEXT)


def copy_of(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, dict) else value for key, value in config.items()}


@pytest.mark.parametrize("seed", range(300))
def test_random_bad_configs_give_a_config_error_and_nothing_else(seed):
    random_ = random.Random(seed)
    config = copy_of(VALID)
    for _ in range(random_.randint(1, 3)):
        plant(config, random_)
    with pytest.raises(ConfigError) as caught:
        build(Run, config)
    assert all(line.strip() and ": " in line for line in caught.value.mistakes)


def test_the_config_that_the_fuzz_starts_from_is_sound():
    assert build(Run, copy_of(VALID)).steps == 200
