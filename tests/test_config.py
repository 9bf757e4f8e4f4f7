"""The YAML files and the dataclasses say the same: same keys, same defaults, every choice named, all of it builds."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from omegaconf import OmegaConf

from pinnrun.build import PRIVATE
from pinnrun.commands.calibrate import CalibrateSettings
from pinnrun.commands.settings import AnalyzeSettings, CompareSettings, EvaluateSettings
from pinnrun.composition.confdir import compose
from pinnrun.config import Config, DisplaySettings, KoopmanSettings
from pinnrun.problems.advection import Advection
from pinnrun.problems.allen_cahn import AllenCahn
from pinnrun.problems.base import About
from pinnrun.problems.black_scholes import BlackScholes
from pinnrun.problems.burgers import Burgers
from pinnrun.problems.cavity import Cavity
from pinnrun.problems.eigenvalue import Eigenvalue
from pinnrun.problems.elasticity import Elasticity
from pinnrun.problems.exponential import PoissonExponential
from pinnrun.problems.ginzburg_landau import GinzburgLandau
from pinnrun.problems.heat import Heat
from pinnrun.problems.helmholtz import Helmholtz
from pinnrun.problems.inverse_burgers import InverseBurgers
from pinnrun.problems.kdv import Kdv
from pinnrun.problems.kovasznay import Kovasznay
from pinnrun.problems.kuramoto_sivashinsky import KuramotoSivashinsky
from pinnrun.problems.lshape import PoissonLshape
from pinnrun.problems.npbe.born import NpbeBorn
from pinnrun.problems.npbe.molecule import Npbe
from pinnrun.problems.ode import Lorenz, LotkaVolterra, Oscillator
from pinnrun.problems.pinnacle.boltzmann2d import PinnaclePoissonBoltzmann2d
from pinnrun.problems.pinnacle.poisson2d import PinnaclePoisson2d
from pinnrun.problems.plate import Plate
from pinnrun.problems.poisson import Poisson
from pinnrun.problems.ritz import PoissonRitz
from pinnrun.problems.wave import Wave
from pinnrun.registry import ARCHITECTURES, OPTIMIZERS, POLICIES, PROBLEMS, SAMPLINGS, WEIGHTINGS
from pinnrun.settings import describe, union_members
from pinnrun.strict import ConfigError, build

CONF = Path(__file__).parents[1] / "conf"
OPTIONS = sorted(path.relative_to(CONF).with_suffix("").as_posix() for path in CONF.glob("*/*.yaml"))
PROBLEM_FILES = [option for option in OPTIONS if option.startswith("problem/")]

# The file that spells a dataclass out: each of its keys, with its default and a comment.
SPELLED_OUT: dict[str, type] = {
    "train": Config,
    "calibrate": CalibrateSettings,
    "evaluate": EvaluateSettings,
    "koopman_analyze": AnalyzeSettings,
    "koopman_compare": CompareSettings,
    "koopman/default": KoopmanSettings,
    "display/auto": DisplaySettings,
    "problem/advection": Advection,
    "problem/allen_cahn": AllenCahn,
    "problem/burgers": Burgers,
    "problem/kdv": Kdv,
    "problem/kuramoto_sivashinsky": KuramotoSivashinsky,
    "problem/wave": Wave,
    "problem/heat1d": Heat,
    "problem/kovasznay": Kovasznay,
    "problem/cavity": Cavity,
    "problem/elasticity": Elasticity,
    "problem/black_scholes": BlackScholes,
    "problem/plate": Plate,
    "problem/ginzburg_landau": GinzburgLandau,
    "problem/inverse_burgers": InverseBurgers,
    "problem/lorenz": Lorenz,
    "problem/lotka_volterra": LotkaVolterra,
    "problem/oscillator": Oscillator,
    "problem/helmholtz": Helmholtz,
    "problem/pinnacle_poisson2d": PinnaclePoisson2d,
    "problem/pinnacle_boltzmann2d": PinnaclePoissonBoltzmann2d,
    "problem/poisson_exponential": PoissonExponential,
    "problem/poisson_lshape": PoissonLshape,
    "problem/poisson": Poisson,
    "problem/poisson_ritz": PoissonRitz,
    "problem/eigen_oscillator": Eigenvalue,
    "problem/npbe": Npbe,
    "problem/npbe_born": NpbeBorn,
    **{f"architecture/{name}": kind for name, kind in ARCHITECTURES.items()},
    **{f"optimizer/{name}": kind for name, kind in OPTIMIZERS.items()},
    **{f"scaleup/{name}": kind for name, kind in POLICIES.items()},
    **{f"sampling/{name}": kind for name, kind in SAMPLINGS.items()},
    **{f"weighting/{name}": kind for name, kind in WEIGHTINGS.items()},
}
ABOUT = tuple(f"about.{item.name}" for item in fields(About))
NAMES = ("type", "name", "summary", *ABOUT)  # say themselves what they are
Row = tuple[str, Any, Any, Any]  # dotted key, its type, the dataclass's default, the value in YAML


def content(name: str) -> dict[str, Any]:
    """The settings in a file, without what is Hydra's or the command's own."""
    plain = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"), resolve=False)
    assert isinstance(plain, dict)
    plain = {str(key): value for key, value in plain.items() if key not in ("defaults", "hydra", *PRIVATE)}
    return plain["problem"] if name.startswith("problem/") else plain


def rows(cls: type, mapping: Mapping[str, Any], path: str = "") -> Iterator[Row]:
    """Every key of a dataclass that the mapping gives."""
    hints = get_type_hints(cls)
    for item in fields(cls):
        if not item.init or item.name not in mapping:
            continue
        kind, value = hints[item.name], mapping[item.name]
        if is_dataclass(kind) and isinstance(kind, type):
            yield from rows(kind, value, f"{path}{item.name}.")
        else:
            yield f"{path}{item.name}", kind, item.default, value


def keys(cls: type, path: str = "") -> Iterator[str]:
    """Every key of a dataclass, but the groups that Hydra fills from files of their own."""
    hints = get_type_hints(cls)
    for item in fields(cls):
        kind = hints[item.name]
        if not item.init or item.metadata.get("choose") or kind in (KoopmanSettings, DisplaySettings):
            continue
        if is_dataclass(kind) and isinstance(kind, type):
            yield from keys(kind, f"{path}{item.name}.")
        else:
            yield f"{path}{item.name}"


def as_tuples(value: Any) -> Any:
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


def test_every_dataclass_is_spelled_out_somewhere():
    primary = {path.stem for path in CONF.glob("*.yaml")}
    assert primary | {"koopman/default"} <= set(SPELLED_OUT)
    own = {cls for cls in PROBLEMS.values() if cls.__module__.startswith("pinnrun.")}  # not other tests' plugins
    assert set(SPELLED_OUT.values()) >= own


@pytest.mark.parametrize("name", SPELLED_OUT)
def test_files_and_dataclasses_have_the_same_keys(name):
    cls = SPELLED_OUT[name]
    given = {key for key, *_ in rows(cls, content(name))}
    assert given == set(keys(cls)), "keys that stand on one side only"
    known = {item.name for item in fields(cls)}
    assert set(content(name)) <= known


@pytest.mark.parametrize("name", SPELLED_OUT)
def test_defaults_are_said_alike(name):
    different = {
        key: (default, value)
        for key, _, default, value in rows(SPELLED_OUT[name], content(name))
        if default is not MISSING and key not in NAMES and default != as_tuples(value)
    }
    assert different == {}, "defaults of the dataclass and of the YAML file"


@pytest.mark.parametrize("name", SPELLED_OUT)
def test_every_key_has_its_comment_and_every_choice_its_name(name):
    lines = (CONF / f"{name}.yaml").read_text().partition("\nhydra:")[0].splitlines()
    for key, kind, _, value in rows(SPELLED_OUT[name], content(name)):
        last = key.rpartition(".")[2]
        if last in NAMES or key in NAMES:
            continue
        said = [line for line in lines if line.strip().startswith(f"{last}:")]
        assert said, f"{key} stands nowhere in {name}.yaml"
        assert all("#" in line for line in said), f"{key} has no comment in {name}.yaml"
        for choices in (get_args(part) for part in union_members(kind) if get_origin(part) is Literal):
            missing = [choice for choice in choices if not any(choice in line.partition("#")[2] for line in said)]
            assert not missing, f"the comment of {key} does not name {missing}"
            assert value in choices or len(union_members(kind)) > 1  # a number, where a word will do as well


@pytest.mark.parametrize("cls", list(dict.fromkeys(SPELLED_OUT.values())), ids=lambda cls: cls.__name__)
def test_every_key_says_what_it_means(cls):
    assert [setting.key for setting in describe(cls) if not setting.help] == []


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_builds(option):
    """The strict builder refuses keys that no dataclass has, whichever file they come from."""
    group, _, name = option.partition("/")
    words = ["problem=heat1d"] if option == "weighting/causal" else []  # which asks for an equation in time
    config = build(Config, without(compose("train", [*words, f"{group}={name}"])))
    if group in ("optimizer", "scaleup", "architecture", "sampling", "weighting"):
        assert getattr(config, group).type == name
    if group == "display":
        assert config.display.kind == name
    if group == "problem":
        assert config.problem.name == name
        assert config.problem.summary
        assert config.problem.terms()
        assert config.architecture.start(len(config.problem.coordinates), config.problem.features, 1).size > 0


def without(composed: Any) -> dict[str, Any]:
    """What is a run's own in a composed config."""
    plain = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key not in PRIVATE}


@pytest.mark.parametrize("option", PROBLEM_FILES)
def test_problem_files_choose_a_registered_problem_and_a_target(option):
    plain = OmegaConf.load(CONF / f"{option}.yaml")
    assert plain.problem.type in PROBLEMS
    assert plain.target.loss > 0
    assert (CONF / f"{option}.yaml").read_text().startswith("# @package _global_\n")


def test_all_mistakes_are_told_at_once():
    composed = without(compose("train", ["problem=poisson", "problem.dimension=3"]))
    composed["problem"]["solution"] = "harmonic"
    composed["problem"]["dimenson"] = 4
    composed["target"]["loss"] = 0
    composed["optimizer"]["type"] = "lmm"
    with pytest.raises(ConfigError) as error:
        build(Config, composed)
    lines = "\n".join(error.value.mistakes)
    assert len(error.value.mistakes) == 3
    assert "problem.dimenson: unknown key; did you mean 'problem.dimension'?" in lines
    assert "target.loss: must be above 0" in lines
    assert f"optimizer: type must be one of {', '.join(OPTIMIZERS)}, got 'lmm'; did you mean 'lm'?" in lines
    del composed["problem"]["dimenson"]
    with pytest.raises(ConfigError, match=r"problem\.dimension: the harmonic solution pairs coordinates, 3 is odd"):
        build(Config, composed)


def test_single_precision_cannot_reach_every_target():
    composed = without(compose("train", ["dtype=float32", "target.loss=1e-11"]))
    with pytest.raises(ConfigError, match=r"target\.loss: float32 cannot resolve"):
        build(Config, composed)
    composed["target"]["loss"] = 1e-9
    assert build(Config, composed).dtype == "float32"


def test_a_device_that_is_not_there(monkeypatch):
    composed = without(compose("train", ["device=cuda"]))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="device: torch sees no CUDA device here; use device=cpu, or auto"):
        build(Config, composed)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert build(Config, composed).device == "cuda"


@pytest.mark.parametrize("group", ["weighting", "sampling"])
def test_a_group_that_names_no_kind_is_the_fixed_one(group):
    """As that of a run from before there were kinds, or of a plugin that sets one key."""
    composed = without(compose("train", ["problem=poisson"]))
    del composed[group]["type"]
    assert getattr(build(Config, composed), group).type == "fixed"
    del composed[group]
    assert getattr(build(Config, composed), group).type == "fixed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["weighting=causal", "problem=poisson"], "weighting: causal follows time, and no term of poisson names"),
        (["weighting=ntk", "problem=poisson_ritz"], "weighting: ntk goes by residuals .* use weighting=fixed"),
        (["sampling=rad", "problem=eigen_oscillator"], "sampling: rad goes by residuals .* use sampling=fixed"),
        (["sampling=rad", "sampling.every=0"], "sampling.every: must be at least 1"),
        (["weighting=causal", "problem=heat1d", "weighting.epsilon=[1,1]"], "weighting.epsilon: values must increase"),
        (["weighting=causal", "problem=heat1d", "weighting.epsilon=[]"], "weighting.epsilon: the list is empty"),
        (["weighting=grad_norm", "weighting.momentum=1"], "weighting.momentum: must be at least 0 and below 1"),
    ],
)
def test_weightings_and_samplings_that_do_not_fit(words, message):
    with pytest.raises(ConfigError, match=message) as error:
        build(Config, without(compose("train", words)))
    assert len(error.value.mistakes) == 1


def test_a_problem_sets_keys_of_whichever_sampling_is_chosen():
    for kind in SAMPLINGS:
        config = build(Config, without(compose("train", ["problem=poisson_square100d", f"sampling={kind}"])))
        assert (config.sampling.type, config.sampling.every, config.sampling.evaluation) == (kind, 1, 10.0)
