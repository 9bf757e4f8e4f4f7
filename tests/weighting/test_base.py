"""Weights as data at the points: rows, own shares, records of a run, and what a growth and new points do to them."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close
from runs import composed, lookup, start

from pinnrun.build import checked_config
from pinnrun.calculus import Objective
from pinnrun.optimizers import Outcome, StepInfo
from pinnrun.registry import OPTIMIZERS
from pinnrun.run.growing import grow
from pinnrun.scaleup import Action
from pinnrun.training.trainer import Trainer
from pinnrun.weighting.base import ROOT
from pinnrun.weighting.weighed import own_shares, weighed

TIMED = ("problem=heat1d", "problem.condition_points=20")
MOVING = {
    "grad_norm": ("weighting=grad_norm", "weighting.every=4"),
    "ntk": ("weighting=ntk", "weighting.every=4"),
    "causal": (*TIMED, "weighting=causal", "weighting.chunks=4", "weighting.epsilon=[5]"),
}


def trainer_of(*words: str) -> Trainer:
    return Trainer(checked_config(composed(*words)), torch.device("cpu"), torch.float64)


@pytest.mark.parametrize("name", ["poisson_soft", "flow", "poisson_boltzmann", "heat"])
def test_rows_read_the_weight_from_the_points(name):
    """New weights are seen by an objective that was made before them: r, J, value, and shares with the own weights."""
    case = CATALOGUE[name]()
    blocks = [(block.term, block.points) for block in case.blocks]
    plain, weights = case.objective.linearize(case.theta), [2.0, 0.25, 7.0, 0.5]
    objective = Objective(case.field, [weighed(*block) for block in blocks])
    scales = []
    for (term, points), weight in zip(blocks, weights, strict=False):
        points[ROOT][:] = weight**0.5
        scales.append(torch.full((len(points) * term.rows,), (weight / term.weight) ** 0.5, dtype=torch.float64))
    linear = objective.linearize(case.theta)
    assert close(linear.r, torch.cat(scales) * plain.r)
    assert close(linear.J(), torch.cat(scales)[:, None] * plain.J())
    objective.value(case.theta)
    case.objective.value(case.theta)
    own = case.objective
    own.value(case.theta)
    assert own_shares(objective, [term for term, _ in blocks]) == pytest.approx(own.shares(), rel=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_is_that_with_the_problems_own_weights(tmp_path, optimizer):
    """As the sum of the terms: it can be held against the merit, whatever the weights do."""
    words = (f"optimizer={optimizer}", "scaleup=fixed", "budget.steps=6")
    start(tmp_path / "moving", *words, *MOVING["grad_norm"])
    start(tmp_path / "fixed", *words)
    moving, fixed = (lookup(tmp_path / name).stages[0].columns for name in ("moving", "fixed"))
    np.testing.assert_allclose(moving["loss"], moving["term/equation"] + moving["term/boundary"], rtol=1e-14)
    weighed = sum(moving[f"weight/{name}"] * moving[f"term/{name}"] for name in ("equation", "boundary"))
    if optimizer != "cgd":  # whose loss has further parts
        np.testing.assert_allclose(moving["term/value"][:5], weighed[:5], rtol=1e-10)
        assert moving["loss"][0] == pytest.approx(fixed["loss"][0], rel=0.9), "the same order, at weights above 50"
    assert "term/value" not in fixed and not any(name.startswith("weight/") for name in fixed)


@pytest.mark.parametrize("what", MOVING)
def test_weights_are_recorded_at_every_step_and_move_when_they_are_due(tmp_path, what):
    start(tmp_path, "optimizer=adam", *MOVING[what])
    stages = [stage.columns for stage in lookup(tmp_path).stages]
    assert len(stages) > 2
    for columns in stages:
        names = {name for name in columns if name.startswith("term/")} - {"term/value"}
        assert {name.replace("weight", "term") for name in columns if name.startswith("weight/")} == names
        weights = columns["weight/equation"]
        moved = np.flatnonzero(np.diff(weights)) + 1
        assert moved.tolist() == [t for t in range(1, len(weights)) if what == "causal" or t % 4 == 0]


@pytest.mark.parametrize("what", ["grad_norm", "ntk"])
def test_weights_are_those_of_the_present_network(what):
    trainer = trainer_of(*MOVING[what], "weighting.momentum=0.5")
    fresh = type(trainer.weighting)(every=4)

    def measured():
        fresh.start()
        fresh.measure(trainer.weighed.field, trainer.points.blocks, trainer.theta)
        return fresh.state()["weights"]

    first = measured()
    for _ in range(4):
        trainer.advance()
    assert trainer.weighting.state()["weights"] == pytest.approx(first, rel=1e-12)
    expected = {name: 0.5 * first[name] + 0.5 * new for name, new in measured().items()}
    trainer.advance()
    assert trainer.weighting.state()["weights"] == pytest.approx(expected, rel=1e-12)
    grow(trainer, Action.WIDEN)
    assert trainer.weighting.state()["weights"] == {}
    expected = measured()
    trainer.advance()
    assert trainer.weighting.state()["weights"] == pytest.approx(expected, rel=1e-12), "no memory of the old network"


def test_the_merit_keeps_the_problems_weights():
    fixed, moving = trainer_of(), trainer_of(*MOVING["ntk"])
    moving.advance()
    assert float(moving.evaluation.value(moving.theta)) == float(fixed.evaluation.value(moving.theta))


def test_new_points_carry_the_weights_on():
    trainer = trainer_of(*MOVING["causal"], "sampling.every=2", "weighting.every=100", "sampling.rows_per_parameter=0")
    for _ in range(3):
        trainer.advance()
    w = trainer.weighting.state()["weights"]
    assert len(set(w)) == 4
    times = trainer.points.blocks[0][1].x[0, :, 0]
    order = times.argsort()
    expected = torch.tensor(w, dtype=torch.float64).repeat_interleave(15).sqrt()
    assert torch.equal(trainer.points.blocks[0][1][ROOT][0][order], expected)


def test_an_optimizer_is_told_of_new_weights_and_keeps_what_was_recorded_of_the_points():
    trainer = trainer_of(*MOVING["grad_norm"])
    before = trainer.objective
    value = float(before.value(trainer.theta))
    trainer.weighed.measure(trainer.theta)
    assert trainer.objective is not before and trainer.objective.blocks is before.blocks
    assert float(trainer.objective.value(trainer.theta)) == float(before.value(trainer.theta)) > value


def test_a_failed_step_is_tried_again_with_new_weights_while_they_move(monkeypatch):
    trainer = trainer_of(*MOVING["causal"], "weighting.every=50", "weighting.epsilon=[1e-9,5]")
    trainer.advance()  # passes the first ε
    assert not trainer.weights_due

    def refuse(objective, theta):
        return theta, StepInfo(1.0, Outcome.REJECTED, 1.0, 1.0, 1)

    monkeypatch.setattr(trainer.optimizer, "step", refuse)
    rows = [trainer.advance() for _ in range(7)]
    assert [row["causal/epsilon"] for row in rows] == 7 * [5.0]
    assert [row["weight/equation"] < 0.999 for row in rows] == [False, *6 * [True]]
    assert all(row["loss"] == pytest.approx(float(trainer.weighed.own.value(trainer.theta)), rel=1e-12) for row in rows)
    assert trainer.stuck is Outcome.REJECTED and trainer.rejections == 7


@pytest.mark.parametrize("settled", [False, True])
def test_a_failed_step_ends_a_stage_at_once_when_no_weights_are_to_come(monkeypatch, settled):
    trainer = trainer_of(*MOVING["causal"], f"weighting.epsilon=[{1e-12 if settled else 5}]")
    trainer.advance()
    step = lambda objective, theta: (theta, StepInfo(1.0, Outcome.REJECTED, 1.0, 1.0, 1))  # noqa: E731
    monkeypatch.setattr(trainer.optimizer, "step", step)
    trainer.advance()
    assert trainer.stuck is (Outcome.REJECTED if settled else None)
