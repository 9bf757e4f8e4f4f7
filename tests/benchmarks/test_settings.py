"""The name of a run's settings changes with what changes its numbers, and with nothing else."""

import pytest
from omegaconf import OmegaConf

from benchmarks import settings
from pinnrun.composition.confdir import compose

WORDS = ["problem=poisson", "scaleup=fixed"]


def name(*words):
    return settings.settings_of(compose("train", [*WORDS, *words]))


def test_seed_and_texts_change_nothing():
    config = compose("train", [*WORDS, "seed=3"])
    OmegaConf.update(config, "problem.about.time", "another", force_add=True)
    assert settings.settings_of(config) == name()


@pytest.mark.parametrize(
    "word", ["architecture.width=7", "optimizer.acceleration=0.5", "target.loss=1e-3", "threads=2"]
)
def test_any_other_key_does(word):
    assert name(word) != name()


def test_a_key_added_later_counts_only_where_it_changes_something(monkeypatch):
    before = name()
    monkeypatch.setattr(settings, "ADDED", {**settings.ADDED, "optimizer.new.knob": 1.0})
    at = {value: compose("train", [*WORDS, f"+optimizer.new.knob={value}"]) for value in (1.0, 2.0)}
    assert settings.settings_of(at[1.0]) != before  # the empty group that held it is left: name the group instead
    monkeypatch.setattr(settings, "ADDED", {**settings.ADDED, "optimizer.new": {"knob": 1.0}})
    assert settings.settings_of(at[1.0]) == before
    assert settings.settings_of(at[2.0]) != before
    assert name() == before


def test_how_a_loss_is_forecast_counts_only_where_a_policy_asks():
    assert name("koopman.forecaster=last_value") == name()
    assert name("scaleup=koopman", "koopman.forecaster=last_value") != name("scaleup=koopman")


def test_how_growth_starts_is_nothing_to_a_network_of_fixed_size():
    words = ("scaleup.init=residual", "scaleup.deepen_init=zero_out")
    assert name(*words) == name("scaleup.init=reinit") == name()
    assert name("scaleup=plateau", *words) != name("scaleup=plateau", "scaleup.init=greedy")


def test_where_a_size_starts_counts_only_where_the_architecture_leaves_it_open():
    assert name("scaleup.start=free") != name("scaleup.start=theory") != name("scaleup.start=integrable")
    wide = "architecture.width=7"
    assert name(wide, "scaleup.start=free") == name(wide, "scaleup.start=theory")
    assert name(wide, "scaleup.start=integrable") != name(wide), "it has another depth"
