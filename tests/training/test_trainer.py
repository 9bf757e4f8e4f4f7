"""What the trainer says of a growth, and what it lets the rules see."""

import pytest
import torch
from runs import composed

from pinnrun.architectures import GROWTH_RULES
from pinnrun.build import checked_config
from pinnrun.calculus import Derivatives
from pinnrun.run.growing import grow
from pinnrun.scaleup import Action
from pinnrun.training.trainer import Trainer

KEEP = {
    Action.WIDEN: ("zero_out", "residual", "greedy"),
    Action.DEEPEN: ("zero_out", "residual", "greedy"),
}


def trainer(*words) -> Trainer:
    it = Trainer(checked_config(composed(*words)), torch.device("cpu"), torch.float64)
    for _ in range(4):
        it.advance()
    return it


@pytest.mark.parametrize("action", KEEP)
@pytest.mark.parametrize("rule", GROWTH_RULES)
def test_the_change_that_is_reported_is_the_true_one(rule, action):
    other = "reinit" if rule != "reinit" else "zero_out"
    words = (rule, other) if action is Action.WIDEN else (other, rule)
    it = trainer(f"scaleup.init={words[0]}", f"scaleup.deepen_init={words[1]}")
    points = it.evaluation_points[0][1]
    before = it.solution(points, Derivatives()).value
    told = grow(it, action)
    change = float((it.solution(points, Derivatives()).value - before).abs().max())
    assert told == {"action": action.value, "init": rule, "change": change}
    assert change <= 1e-12 if rule in KEEP[action] else change > 1e-6


def test_a_deeper_network_of_another_width_starts_anew():
    it = trainer("architecture.width=9", "architecture.depth=1")
    told = grow(it, Action.DEEPEN, 5)
    assert (it.network.width, it.network.depth) == (5, 2) and it.theta.shape == (it.network.size,)
    assert (told["action"], told["init"]) == ("deepen", "reinit") and told["change"] > 1e-6
    it.advance()
    grow(it, Action.DEEPEN, 5)
    assert (it.network.width, it.network.depth) == (5, 3)


def test_the_objective_of_another_network_is_the_present_one_at_its_points():
    """All of them where they are few, evenly spaced ones where they are many; with the weights as they are."""
    it = trainer("weighting=ntk", "weighting.every=2")
    whole = it.weighed.probe(10**6)(it.network, it.theta)
    assert torch.equal(whole.r, it.objective.linearize(it.theta).r)
    some = it.weighed.probe(it.objective.rows // 2)(it.network, it.theta)
    first, count = len(it.objective.blocks[0][1]), len(it.objective.blocks[0][1].x[0, ::2])
    expected = whole.r[:first:2] * (first / count) ** 0.5
    assert torch.allclose(some.r[:count], expected, rtol=1e-12)
    wider = it.network.of_width(9)
    assert it.weighed.probe(10**6)(wider, wider.initial(torch.Generator())).J().shape == (len(whole.r), wider.size)
