"""The control that grows when the loss stagnates."""

import numpy as np
import pytest
from scaleup.views import stage

from pinnrun.scaleup import Action
from pinnrun.scaleup.plateau import PlateauPolicy


def decide(loss, gain=1.3, **more):
    return PlateauPolicy("plateau", gain=gain).decide(stage(loss, **more), None)


@pytest.mark.parametrize(("factor", "action"), [(1.29, Action.WIDEN), (1.31, Action.CONTINUE), (0.9, Action.WIDEN)])
def test_the_last_window_is_held_to_all_that_came_before(factor, action):
    """Best of the last ten steps against the best of the thirty before."""
    loss = np.r_[np.linspace(9.0, 3.0, 15), 2.0, np.full(14, 4.0), 2.0 / factor, np.full(9, 5.0)]
    decision = decide(loss)
    assert decision.action is action
    assert f"a factor {factor:.3g} in loss, 1.3 was asked for" in decision.evidence


def test_noise_upwards_does_not_count():
    """A window that ends high is judged by its best step, not by its last."""
    loss = np.r_[np.full(30, 1.0), 0.5, np.full(9, 3.0)]
    assert decide(loss).action is Action.CONTINUE


def test_gain_is_the_setting():
    loss = np.r_[np.full(30, 2.0), np.full(10, 1.0)]
    assert decide(loss, gain=1.9).action is Action.CONTINUE
    assert decide(loss, gain=2.1).action is Action.WIDEN


def test_it_waits_for_the_minimum_and_for_a_window_to_compare_with():
    for steps, more in ((19, {}), (39, {"minimum": 40}), (20, {"window": 20}), (15, {"window": 20, "minimum": 10})):
        decision = decide(np.ones(steps), **more)
        assert decision.action is Action.CONTINUE
        assert decision.evidence.startswith(f"too early to judge: step {steps}")
    assert decide(np.ones(20)).action is Action.WIDEN


def test_losses_that_were_not_measured_are_passed_over():
    loss = np.r_[np.full(30, 2.0), np.nan, np.full(9, 1.0)]
    assert decide(loss).action is Action.CONTINUE
    loss[5] = np.nan
    assert decide(loss).action is Action.CONTINUE


def test_a_loss_of_zero_is_progress():
    assert decide(np.r_[np.full(30, 2.0), np.zeros(10)]).action is Action.CONTINUE


def test_a_stuck_optimizer_is_a_reason_to_grow_at_any_time():
    decision = decide(np.geomspace(1, 1e-3, 5), stalled="no trial step lowered the loss", growths=[Action.WIDEN] * 2)
    assert decision.action is Action.DEEPEN
    assert decision.evidence == "the optimizer is stuck: no trial step lowered the loss"


def test_no_forecast_is_asked_for():
    assert not PlateauPolicy.needs_forecast
