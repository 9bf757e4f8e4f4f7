"""Width first: width as long as it is free, then in turns with depth."""

import pytest
from scaleup.views import stage

from pinnrun.scaleup import Action
from pinnrun.scaleup.width_first import WidthFirstPolicy

POLICY = WidthFirstPolicy("width_first", slower=1.5)


def view(slower, **more):
    """A step of the double width costs so many times as much."""
    return stage(price=lambda width, depth: slower ** (width / 4 - 1), **more)


@pytest.mark.parametrize("last", [None, Action.WIDEN, Action.DEEPEN])
def test_free_width_is_taken_whatever_came_before(last):
    decision = POLICY.grow(view(1.4, growths=[last] if last else []), "stuck")
    assert decision.action is Action.WIDEN
    assert decision.evidence == "stuck; a step 8 wide takes 1.4 times as long: width is free"


def test_the_first_width_that_is_not_free_is_not_taken():
    widened = view(1.6, growths=[Action.WIDEN] * 2)
    assert POLICY.grow(widened, "stuck").action is Action.DEEPEN
    assert POLICY.grow(view(1.6), "stuck").action is Action.DEEPEN


def test_from_there_on_they_take_turns():
    wider, deeper = Action.WIDEN, Action.DEEPEN
    for growths, action in (
        ([wider, deeper], deeper),
        ([wider, deeper, deeper], wider),
        ([wider, deeper, deeper, wider], wider),
        ([deeper, deeper, wider, wider], deeper),
    ):
        decision = POLICY.grow(view(1.6, growths=growths), "stuck")
        assert decision.action is action
        assert decision.evidence == "stuck; a step 8 wide takes 1.6 times as long"


@pytest.mark.parametrize(("limits", "action"), [({"max_depth": 1}, Action.WIDEN), ({"max_width": 4}, Action.DEEPEN)])
def test_at_a_limit_the_other_one_grows(limits, action):
    policy = WidthFirstPolicy("width_first", slower=1.5, **limits)
    assert policy.grow(view(9.0), "stuck").action is action
    assert policy.grow(view(1.0), "stuck").action is action
