"""The registries: every name stands for what its group says, and nothing is imported before it is asked for."""

import importlib
import subprocess
import sys
from dataclasses import fields, is_dataclass

import pytest

from pinnrun.problems import Problem
from pinnrun.registry import (
    ARCHITECTURES,
    FAMILIES,
    OPTIMIZERS,
    POLICIES,
    PROBLEMS,
    SAMPLINGS,
    WEIGHTINGS,
    Registry,
    family_of,
)
from pinnrun.sampling import Sampling
from pinnrun.scaleup import Policy
from pinnrun.weighting import Weighting

ALL = {
    "problems": PROBLEMS,
    "architectures": ARCHITECTURES,
    "optimizers": OPTIMIZERS,
    "policies": POLICIES,
    "samplings": SAMPLINGS,
    "weightings": WEIGHTINGS,
}


@pytest.mark.parametrize("registry", ALL.values(), ids=ALL)
def test_every_name_stands_for_a_config_dataclass(registry):
    assert len(registry) == len(list(registry)) > 0
    for name, cls in registry.items():
        assert is_dataclass(cls)
        assert "type" in {item.name for item in fields(cls)}
        assert registry[name] is cls, "the same class however often it is asked for"


def test_classes_are_of_their_kind():
    assert all(issubclass(cls, Problem) for cls in PROBLEMS.values())
    assert all(issubclass(cls, Policy) for cls in POLICIES.values())
    assert all(issubclass(cls, Sampling) for cls in SAMPLINGS.values())
    assert all(issubclass(cls, Weighting) for cls in WEIGHTINGS.values())
    for cls in OPTIMIZERS.values():
        assert all(callable(getattr(cls, name)) for name in ("step", "grow", "soften", "state", "load"))
    for name, cls in ARCHITECTURES.items():
        assert isinstance(cls(name).start(2, 2, 1), cls.network)


def test_an_optimizer_knows_its_own_name():
    for name, cls in OPTIMIZERS.items():
        assert cls(pace=None).type == name


def test_weightings_and_samplings_know_their_own_names():
    for registry in (WEIGHTINGS, SAMPLINGS):
        for name, cls in registry.items():
            assert cls().type == name


def test_names_cost_nothing():
    """Listing and looking for names imports no torch; asking for a class does."""
    code = """if True:
        import sys
        import pinnrun.config
        from pinnrun.registry import ARCHITECTURES, OPTIMIZERS, POLICIES, PROBLEMS, SAMPLINGS, WEIGHTINGS
        for registry in (ARCHITECTURES, OPTIMIZERS, POLICIES, PROBLEMS, SAMPLINGS, WEIGHTINGS):
            assert all(name in registry for name in registry) and "nothing" not in registry and len(registry)
        light = not {"torch", "numpy", "scipy"} & set(sys.modules)
        PROBLEMS["poisson"]
        print(light, "torch" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_unknown_names():
    assert "nothing" not in PROBLEMS
    assert PROBLEMS.get("nothing") is None
    with pytest.raises(KeyError, match="nothing"):
        PROBLEMS["nothing"]


def test_a_plugin_adds_a_name():
    registry = Registry({"poisson": "pinnrun.problems.poisson:Poisson"})

    @registry.register("decay")
    class Decay(Problem):
        pass

    assert registry["decay"] is Decay
    assert list(registry) == ["poisson", "decay"]


def test_a_reloaded_plugin_takes_its_own_place():
    registry = Registry({})

    def load() -> type:
        @registry.register("decay")
        class Decay(Problem):
            pass

        return Decay

    first, second = load(), load()
    assert first is not second
    assert registry["decay"] is second


def test_a_taken_name_is_refused():
    registry = Registry({"poisson": "pinnrun.problems.poisson:Poisson"})
    registry.register("decay")(type("Decay", (), {}))
    for name in ("poisson", "decay"):
        with pytest.raises(ValueError, match=f"the name '{name}' is taken; register Other under another"):
            registry.register(name)(type("Other", (), {}))
    assert registry["decay"].__name__ == "Decay"
    assert registry["poisson"] is PROBLEMS["poisson"]


def test_every_optimizer_with_a_family_is_registered():
    assert set(FAMILIES) < set(OPTIMIZERS)
    assert {family_of(name) for name in OPTIMIZERS} == {"first_order", "quasi_newton", "gauss_newton"}
    first_order = importlib.import_module("pinnrun.optimizers.first_order").FirstOrder
    assert {name for name in OPTIMIZERS if issubclass(OPTIMIZERS[name], first_order)} | {"cgd"} == {
        name for name in FAMILIES if FAMILIES[name] == "first_order"
    }
