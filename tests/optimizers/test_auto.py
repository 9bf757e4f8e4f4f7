"""The choice of a chain by size, the hand-over by its own arithmetic, and steps that are those of the method named."""

from math import log10

import pytest
import torch
from cases import CATALOGUE

from pinnrun.optimizers import Auto, LevenbergMarquardt, Outcome, Pace, SelfScaledBroyden, StepInfo
from pinnrun.optimizers import auto as module

PACE = Pace(2, 2, 2, 1, 1)


@pytest.mark.parametrize(
    ("rows", "size", "least_squares", "chain"),
    [
        (1020, 129, True, ("lm", "ssbroyden")),
        (1020, 1020, True, ("lm", "ssbroyden")),
        (1020, 1185, True, ("engd_w", "spring")),
        (900, 1185, False, ("lm", "ssbroyden")),
        (50_000, 10_000, True, ("cg",)),
        (150, 1_000_000, True, ("engd_w", "spring")),
        (900, 10_000, False, ("cg",)),
    ],
)
def test_the_chain_is_the_first_that_size_and_rows_allow(rows, size, least_squares, chain):
    assert Auto(PACE).choose(rows, size, least_squares=least_squares) == chain


class Scripted:
    """A method that reports the losses it is given, one a step; "no" for a step that fails."""

    def __init__(self, losses):
        self.losses = list(losses)
        self.softened = 0

    def step(self, objective, theta):
        loss = self.losses.pop(0)
        if loss == "no":
            return theta, StepInfo(1.0, Outcome.REJECTED, 0.0, 1.0, 1)
        return theta + 1.0, StepInfo(loss, Outcome.ACCEPTED, 0.0, 1.0, 1)

    def soften(self):
        self.softened += 1

    def state(self):
        return {"losses": list(self.losses)}

    def load(self, state):
        self.losses = list(state["losses"])


@pytest.fixture
def script(monkeypatch):
    """Let the chain of small networks run on scripts; returns what was made."""
    made = []

    def use(**scripts):
        for name, parts in scripts.items():
            queue = list(parts)

            def make(pace, name=name, queue=queue):
                made.append((name, Scripted(queue.pop(0) if queue else [])))
                return made[-1][1]

            monkeypatch.setitem(module.METHODS, name, make)
        return made

    return use


def walk(optimizer, steps):
    objective, theta = CATALOGUE["fit"]().objective, CATALOGUE["fit"]().theta
    infos = []
    for _ in range(steps):
        theta, info = optimizer.step(objective, theta)
        infos.append(info)
    return theta, infos


def test_a_method_hands_over_when_it_wins_too_little(script):
    """0.1 decades a step for 6 steps, then 0.001: over 4 steps the gain falls below 0.02 a step at the tenth."""
    losses = [10 ** (-0.1 * k) for k in range(6)] + [10 ** (-0.5 - 0.001 * k) for k in range(1, 9)]
    script(lm=[losses], ssbroyden=[[1e-3, 1e-4]])
    _, infos = walk(Auto(PACE, patience=4, gain=0.02), 12)
    due = next(k for k in range(4, 14) if log10(losses[k - 4] / losses[k]) < 0.08)
    assert [bool(info.event) for info in infos] == [k == due for k in range(12)]
    assert infos[due].event == "lm hands over to ssbroyden: less than 0.02 decades a step"
    assert infos[due].accepted and infos[due].loss == losses[due]
    assert infos[due + 1].loss == 1e-3


def test_the_last_of_a_chain_is_not_judged_by_its_gain(script):
    script(lm=[[1.0, 1.0, 1.0, "no"]], ssbroyden=[[0.9] * 20])
    _, infos = walk(Auto(PACE, patience=2, gain=0.02), 15)
    assert sum(bool(info.event) for info in infos) == 1
    assert all(info.accepted for info in infos)


def test_a_method_that_fails_hands_over_and_the_last_hands_back(script):
    script(lm=[[1.0, 0.1, "no"], [0.01, "no"]], ssbroyden=[[0.05, 0.02, "no"], ["no"]])
    _, infos = walk(Auto(PACE, patience=50), 9)
    outcomes = [info.outcome for info in infos]
    forgiven = Outcome.HANDED_OVER
    accepted = Outcome.ACCEPTED
    assert outcomes[:3] == [accepted, accepted, forgiven]
    assert outcomes[3:6] == [accepted, accepted, forgiven], "and lm takes over again"
    assert outcomes[6:8] == [accepted, forgiven]
    assert outcomes[8] is Outcome.REJECTED, "no method of the chain moves any more"


def test_a_diverged_step_is_told_not_handed_over():
    case = CATALOGUE["fit"]()
    theta = torch.full_like(case.theta, float("nan"))
    same, info = Auto(PACE).step(case.objective, theta)
    assert info.outcome is Outcome.NOT_FINITE and same is theta


def test_smaller_steps_are_asked_of_every_method_that_follows(script):
    made = script(lm=[[1.0, 1.0, 1.0, 1.0]], ssbroyden=[[0.5]])
    optimizer = Auto(PACE, patience=2, gain=0.1)
    walk(optimizer, 1)
    optimizer.soften()
    walk(optimizer, 3)
    assert [(name, inner.softened) for name, inner in made] == [("lm", 1), ("ssbroyden", 1)]


def test_its_steps_are_those_of_lm_and_then_of_ssbroyden():
    case = CATALOGUE["fit"]()
    objective = case.objective
    auto, alone = Auto(PACE, patience=3, gain=100.0), LevenbergMarquardt(PACE)
    theta = expected = case.theta
    for _ in range(4):
        theta, info = auto.step(objective, theta)
        expected, _ = alone.step(objective, expected)
    assert "lm hands over to ssbroyden" in info.event
    assert torch.equal(theta, expected)
    alone = SelfScaledBroyden(PACE)
    for _ in range(5):
        theta, _ = auto.step(objective, theta)
        expected, _ = alone.step(objective, expected)
    assert torch.equal(theta, expected)


def test_a_growth_chooses_again():
    case = CATALOGUE["fit"]()
    optimizer = Auto(PACE, patience=2, gain=100.0)
    walk(optimizer, 3)
    assert optimizer.state()["index"] == 1
    optimizer.grow(None, 100)
    assert optimizer.state()["chain"] == [] and optimizer.state()["inner"] is None
    optimizer.step(case.objective, case.theta)
    assert optimizer.state()["chain"] == ["lm", "ssbroyden"] and optimizer.state()["index"] == 0


def test_a_method_that_was_slow_but_moving_is_not_called_stuck(script):
    """lm hands over for want of gain; that ssbroyden fails at its first step is no reason to end: lm takes over."""
    script(lm=[[1.0] * 4, [0.9, 0.8]], ssbroyden=[["no"]])
    _, infos = walk(Auto(PACE, patience=3, gain=0.02), 7)
    assert [info.outcome for info in infos[:4]] == [Outcome.ACCEPTED] * 4 and infos[3].event
    assert infos[4].outcome is Outcome.HANDED_OVER
    assert [info.loss for info in infos[5:]] == [0.9, 0.8]


def test_what_has_moved_is_known_after_a_resume(script):
    script(lm=[[1.0] * 4], ssbroyden=[["no"]])
    first = Auto(PACE, patience=3, gain=0.02)
    walk(first, 4)
    second = Auto(PACE, patience=3, gain=0.02)
    second.load(first.state())
    _, infos = walk(second, 1)
    assert infos[0].outcome is Outcome.HANDED_OVER
