"""Jumps in a run: never to a higher loss, undone to the bit, resumed at any step, priced; and what is said of them."""

import copy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from runs import assert_same, composed, interrupt, lookup, resume, start

from pinnrun.build import checked_config, prepare_torch
from pinnrun.calculus import Objective
from pinnrun.koopman import acceleration
from pinnrun.strict import ConfigError
from pinnrun.training import leap as module
from pinnrun.training import search
from pinnrun.training.trainer import Trainer

WORDS = ("optimizer=adam", "optimizer.learning_rate=1e-2", "koopman.jump_every=8", "koopman.jump_snapshot=2")
LONG = ("budget.steps=60", "scaleup=fixed")


@pytest.fixture
def cheap(monkeypatch):
    """Attempts that cost nothing, so that runs of some steps make them."""
    monkeypatch.setattr(module, "SHARE", 100.0)


@pytest.fixture
def regretful(monkeypatch, cheap):
    """Jumps of which every one is undone."""
    monkeypatch.setattr(acceleration, "MARGIN", -100.0)
    monkeypatch.setattr(module.acceleration, "regretted", lambda losses, expected: True)


def trainer_of(*words):
    config = checked_config(composed(*WORDS, "scaleup=fixed", *words))
    return Trainer(config, *prepare_torch(config))


def jumps(folder):
    return [jump for decision in lookup(folder).decisions for jump in decision["jumps"]]


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("kind", [*acceleration.READINGS, "auto"])
def test_jumps_land_where_the_loss_is_lower(kind):
    trainer = trainer_of(f"koopman.acceleration={kind}", "koopman.jump_audit=false", "optimizer.learning_rate=1e-3")
    plain = trainer_of("optimizer.learning_rate=1e-3")
    losses = []
    for _ in range(120):
        trainer.advance()
        plain.advance()
        losses.append(float(trainer.objective.value(trainer.theta)))
    taken = [record for record in trainer.leap.records if record["accepted"]]
    for record in trainer.leap.records:
        assert record["accepted"] == (record["after"] < 0.98 * record["before"])
    for record in taken:
        assert losses[record["step"] - 1] == pytest.approx(record["after"], rel=1e-9)
    assert kind == "average" or len(taken) >= 3
    if kind != "average":
        assert losses[-1] < 0.95 * float(plain.objective.value(plain.theta))


@pytest.mark.usefixtures("cheap")
def test_a_loss_that_rises_everywhere_is_never_jumped_to(monkeypatch):
    def worse(self, objective, thetas):
        return [1.0, *([0.99] * (len(thetas) - 1))]

    monkeypatch.setattr(search.Search, "_values", worse)
    trainer, plain = trainer_of("koopman.acceleration=velocity"), trainer_of()
    for _ in range(40):
        trainer.advance()
        plain.advance()
    assert torch.equal(trainer.theta, plain.theta)
    steps = [record["step"] for record in trainer.leap.records]
    assert steps == [8, 24] and not any(record["accepted"] for record in trainer.leap.records)


@pytest.mark.usefixtures("regretful")
def test_a_jump_is_undone_to_the_bit():
    trainer = trainer_of("koopman.acceleration=velocity", "optimizer.learning_rate=1e-3")
    plain = trainer_of("optimizer.learning_rate=1e-3")
    events = []
    while not any("undone" in event for event in events):
        trainer.advance()
        events.append(trainer.event)
    [jump] = [record for record in trainer.leap.records if record["accepted"] and not record["undone"]]
    for _ in range(jump["step"]):
        plain.advance()
    assert trainer.step == jump["step"] + 4
    assert torch.equal(trainer.theta, plain.theta)
    same_state(trainer.optimizer.state(), plain.optimizer.state())
    trainer.advance()
    plain.advance()
    assert torch.equal(trainer.theta, plain.theta)
    same_state(trainer.optimizer.state(), plain.optimizer.state())


@pytest.mark.usefixtures("regretful")
def test_undoing_a_jump_does_not_undo_what_a_divergence_has_taught():
    trainer = trainer_of("koopman.acceleration=velocity", "optimizer.learning_rate=1e-3")
    while trainer.leap.before is None:
        trainer.advance()
    state, before = trainer.optimizer.state(), trainer.theta.clone()
    trainer.leap.soften(trainer.optimizer)
    same_state(trainer.optimizer.state(), state)  # the state in use is softened by the one who rewinds
    assert torch.equal(trainer.theta, before)
    trainer.optimizer.soften()
    rate = trainer.optimizer.learning_rate
    while trainer.leap.before is not None:
        trainer.advance()
    assert "undone" in trainer.event
    assert trainer.optimizer.learning_rate == rate == 0.5e-3


def same_state(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, dict):
            same_state(value, other[key])
        else:
            assert torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key]


CASES = {
    "fixed points": (),
    "fresh points": ("sampling=resample",),
    "weights that move": ("weighting=grad_norm", "weighting.every=3"),
    "growing": ("scaleup=koopman", "optimizer.pace.minimum=20", "optimizer.pace.horizon=40"),
}


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("undone", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_resumed_bit_equal_at_any_step(tmp_path, monkeypatch, case, undone):
    """Before the first attempt, between two, right after a jump, before its audit and after it."""
    if undone:
        monkeypatch.setattr(module.acceleration, "regretted", lambda losses, expected: True)
    words = (*WORDS, *LONG, "koopman.acceleration=auto", *CASES[case])
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    seen = jumps(whole)
    taken = [jump["step"] for jump in seen if jump["accepted"] and not jump["undone"]]
    assert taken and any(jump["undone"] for jump in seen) == undone
    first = taken[0]
    result = start(parts, *words, at={3: interrupt})
    for step in (7, first, first + 1, first + 3, first + 4, first + 6, 50):
        assert result["status"] == "interrupted"
        result = resume(parts, at={step: interrupt})
    assert resume(parts)["status"] == expected["status"]
    assert_same(whole, parts)


@pytest.mark.usefixtures("cheap")
def test_a_rewind_forgets_the_jumps_it_undoes(tmp_path, monkeypatch):
    def advance(self, *, judge=False, original=Trainer.advance):
        if self.rewinds < {18: 1}.get(self.step, 0):
            self.theta = float("nan") * self.theta
        return original(self, judge=judge)

    monkeypatch.setattr(Trainer, "advance", advance)
    result = start(tmp_path, *WORDS, *LONG, "koopman.acceleration=auto", "optimizer.pace.window=12")
    assert result["status"] == "budget"
    assert any("rewound to step 12" in event for event in result["events"])
    steps = [jump["step"] for jump in jumps(tmp_path) if not jump["undone"]]
    assert all(one < other for one, other in pairwise(steps))


@pytest.mark.usefixtures("cheap")
def test_growth_begins_with_nothing_known(tmp_path):
    words = (*WORDS, *CASES["growing"], "budget.steps=60", "koopman.acceleration=velocity", "scaleup.max_parameters=40")
    start(tmp_path, *words)
    run = lookup(tmp_path)
    begins = [int(stage.columns["step"][0]) for stage in run.stages]
    assert len(begins) > 1
    for jump in jumps(tmp_path):
        since = jump["step"] - max(begin for begin in begins if begin <= jump["step"])
        assert since >= 7


def test_attempts_cost_a_twentieth_of_the_steps_at_most():
    trainer = trainer_of("koopman.acceleration=auto", "koopman.jump_every=20")
    counted = 0

    def count(self, theta, original=Objective._squares):
        nonlocal counted
        counted += not theta.requires_grad
        return original(self, theta)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Objective, "_squares", count)
        for _ in range(700):
            trainer.advance()
            assert trainer.leap.search.spent <= 0.05 * trainer.stage_step * (1 + 1e-9)
    assert len(trainer.leap.records) >= 2
    attempts = sum(not record["undone"] for record in trainer.leap.records)
    assert trainer.leap.search.spent == pytest.approx(search.FORWARD * counted + search.ALGEBRA * attempts)


def test_fresh_points_are_shared_and_a_second_draw_confirms(monkeypatch, cheap):
    trainer = trainer_of("koopman.acceleration=velocity", "sampling=resample", "optimizer.learning_rate=1e-3")
    seen = []

    def values(self, objective, thetas, original=search.Search._values):
        seen.append((objective.blocks[0][1].x.clone(), len(thetas)))
        return original(self, objective, thetas)

    monkeypatch.setattr(search.Search, "_values", values)
    training = []
    while len(seen) < 2:
        trainer.advance()
        training.append(trainer.objective.blocks[0][1].x)
    (first, many), (second, two) = seen
    assert many > 2 and two == 2
    assert not any(torch.equal(first, other) for other in [second, *training])


def test_what_training_draws_does_not_depend_on_jumps(cheap, monkeypatch):
    """A run whose jumps are all refused is the run without them."""
    monkeypatch.setattr(module.acceleration, "falls", lambda before, after: False)
    with_jumps, without = trainer_of("koopman.acceleration=auto", "sampling=resample"), trainer_of("sampling=resample")
    for _ in range(30):
        rows = with_jumps.advance(), without.advance()
    assert with_jumps.leap.records
    assert torch.equal(with_jumps.theta, without.theta)
    np.testing.assert_equal(*rows)


def test_a_steady_drift_hints_at_the_learning_rate(cheap):
    trainer = trainer_of("koopman.acceleration=velocity", "optimizer.learning_rate=1e-4")
    events = []
    for _ in range(100):
        trainer.advance()
        events.append(trainer.event)
    hints = [event for event in events if "learning_rate is too small" in event]
    assert len(hints) == 1 and "attempts jumped 300 steps or more" in hints[0]


def test_second_order_methods_are_left_alone_unless_a_kind_is_named(tmp_path, cheap):
    words = ("koopman.jump_every=8", "koopman.jump_snapshot=2", "scaleup=fixed", "budget.steps=12")
    plain = start(tmp_path / "plain", *words)
    auto = start(tmp_path / "auto", *words, "koopman.acceleration=auto")
    assert auto["loss"] == plain["loss"]
    assert auto["events"] == [f"step 1: {module.notice(checked_config(composed(*words, 'koopman.acceleration=auto')))}"]
    assert "makes no jumps beside lm" in auto["events"][0]
    named = start(tmp_path / "named", *words, "koopman.acceleration=subspace")
    assert "makes lm forget" in named["events"][0]
    assert "jumps" not in lookup(tmp_path / "auto").decisions[0] and jumps(tmp_path / "named")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("koopman.jump_every=8", "koopman.jump_snapshot=3"), "use at most 2"),
        (("koopman.acceleration=auto", "problem=poisson_ritz"), "it minimises an energy"),
        (("koopman.acceleration=modes", "optimizer=multistart"), "multistart trains many networks"),
    ],
)
def test_combinations_that_make_no_sense(words, message):
    with pytest.raises(ConfigError, match=message):
        checked_config(composed(*words))


def test_an_older_checkpoint_and_one_without_jumps_are_taken_up(cheap):
    trainer = trainer_of("koopman.acceleration=auto")
    state = copy.deepcopy(trainer_of().state())
    assert state["leap"] is None
    trainer.load(state)
    del state["leap"]
    trainer.load(state)
    trainer.advance()


def test_settings_are_those_of_the_config():
    config = checked_config(composed(*WORDS, "koopman.acceleration=modes"))
    made = module.make_leap(config)
    assert made is not None and (made.base, made.every, made.count, made.search.kind) == (8, 2, 4, "modes")
    assert module.make_leap(replace(config, koopman=replace(config.koopman, acceleration="none"))) is None
