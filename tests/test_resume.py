"""A run that was interrupted and resumed is the run that was not, to the last bit."""

import numpy as np
import pytest
from runs import assert_same, interrupt, lookup, resume, start

from pinnrun import storage

OPTIMIZERS = {
    "lm": (),
    "lm in single precision": ("dtype=float32", "storage.dtype=float32", "target.loss=1e-4"),
    "adam": ("optimizer=adam", "optimizer.pace.check=1", "optimizer.pace.snapshot=2"),
    "muon": ("optimizer=muon", "optimizer.schedule=cosine", "optimizer.decay_steps=8"),
    "soap": ("optimizer=soap", "optimizer.frequency=2"),
    "cgd": ("optimizer=cgd", "optimizer.critic_width=4"),
    "lbfgs": ("optimizer=lbfgs", "optimizer.pace.snapshot=3"),
    "ssbroyden": ("optimizer=ssbroyden", "optimizer.pace.snapshot=2"),
    "engd": ("optimizer=engd", "optimizer.average=0.6", "optimizer.damping=1e-8"),
    "spring": ("optimizer=spring", "optimizer.bias_correction=true"),
    "multistart": ("optimizer=multistart", "optimizer.starts=3", "optimizer.round=2", "optimizer.regrow=true"),
}


def starting(init):
    """Words that let new neurons and new layers start by this rule."""
    return f"scaleup.init={init}", f"scaleup.deepen_init={init}"


@pytest.mark.parametrize("init", ["zero_out", "reinit"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_run_is_bit_equal(tmp_path, optimizer, init):
    words = (*OPTIMIZERS[optimizer], *starting(init), "sampling.every=4")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    assert expected["status"] == "budget" and len(expected["stages"]) > 2
    # in the middle of a window, at its edge, which is a growth, at the first step of a stage, two in a row
    result = start(parts, *words, at={3: interrupt})
    for step in (5, 6, 12, 13, 24):
        assert result["status"] == "interrupted"
        result = resume(parts, at={step: interrupt})
    assert resume(parts)["status"] == "budget"
    assert_same(whole, parts)


FAMILIES = {
    "slopes": ("architecture=mlp", "architecture.adaptive_slope=true"),
    "waves": ("architecture=mlp", "architecture.embedding=fourier", "architecture.periods=[2]"),
    "resnet": ("architecture=resnet", "architecture.scheme=heun"),
    "pirate": ("architecture=pirate", "architecture.frequencies=2"),
}


@pytest.mark.parametrize("init", ["zero_out", "reinit"])
@pytest.mark.parametrize("optimizer", ["lm", "adam"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_resumed_run_of_every_family_is_bit_equal(tmp_path, family, optimizer, init):
    words = (*FAMILIES[family], *OPTIMIZERS[optimizer], *starting(init), "scaleup.max_parameters=400")
    if optimizer == "lm":  # whose bent steps let the slopes collapse on so few points
        words = (*words, "optimizer.acceleration=0")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    assert expected["status"] == "budget" and len(expected["stages"]) > 2
    result = start(parts, *words, at={3: interrupt})
    for step in (6, 13, 24):
        assert result["status"] == "interrupted"
        result = resume(parts, at={step: interrupt})
    assert resume(parts)["status"] == "budget"
    assert_same(whole, parts)


@pytest.mark.parametrize("optimizer", ["lm", "adam"])
@pytest.mark.parametrize("init", ["net2net", "shrink_perturb", "residual", "greedy"])
def test_a_resumed_run_makes_the_same_choices(tmp_path, init, optimizer):
    """Of new neurons by the residual, on points and with weights that move."""
    words = (*starting(init), f"optimizer={optimizer}", "weighting=ntk", "weighting.every=2", "sampling.every=4")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    assert (
        expected["status"] == "budget" and [stage["growth"]["init"] for stage in expected["stages"][1:]] == [init] * 2
    )
    result = start(parts, *words, at={8: interrupt})
    for step in (10, 11, 20, 24):
        assert result["status"] == "interrupted"
        result = resume(parts, at={step: interrupt})
    assert resume(parts)["status"] == "budget"
    assert_same(whole, parts)


TIMED = ("problem=heat1d", "problem.condition_points=20")
MOVING = {
    "grad_norm": ("weighting=grad_norm", "weighting.every=3"),
    "ntk": ("weighting=ntk", "weighting.every=2", "sampling.every=4"),
    "causal": (*TIMED, "weighting=causal", "weighting.chunks=5", "sampling.every=3"),
    "causal, quickly over": (*TIMED, "weighting=causal", "weighting.epsilon=[1e-5,1e-3]", "weighting.chunks=3"),
    "resample": ("sampling=resample", "sampling.every=2"),
    "sobol": ("sampling=sobol",),
    "sobol, scrambled anew": ("sampling=sobol", "sampling.every=3"),
    "rad": ("sampling=rad", "sampling.every=3"),
    "rad and ntk": ("sampling=rad", "sampling.every=2", "sampling.k=2", "weighting=ntk", "weighting.every=3"),
}


@pytest.mark.parametrize("optimizer", ["adam", "lm"])
@pytest.mark.parametrize("what", MOVING)
def test_weights_and_points_that_move_are_taken_up(tmp_path, what, optimizer):
    words = (f"optimizer={optimizer}", *MOVING[what])
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    assert expected["status"] == "budget" and len(expected["stages"]) > 2
    result = start(parts, *words, at={4: interrupt})
    for step in (5, 9, 12, 13, 18, 26):
        assert result["status"] == "interrupted"
        result = resume(parts, at={step: interrupt})
    assert resume(parts)["status"] == "budget"
    assert_same(whole, parts)


@pytest.mark.parametrize("step", [12, 15])
def test_resumed_in_a_window_that_was_extended(tmp_path, step):
    words = ("sampling=fixed", "koopman.forecaster=combined_trend", "optimizer.pace.window=4")
    words += ("optimizer.pace.minimum=20", "optimizer.pace.horizon=40")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole, *words)
    assert len(storage.read_window(lookup(whole).windows[3].path).columns["step"]) == 6
    start(parts, *words, at={step: interrupt})
    resume(parts)
    assert_same(whole, parts)


@pytest.mark.parametrize("step", [3, 12])
def test_resumed_around_a_second_layer_that_takes_width_back(tmp_path, step):
    words = ("scaleup.start=free", "scaleup.max_width=128", "scaleup.max_parameters=3000", "target.loss=1e-12")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    stages = start(whole, *words, "budget.steps=16")["stages"]
    assert [line["depth"] for line in stages[:2]] == [1, 2] and stages[1]["width"] < stages[0]["width"]
    assert stages[0]["steps"] < 12
    start(parts, *words, "budget.steps=16", at={step: interrupt})
    resume(parts)
    assert_same(whole, parts)


@pytest.mark.parametrize("every", [1, 3])
def test_resumed_with_decisions_in_the_index(tmp_path, every):
    """The checkpoint holds only what run.h5 does not have yet."""
    words = (f"storage.index_every={every}", "optimizer.pace.window=2", "optimizer.pace.minimum=6")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole, *words)
    result = start(parts, *words, at={5: interrupt})
    for step in (6, 9, 14, 21):
        result = resume(parts, at={step: interrupt})
    assert result["status"] == "interrupted"
    resume(parts)
    assert_same(whole, parts)
    assert len(lookup(parts).decisions) == len(lookup(parts).windows)


def test_resumed_while_the_target_holds(tmp_path):
    words = ("target.loss=0.5", "target.hold=7", "scaleup=fixed", "architecture.width=8")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    assert expected["status"] == "done"
    start(parts, *words, at={expected["steps"] - 3: interrupt})
    assert resume(parts)["status"] == "done"
    assert_same(whole, parts)


def test_more_budget_goes_on_with_whole_windows(tmp_path):
    start(tmp_path, "budget.steps=12", "scaleup=fixed")
    resume(tmp_path, "budget.steps=25")
    assert [len(storage.read_window(entry.path).columns["step"]) for entry in lookup(tmp_path).windows] == [
        5,
        5,
        2,
        5,
        5,
        3,
    ]


def test_what_a_resumed_run_has_changed_holds_for_the_next(tmp_path):
    start(tmp_path, at={3: interrupt})
    resume(tmp_path, "budget.steps=40", "target.hold=5", at={7: interrupt})
    assert resume(tmp_path)["steps"] == 40
    assert "hold: 5" in lookup(tmp_path).provenance["config"]


def test_clocks_go_on(tmp_path):
    first = start(tmp_path, at={12: interrupt})
    second = resume(tmp_path)
    assert second["cpu_seconds"] > first["cpu_seconds"] and second["wall_seconds"] > first["wall_seconds"]
    seconds = np.concatenate([stage.columns["seconds"] for stage in lookup(tmp_path).stages])
    assert (np.diff(seconds) > 0).all() and seconds[-1] <= second["cpu_seconds"]


def test_what_a_kill_left_is_swept_up(tmp_path):
    start(tmp_path, at={12: interrupt})
    leftovers = [tmp_path / ".run.h5.00c0ffee.tmp", tmp_path / "windows" / ".s02_w0002.h5.00c0ffee.tmp"]
    for path in leftovers:
        path.write_bytes(b"half")
    resume(tmp_path)
    assert not any(path.exists() for path in leftovers)


def test_resumed_right_before_a_step_that_is_rejected(tmp_path):
    """Its row repeats the terms' shares of the step before, which the resumed run has not seen."""
    words = ("scaleup=fixed", "optimizer.trials=2", "optimizer.damping=0.3", "optimizer.acceleration=0")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    assert expected["status"] == "stalled" and expected["steps"] > 2
    start(parts, *words, at={expected["steps"] - 1: interrupt})
    resume(parts)
    assert_same(whole, parts)
