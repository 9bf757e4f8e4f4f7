"""The control that never grows."""

import numpy as np
from scaleup.views import stage

from pinnrun.scaleup import Action
from pinnrun.scaleup.fixed import FixedPolicy


def test_it_goes_on_whatever_the_loss_does():
    for loss in (np.ones(500), np.geomspace(1, 1e-9, 30), np.geomspace(1, 1e9, 30)):
        decision = FixedPolicy("fixed").decide(stage(loss), None)
        assert decision.action is Action.CONTINUE
        assert decision.steps == 10
    assert not FixedPolicy.needs_forecast


def test_it_stops_when_the_optimizer_is_stuck():
    decision = FixedPolicy("fixed").decide(stage(stalled="the gradient vanished"), None)
    assert decision.action is Action.STOP
    assert decision.evidence == "the optimizer is stuck: the gradient vanished"
