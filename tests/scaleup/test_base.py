"""The order of growth (widen first, then in turns), what a start counts for, and its limits."""

from dataclasses import replace

import numpy as np
import pytest
from scaleup.views import grown, stage

from pinnrun.architectures import Mlp
from pinnrun.scaleup import Action, Decision, Past, Policy

NEVER = {"max_width": 10**6, "max_depth": 100, "max_parameters": 10**9, "turns": 1}


def past(width, depth, loss, ending=Action.DEEPEN, steps=40) -> Past:
    return Past(width, depth, Mlp(2, 1, width, depth).size, steps, loss, ending)


SMALL = past(4, 1, 0.0314)


def policy(**more) -> Policy:
    return Policy("policy", **{**NEVER, **more})


def test_widths_and_depths_grow_in_turns():
    """Steps 6 and 7: W → αW at first and after every deepening, D → D + 1 after every widening."""
    assert grown(policy(), 6) == [(4, 1), (8, 1), (8, 2), (16, 2), (16, 3), (32, 3), (32, 4)]


def test_a_turn_may_be_of_several_growths():
    """The default: twice wider, twice deeper."""
    assert Policy("policy").turns == 2
    assert grown(policy(turns=2), 6) == [(4, 1), (8, 1), (16, 1), (16, 2), (16, 3), (32, 3), (64, 3)]
    assert grown(policy(turns=3), 4) == [(4, 1), (8, 1), (16, 1), (32, 1), (32, 2)]


@pytest.mark.parametrize(
    ("so_far", "turns", "action"),
    [
        ([Action.WIDEN], 2, Action.WIDEN),
        ([Action.WIDEN] * 2, 2, Action.DEEPEN),
        ([Action.WIDEN] * 3, 2, Action.DEEPEN),
        ([Action.WIDEN, Action.DEEPEN], 2, Action.DEEPEN),
        ([Action.DEEPEN, Action.WIDEN, Action.DEEPEN], 2, Action.DEEPEN),
        ([Action.WIDEN, Action.DEEPEN, Action.DEEPEN], 2, Action.WIDEN),
        ([Action.DEEPEN] * 2, 3, Action.DEEPEN),
    ],
)
def test_only_growths_in_a_row_count_towards_a_turn(so_far, turns, action):
    assert policy(turns=turns).grow(stage(growths=so_far), "enough").action is action


@pytest.mark.parametrize(
    ("inputs", "width", "alpha", "is_wide"),
    [
        (2, 3, 2.0, False),
        (2, 5, 2.0, False),
        (2, 6, 2.0, True),
        (2, 9, 2.0, True),
        (5, 7, 2.0, False),
        (2, 8, 3.0, False),
    ],
)
def test_a_start_that_is_wide_for_nothing_is_width_s_turn(inputs, width, alpha, is_wide):
    """At least alpha (n_in + 1)."""
    for turns in (1, 2):
        made = policy(alpha=alpha, start="free", turns=turns)
        assert made.begun_by(inputs, width, 1) == ([Action.WIDEN] * turns if is_wide else [])
        if is_wide:
            assert made.grow(stage(growths=made.begun_by(inputs, width, 1)), "enough").action is Action.DEEPEN
        assert made.begun_by(inputs, width, 2) == [*[Action.WIDEN] * turns, Action.DEEPEN], "a layer comes after width"
    assert policy(alpha=alpha, start="theory").begun_by(inputs, width, 1) == []


def test_a_size_that_was_tried_already_is_not_tried_again():
    """4 x 1 has started afresh after 4 x 2, or 8 x 1, had come no further; where both were tried, it is as ever."""
    for turns in (1, 2):
        deeper = stage(growths=[Action.WIDEN] * turns, past=[SMALL, past(4, 2, 0.0314, Action.RESTART)])
        assert policy(turns=turns).grow(deeper, "enough").action is Action.WIDEN
        wider = stage(past=[SMALL, past(8, 1, 0.0314, Action.RESTART)])
        assert policy(turns=turns).grow(wider, "enough").action is Action.DEEPEN
        assert policy(turns=turns, max_depth=1).grow(wider, "enough").action is Action.WIDEN
        both = replace(wider, past=[*wider.past, past(4, 2, 0.0314)])
        assert policy(turns=turns).grow(both, "enough").action is Action.WIDEN


def test_in_place_of_a_growth_there_is_the_other_one():
    wider = replace(policy().grow(stage(), "enough"), width=7)
    deeper = policy().instead(stage(), wider)
    assert deeper == Decision(Action.DEEPEN, "enough", 10)
    assert policy().instead(stage(), deeper) == Decision(Action.WIDEN, "enough", 10)
    assert policy(max_depth=1).instead(stage(), wider) is None
    assert policy(max_width=4).instead(stage(), deeper) is None
    assert policy().instead(stage(), replace(wider, action=Action.RESTART)) is None


@pytest.mark.parametrize(
    ("last", "action"),
    [(None, Action.WIDEN), (Action.DEEPEN, Action.WIDEN), (Action.WIDEN, Action.DEEPEN)],
)
def test_what_follows_what(last, action):
    decision = policy().grow(stage(growths=[last] if last else [], window=17), "the evidence")
    assert decision.action is action
    assert decision.evidence == "the evidence"
    assert decision.steps == 17


@pytest.mark.parametrize(
    ("alpha", "width", "wider"),
    [
        (2.0, 3, 6),
        (1.5, 3, 5),
        (1.5, 4, 6),
        (1.01, 3, 4),
        (1 + 1e-12, 3, 4),
        (1.1, 10, 11),
        (1.1, 11, 13),
        (1.1, 50, 55),  # though 1.1 · 50 is 55.00000000000001 in floating point
        (2.0, 40, 70),
        (2.0, 70, 70),
    ],
)
def test_a_widening_is_by_alpha_rounded_up_within_the_limit(alpha, width, wider):
    assert policy(alpha=alpha, max_width=70).wider(width) == wider


def test_at_the_largest_width_only_depth_grows():
    assert grown(policy(max_width=8), 4) == [(4, 1), (8, 1), (8, 2), (8, 3), (8, 4)]


def test_the_last_widening_is_cut_to_the_limit():
    assert grown(policy(max_width=13), 4) == [(4, 1), (8, 1), (8, 2), (13, 2), (13, 3)]


def test_a_widening_that_the_limit_cuts_to_little_is_none():
    """To 11 neurons from 8 are fewer than √2 times as many; where α asks for little, little is enough."""
    assert grown(policy(max_width=11), 4) == [(4, 1), (8, 1), (8, 2), (8, 3), (8, 4)]
    assert list(policy(max_width=12).possible(stage(width=8))) == [Action.WIDEN, Action.DEEPEN]
    assert list(policy(alpha=1.3, max_width=11).possible(stage(width=8))) == [Action.WIDEN, Action.DEEPEN]
    assert list(policy(alpha=1.4, max_width=11).possible(stage(width=8))) == [Action.DEEPEN]


def cubic(width: int, depth: int) -> float:
    """A price like that of a dense step: (W + 1)³ in one layer, (W² + W)³ in two."""
    return float(width**depth + width) ** 3


@pytest.mark.parametrize(
    ("width", "least"),
    # (2 W)³ in one layer; (W² + W)³ in two may be 2.5 times as much
    [(10, 4), (20, 6), (3, 2)],
)
def test_a_second_layer_takes_back_the_width_that_was_free(width, least):
    free = {"width": width, "growths": [Action.WIDEN] * 2, "price": cubic}
    deeper = policy(turns=2).grow(stage(**free), "enough")
    most = 2.5 * cubic(width, 1)
    assert (deeper.action, deeper.width) == (Action.DEEPEN, least)
    assert cubic(least, 2) <= most < cubic(least + 1, 2)
    assert policy().leads_to(stage(**free), deeper) == (least, 2)
    fits = Mlp(2, 1, least, 2).size
    assert list(policy(max_width=width, max_parameters=fits).possible(stage(**free))) == [Action.DEEPEN]
    assert list(policy(max_width=width, max_parameters=fits - 1).possible(stage(**free))) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"price": lambda width, depth: 2.0**depth},
        {"depth": 2},
        {"past": [past(5, 1, 0.5, Action.WIDEN)]},
        {"growths": ()},
    ],
    ids=["cheap", "third layer", "width that was asked for", "a size that was given"],
)
def test_other_layers_are_as_wide_as_the_network(changed):
    view = stage(**{"width": 10, "growths": [Action.WIDEN], "price": cubic, **changed})
    deeper = policy().grown_by(Action.DEEPEN, view, "enough")
    assert deeper == Decision(Action.DEEPEN, "enough", 10)
    assert policy().leads_to(view, deeper) == (10, view.depth + 1)


def test_a_layer_that_keeps_the_function_keeps_the_width():
    view = stage(width=10, growths=[Action.WIDEN], price=cubic)
    assert policy(deepen_init="zero_out").grown_by(Action.DEEPEN, view, "enough").width is None


@pytest.mark.parametrize(
    ("price", "width"),
    # W³ in one layer: 2.5 times as much is 1.36 W, less than the √2 W that is the least
    [
        (lambda width, depth: width, 20),
        (lambda width, depth: width**1.2, 20),
        (lambda width, depth: width**1.4, 19),
        (cubic, 15),
    ],
    ids=["linear", "barely", "cut", "at least the square root of two"],
)
def test_a_widening_is_cut_to_what_it_may_cost(price, width):
    """2.5 times a step now pays for 2.5^(1/p) W, where W neurons cost W^p."""
    view = stage(width=10, price=price)
    made = policy()
    wider = made.grow(view, "enough")
    assert (wider.action, wider.width) == (Action.WIDEN, None if width == 20 else width)
    assert made.leads_to(view, wider) == (made.widened(view), 1) == (width, 1)
    assert policy(dearer=None).leads_to(view, policy(dearer=None).grow(view, "enough")) == (20, 1)


def test_there_is_room_for_a_widening_that_was_cut():
    fits = Mlp(2, 1, 15, 1).size
    assert list(policy(max_parameters=fits, max_depth=1).possible(stage(width=10, price=cubic))) == [Action.WIDEN]
    assert list(policy(max_parameters=fits - 1, max_depth=1).possible(stage(width=10, price=cubic))) == []
    assert policy(max_width=12).widened(stage(width=10, price=cubic)) == 12, "all that the limit leaves"


def test_at_the_largest_depth_only_width_grows():
    assert grown(policy(max_depth=2), 4) == [(4, 1), (8, 1), (8, 2), (16, 2), (32, 2)]
    assert grown(policy(max_depth=1), 2) == [(4, 1), (8, 1), (16, 1)]


def test_parameters_bound_both():
    """2-D, one output: sizes 17, 33, 105, 337 (4 x 1, 8 x 1, 8 x 2, 16 x 2)."""
    assert grown(policy(max_parameters=337), 9) == [(4, 1), (8, 1), (8, 2), (16, 2)]
    assert grown(policy(max_parameters=336), 9) == [(4, 1), (8, 1), (8, 2), (8, 3), (8, 4), (8, 5)]
    assert grown(policy(max_parameters=104), 9) == [(4, 1), (8, 1), (16, 1)]
    assert grown(policy(max_parameters=32), 9) == [(4, 1)]


@pytest.mark.parametrize(
    ("stalled", "action"), [(None, Action.CONTINUE), ("no trial step lowered the loss", Action.STOP)]
)
def test_at_the_largest_size_training_goes_on_as_long_as_it_can(stalled, action):
    decision = policy(max_width=4, max_depth=1).grow(stage(stalled=stalled), "too slow")
    assert decision.action is action
    assert decision.evidence == "too slow; already at the largest size allowed"
    assert decision.steps == 10


def test_a_view_counts_from_the_start_of_the_stage():
    assert stage(np.ones(37)).now == 37


def test_only_two_actions_grow():
    assert [action for action in Action if action.grows] == [Action.WIDEN, Action.DEEPEN]


def test_a_bare_policy_decides_nothing():
    with pytest.raises(NotImplementedError):
        policy().decide(stage(), None)


def hopeful(chance, left=500.0, **more):
    return stage(stalled=None, steps_left=left, chance=lambda steps: chance, **more)


LARGEST = {"max_width": 4, "max_depth": 1}


def test_what_the_budget_cannot_reach_is_given_up_and_says_so():
    decision = policy(**LARGEST).grow(hopeful(0.01), "too slow")
    assert (decision.action, decision.hopeless) == (Action.STOP, True)
    assert decision.evidence.endswith("P(reach) with all that is left of the budget is 0.01")


@pytest.mark.parametrize(
    "view", [hopeful(0.03), hopeful(0.0, left=float("inf")), hopeful(0.0, minimum=21), stage()],
    ids=["a chance", "no budget", "too early", "no forecast"],
)  # fmt: skip
def test_nothing_else_is(view):
    decision = policy(**LARGEST).grow(view, "too slow")
    assert (decision.action, decision.hopeless) == (Action.CONTINUE, False)
    assert policy(**LARGEST, give_up=0.0).grow(hopeful(0.0), "too slow").action is Action.CONTINUE


def test_which_actions_begin_a_stage_and_which_of_them_before_the_target_is_met():
    on_the_way = [Action.WIDEN, Action.DEEPEN, Action.RESTART]
    assert [action for action in Action if action.is_on_the_way] == on_the_way
    assert [action for action in Action if action.begins_stage] == [*on_the_way, Action.PRUNE, Action.RESTORE]


@pytest.mark.parametrize(
    ("stages", "loss", "size"),
    [
        ([SMALL], 0.0315, (4, 1)),  # the larger one has come as far
        ([SMALL], 0.0340, (4, 1)),
        ([SMALL], 0.0200, None),  # it has come farther
        ([SMALL], 0.0500, None),  # or less far
        ([past(8, 1, 0.0314), past(6, 1, 0.0312)], 0.0315, (6, 1)),
        ([past(4, 1, 0.5), past(6, 1, 0.0312)], 0.0315, (6, 1)),
        ([past(4, 2, 0.0314)], 0.0315, None),  # its own size says nothing of size
        ([past(4, 1, 0.0314, Action.PRUNE)], 0.0315, None),
        ([SMALL, past(4, 2, 0.0314, Action.RESTART)], 0.0315, (4, 1)),
        ([SMALL, past(4, 2, 0.0314, Action.RESTART), past(4, 1, 0.031, Action.RESTART)], 0.0315, None),  # tried twice
        ([SMALL], float("nan"), None),
        ([past(4, 1, 0.0314, steps=9)], 0.0315, None),  # it was hardly trained
    ],
)
def test_where_a_larger_network_comes_no_further_the_smallest_starts_afresh(stages, loss, size):
    view = stage([*[1.0] * 19, loss], width=4, depth=2, past=stages, growths=[Action.DEEPEN])
    decision = policy().scale(view, "too slow")
    if size is None:
        assert decision == policy().grow(view, "too slow")
    else:
        assert (decision.action, (decision.width, decision.depth)) == (Action.RESTART, size)
        assert decision.evidence == f"too slow; {size[0]} x {size[1]} has come as far, so it is not for want of size"
    assert policy(restarts=0).scale(view, "too slow").action is Action.WIDEN


def test_a_network_that_has_hardly_been_trained_has_not_stopped():
    view = stage([*[1.0] * 8, 0.0315], width=4, depth=2, past=[SMALL], growths=[Action.DEEPEN])
    assert policy().scale(view, "too slow").action is Action.WIDEN


def test_before_the_first_step_there_is_nothing_to_compare():
    view = stage([], past=[SMALL], growths=[Action.DEEPEN])
    assert policy().scale(view, "stuck").action is Action.WIDEN
