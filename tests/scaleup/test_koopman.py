"""The Koopman policy: what each verdict on the forecast leads to."""

from dataclasses import replace

import numpy as np
import pytest
from scaleup.views import stage

from pinnrun.koopman import Regime, Verdict, forecast, verdict
from pinnrun.scaleup import Action, Past
from pinnrun.scaleup.koopman import KoopmanPolicy

POLICY = KoopmanPolicy("koopman", turns=1)


def outlook(now=40, horizon=200, **more):
    """A forecast whose deciding fields are set by hand: by default one that says SCALE."""
    steps = np.arange(1, now + 1)
    base = forecast(steps, 1.0 / steps, target=1e-6, horizon=horizon)
    return replace(base, **{"regime": Regime.STEADY, "since": None, "probability": 0.04, "trend": 1e-2, **more})


REACH = outlook(probability=0.9)
SCALE = outlook()
EXTEND = outlook(trend=1.5e-6, probability=0.3)
PROMISED = {"forecaster": "promised_trend", "promise": 0.2}


def test_the_forecasts_of_this_file_mean_what_they_are_called():
    found = [verdict(look, minimum=20).verdict for look in (REACH, SCALE, EXTEND)]
    assert found == [Verdict.REACH, Verdict.SCALE, Verdict.EXTEND]


def test_reach_goes_on_with_a_check_after_every_window():
    """Steps 8 and 9."""
    decision = POLICY.decide(stage(), REACH)
    assert decision.action is Action.CONTINUE
    assert decision.steps == 10
    assert decision.evidence == verdict(REACH, minimum=20).evidence


@pytest.mark.parametrize(
    ("last", "action"), [(None, Action.WIDEN), (Action.WIDEN, Action.DEEPEN), (Action.DEEPEN, Action.WIDEN)]
)
def test_scale_grows_in_turns(last, action):
    """Steps 5 to 7."""
    decision = POLICY.decide(stage(growths=[last] if last else []), SCALE)
    assert decision.action is action
    assert decision.evidence == verdict(SCALE, minimum=20).evidence


def test_the_minimum_is_the_optimizer_s():
    decision = POLICY.decide(stage(minimum=41), SCALE)
    assert decision.action is Action.EXTEND
    assert "too early to judge: step 40 of at least 41" in decision.evidence


@pytest.mark.parametrize(("now", "steps"), [(12, 10), (40, 20), (60, 30), (150, 50), (195, 10), (199, 10)])
def test_extend_lengthens_the_trial_by_half_within_the_horizon(now, steps):
    """n → 1.5 n; one window at least."""
    decision = POLICY.decide(stage(np.ones(now)), outlook(now, trend=1e-6, probability=0.3))
    assert decision.action is Action.EXTEND
    assert decision.steps == steps


@pytest.mark.parametrize(
    ("dearer", "action"), [(1.0, Action.WIDEN), (12.0, Action.WIDEN), (13.0, Action.CONTINUE), (1e3, Action.CONTINUE)]
)
def test_short_odds_are_worth_a_window_where_the_next_network_is_dearer_than_that(dearer, action):
    """One in twenty-five, against one in two and a step that costs so many times as much: 8 x 1 after 4 x 1."""
    view = stage(price=lambda width, depth: dearer if width == 8 else 1.0)
    decision = replace(POLICY, dearer=None).decide(view, SCALE)
    assert (decision.action, decision.steps) == (action, view.window)
    told = f"; but a step of 8 x 1 takes {dearer:.2g} times as long"
    assert decision.evidence == verdict(SCALE, minimum=20).evidence + (told if action is Action.CONTINUE else "")


def test_it_waits_no_longer_than_the_horizon_and_for_no_fresh_start():
    dear = {"price": lambda width, depth: 1e6 ** (width * depth)}
    late = outlook(200, 400, probability=0.04)
    assert POLICY.decide(stage(np.ones(200), **dear), late).action is Action.WIDEN
    alike = Past(3, 1, 13, 50, 0.5, Action.WIDEN)
    assert POLICY.decide(stage(past=[alike], **dear), SCALE).action is Action.RESTART


@pytest.mark.parametrize(
    ("forecaster", "probability", "dearer", "action"),
    [
        ("promised_trend", 0.02, 2.9, Action.WIDEN),
        ("promised_trend", 0.02, 3.1, Action.EXTEND),
        ("promised_trend", 0.07, 1.0, Action.EXTEND),
        ("promised_trend", 0.0, 1e6, Action.WIDEN),
        ("combined_trend", 0.0, 1.0, Action.EXTEND),
    ],
)
def test_before_the_first_drop_a_forlorn_network_is_left_for_one_that_costs_little_more(
    forecaster, probability, dearer, action
):
    """0.06 in units of the larger network's odds; where no promise is known the minimum, 80 steps, is waited for."""
    look = outlook(regime=Regime.EARLY, probability=probability, forecaster=forecaster)
    view = stage(minimum=80, price=lambda width, depth: dearer if width == 8 else 1.0)
    assert verdict(look, minimum=80).verdict is Verdict.EXTEND
    decision = replace(POLICY, dearer=None).decide(view, look)
    assert decision.action is action
    if action is Action.WIDEN:
        told = f"; but such odds are not worth a longer look: a step of 8 x 1 takes {dearer:.2g} times as long"
        assert decision.evidence.endswith(told)


def test_a_forlorn_network_that_cannot_grow_is_looked_at_longer():
    look = outlook(regime=Regime.EARLY, probability=0.0, forecaster="promised_trend")
    least = KoopmanPolicy("koopman", max_width=4, max_depth=1)
    assert least.decide(stage(minimum=80), look).action is Action.EXTEND


@pytest.mark.parametrize(
    ("steps", "loss", "ending", "waits"),
    [
        (40, 0.5, Action.WIDEN, True),
        (40, 0.34, Action.DEEPEN, True),
        (40, 0.74, Action.RESTART, True),
        (40, 0.33, Action.WIDEN, False),
        (40, 0.76, Action.WIDEN, False),
        (20, 0.713, Action.WIDEN, True),  # the larger one's loss after 20 steps is 2^(-19/39)
        (20, 0.5 / 1.1, Action.WIDEN, False),
        (50, 0.5, Action.WIDEN, False),  # nobody knows yet
        (40, 0.5, Action.RESTORE, False),
    ],
)
@pytest.mark.parametrize("regime", [Regime.STEADY, Regime.EARLY])
def test_where_more_neurons_make_no_difference_so_far_the_network_has_its_minimum(steps, loss, ending, waits, regime):
    """All sizes stand on the same plateau of the wave equation for 60 steps; those that suffice leave it."""
    smaller, look = Past(3, 1, 13, steps, loss, ending), outlook(regime=regime, probability=0.0, **PROMISED)
    larger = Past(9, 1, 37, 40, 0.5, Action.WIDEN)
    decision = POLICY.decide(stage(minimum=41, past=[smaller, larger]), look)
    if waits:
        assert (decision.action, decision.steps) == (Action.EXTEND, 20)
        assert decision.evidence.endswith(f"3 x 1 had come as far in {steps} steps, so more neurons can wait")
    else:
        assert "neurons can wait" not in decision.evidence
    assert "neurons can wait" not in POLICY.decide(stage(minimum=40, past=[smaller]), look).evidence
    for promise in (None, 0.19):
        less = POLICY.decide(stage(minimum=41, past=[smaller]), replace(look, promise=promise))
        assert "neurons can wait" not in less.evidence
    assert (
        POLICY.decide(stage(minimum=41, past=[smaller]), outlook(probability=0.9, **PROMISED)).action is Action.CONTINUE
    )


@pytest.mark.parametrize("now", [200, 260])
def test_past_the_horizon_hope_is_not_enough(now):
    view, look = stage(np.ones(now)), outlook(now, 2 * now, trend=1.5e-6, probability=0.3)
    assert verdict(look, minimum=20).verdict is Verdict.EXTEND
    decision = POLICY.decide(view, look)
    assert decision.action is Action.WIDEN
    assert decision.evidence.endswith("; the 200 steps allowed are spent")


def test_past_the_horizon_a_likely_target_is():
    decision = POLICY.decide(stage(np.ones(260)), outlook(260, 520, probability=0.7))
    assert decision.action is Action.CONTINUE


def test_at_the_largest_size_it_trains_on():
    policy = KoopmanPolicy("koopman", max_width=4, max_depth=1)
    decision = policy.decide(stage(), SCALE)
    assert decision.action is Action.CONTINUE
    assert decision.evidence.endswith("already at the largest size allowed")


def test_a_stuck_optimizer_needs_no_forecast():
    decision = POLICY.decide(stage(stalled="the gradient vanished"), None)
    assert decision.action is Action.WIDEN
    assert decision.evidence == "the optimizer is stuck: the gradient vanished"
    assert KoopmanPolicy.needs_forecast
    with pytest.raises(AssertionError, match="decides on a forecast"):
        POLICY.decide(stage(), None)


def test_real_curves():
    """A flat loss far from its target is given up; one that falls fast towards it is not."""
    steps = np.arange(1, 101)
    noise = 1 + 0.01 * np.random.default_rng(0).standard_normal(100)
    flat = forecast(steps, 0.3 * noise, target=1e-6, horizon=200)
    assert POLICY.decide(stage(0.3 * noise), flat).action is Action.WIDEN
    falling = 3.0 * steps**-3.0 * noise
    steep = forecast(steps, falling, target=1e-6, horizon=200)
    assert POLICY.decide(stage(falling), steep).action is Action.CONTINUE
