"""The cost policy: expected times by hand, and that the cheapest option is the one that is taken."""

from math import exp, log

import numpy as np
import pytest
from scaleup.test_koopman import EXTEND, REACH, outlook
from scaleup.views import stage

from pinnrun.scaleup import Action, Past
from pinnrun.scaleup.koopman_cost import LONGEST, Floors, KoopmanCostPolicy, Ladder, steps_anew

POLICY = KoopmanCostPolicy("koopman_cost", restarts=1, tiny=200)
SCALE = outlook()


def view(loss=None, **more):
    return stage(loss, target=1e-6, price=lambda width, depth: float(width * depth), **more)


def options(policy, looked_at, forecast=None):
    return {(o.action, o.width, o.depth): o for o in policy.options(looked_at, forecast)}


def test_a_straight_descent_in_log_time_takes_as_long_again():
    """log10 L = −2 log10 t from L_0 = 1 reaches 1e-6 at t = 1000; its start is the first step."""
    steps = np.arange(1, 41)
    assert steps_anew(view(steps**-2.0), -6.0) == pytest.approx(1000.0)
    assert steps_anew(view(steps**-2.0), -1.0) == 20  # never less than the optimizer's minimum
    assert steps_anew(view(np.ones(40)), -6.0) == LONGEST * 200
    assert steps_anew(view(np.r_[np.nan, 3.0, 1.0, np.full(37, 2.0)]), -6.0) < LONGEST * 200


def test_floors_by_the_first_guess_and_by_what_was_seen():
    alone = Floors.of(view(np.full(40, 1e-2)))
    assert (alone.size, alone.floor, alone.exponent) == (17, -2.0, 3.0)
    assert alone.below(-5.0, 170) == pytest.approx(0.5)  # a decade more parameters, three decades lower
    assert alone.below(-2.0, 17) == 0.5 and alone.below(-6.0, 17) < 1e-4
    seen = Floors.of(view(np.full(40, 1e-2), width=43, past=(Past(4, 1, 17, 40, 1.0, Action.WIDEN),)))
    decades = np.log10(173 / 17)
    assert seen.size == 173
    assert seen.exponent == pytest.approx((3.0 + decades * 2.0) / (1.0 + decades**2))
    worse = Floors.of(view(np.full(40, 1e9), width=43, past=(Past(4, 1, 17, 40, 1.0, Action.WIDEN),)))
    assert worse.exponent == 0.0


def test_the_ladder_is_the_sum_over_its_rungs():
    """Sizes 17, 33 and no more: V(8) and V(4) by hand, with q in {1/4, 3/4}."""
    policy = KoopmanCostPolicy("koopman_cost", max_width=8, max_depth=1)
    looked_at = view()

    class Fixed(Floors):
        def below(self, target, size):
            return {17: 0.25, 33: 0.75}[size]

    ladder = Ladder(policy, looked_at, -6.0, 100.0, Fixed(17, 0.0))
    top = 0.75 * 100 * 8 + 0.25 * LONGEST * 200 * 8
    assert ladder.seconds(8, 1) == pytest.approx(top)
    assert ladder.seconds(4, 1) == pytest.approx(0.25 * 100 * 4 + 0.75 * (20 * 4 + top))


def test_a_likely_target_and_an_early_look_are_left_alone():
    assert POLICY.decide(view(), REACH).action is Action.CONTINUE
    extend = POLICY.decide(view(), EXTEND)
    assert (extend.action, extend.steps) == (Action.EXTEND, 20)


def test_all_options_are_offered_and_told():
    found = options(POLICY, view(), SCALE)
    assert set(found) == {
        (Action.CONTINUE, 4, 1),
        (Action.WIDEN, 8, 1),
        (Action.WIDEN, 16, 1),
        (Action.DEEPEN, 4, 2),
        (Action.RESTART, 4, 1),
    }
    decision = POLICY.decide(view(), SCALE)
    for words in ("go on ", "widen to 8 x 1 ", "widen to 16 x 1 ", "deepen to 4 x 2 ", "start afresh "):
        assert words in decision.evidence


def test_going_on_is_worth_what_the_forecast_gives_it():
    sure = options(POLICY, view(), outlook(probability=1.0, reach=100))[Action.CONTINUE, 4, 1]
    assert sure.seconds == pytest.approx((100 - 40) * 4.0)
    never = options(POLICY, view(), outlook(probability=0.0, reach=None))
    others = min(o.seconds for key, o in never.items() if key[0].grows)
    assert never[Action.CONTINUE, 4, 1].seconds == pytest.approx((200 - 40) * 4.0 + others)


def test_the_cheapest_is_taken_and_a_jump_over_a_size_carries_its_width():
    """A floor six decades too high at 17 parameters: 33 will hardly do either, 65 and more will."""
    low = view(np.geomspace(1.0, 10**-2.2, 40), size_of=lambda width, depth: 10 ** (width // 4) * depth)
    decision = KoopmanCostPolicy("koopman_cost", restarts=0, max_parameters=10**7).decide(low, outlook(target=1e-12))
    best = min(options(KoopmanCostPolicy("c", restarts=0, max_parameters=10**7), low, outlook(target=1e-12)).values(),
               key=lambda o: o.seconds)  # fmt: skip
    assert decision.action is best.action
    assert decision.width == (best.width if best.action is Action.WIDEN else None)


def test_fresh_starts_are_for_tiny_networks_and_counted():
    again = Past(4, 1, 17, 40, 1.0, Action.RESTART)
    for policy, looked_at in (
        (POLICY, view(past=(again,))),
        (KoopmanCostPolicy("c", restarts=0), view()),
        (KoopmanCostPolicy("c", tiny=16), view()),
    ):
        assert (Action.RESTART, 4, 1) not in options(policy, looked_at, SCALE)
    elsewhere = Past(3, 1, 13, 40, 1.0, Action.RESTART)
    assert (Action.RESTART, 4, 1) in options(POLICY, view(past=(elsewhere,)), SCALE)


def test_a_stuck_optimizer_does_not_go_on():
    decision = POLICY.decide(view(stalled="the gradient vanished"), None)
    assert decision.action.begins_stage
    assert decision.evidence.startswith("the optimizer is stuck: the gradient vanished; ")
    largest = KoopmanCostPolicy("c", max_width=4, max_depth=1, restarts=0)
    assert largest.decide(view(stalled="the gradient vanished"), None).action is Action.STOP


@pytest.mark.parametrize(("chance", "hopeless"), [(0.5, False), (0.01, True)])
def test_at_the_largest_size_it_gives_up_what_is_out_of_reach(chance, hopeless):
    largest = KoopmanCostPolicy("c", max_width=4, max_depth=1, restarts=0)
    decision = largest.decide(view(steps_left=500.0, chance=lambda steps: chance), SCALE)
    assert decision.action is (Action.STOP if hopeless else Action.CONTINUE)
    assert decision.hopeless == hopeless


def test_the_steepest_mean_slope_counts_not_the_last():
    loss = np.r_[np.arange(1, 21) ** -3.0, np.full(20, 20**-3.0)]
    expected = exp(-6.0 / (-3.0 / log(10)))
    assert steps_anew(view(loss), -6.0) == pytest.approx(expected)
