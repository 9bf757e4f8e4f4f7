"""Which channels a request leads to: those asked for, those that they are made of, and no other."""

from dataclasses import replace
from itertools import combinations_with_replacement

import pytest
from cases import draw

from pinnrun.calculus import Derivatives, Jet

KDV = Derivatives(higher=((0, 0, 0),))
PLATE = Derivatives(higher=((0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1)))


@pytest.mark.parametrize(
    ("wanted", "channels"),
    [
        (Derivatives(), 1),
        (Derivatives(gradient=True), 11),
        (Derivatives(laplacian=True), 12),
        (Derivatives(gradient=True, laplacian=True), 12),
        (Derivatives(laplacian=(1, 2, 3)), 12),
        (Derivatives(laplacian=()), 1),
        (Derivatives(pairs=((0, 3), (9, 9))), 13),
        (Derivatives(operator=((0, 0, 1.0), (0, 9, 2.0), (3, 3, 0.5))), 12),
        (Derivatives(laplacian=True, operator=((0, 9, 2.0),)), 13),
        (KDV, 13),
        (Derivatives(higher=((0, 0, 0, 0),)), 14),
        (Derivatives(higher=((1, 2, 2),)), 1 + 10 + 2 + 1),
        (Derivatives(higher=((1, 2, 3),)), 1 + 10 + 3 + 1),
        (PLATE, 1 + 10 + 3 + 4 + 3),  # in two coordinates 13
    ],
)
def test_a_jet_carries_no_more_channels_than_asked_for(wanted, channels):
    assert wanted.channels(10) == channels
    assert len(Jet.coordinates(draw(2, 10), wanted).channels) == channels


def test_korteweg_de_vries_needs_five_channels():
    """Value, u_x, u_t, u_xx and u_xxx."""
    assert KDV.singles == (((0, 0),), ((0, 0, 0),), ())
    assert KDV.split(2) == [1, 2, 1, 1]


def test_what_is_asked_for_comes_first_and_nothing_comes_twice():
    wanted = Derivatives(pairs=((1, 1), (2, 0), (0, 2)), higher=((0, 1, 1), (0, 0, 1, 1), (0, 0, 1)))
    second, third, fourth = wanted.singles
    assert second == ((1, 1), (0, 2), (0, 0), (0, 1))
    assert third == ((0, 1, 1), (0, 0, 1))
    assert fourth == ((0, 0, 1, 1),)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("order", [3, 4])
def test_one_derivative_needs_all_derivatives_by_a_part_of_its_indices(order, dimension):
    for index in combinations_with_replacement(range(dimension), order):
        carried = {single for singles in Derivatives(higher=(index,)).singles for single in singles}
        parts = {tuple(i for p, i in enumerate(index) if chosen >> p & 1) for chosen in range(1, 2**order)}
        assert carried == {part for part in parts if len(part) > 1}


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        (Derivatives(), 0),
        (Derivatives(gradient=True), 1),
        (Derivatives(pairs=((0, 1),)), 2),
        (Derivatives(laplacian=(1,)), 2),
        (Derivatives(operator=((0, 1, 3.0),)), 2),
        (KDV, 3),
        (PLATE, 4),
    ],
)
def test_order(wanted, order):
    assert wanted.order == order
    assert wanted.first == (order > 0)
    assert len(wanted.split(4)) == order + 1


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            {"higher": ((0, 0),)},
            r"higher takes tuples of 3 or 4 indices \(second derivatives are pairs=.*\(0, 0\) is none",
        ),
        ({"higher": ((0, 0, 0, 0, 0),)}, "4 is the highest order"),
        ({"higher": (0, 0, 0)}, r"one entry; write it as higher=\(\(0, 0, 0\),\)"),
        ({"higher": ((0, 1, 0),)}, r"in order, \(0, 0, 1\)"),
        ({"pairs": (0, 1)}, r"write it as pairs=\(\(0, 1\),\)"),
        ({"pairs": ((0, 1, 1),)}, r"pairs takes pairs of indices, and \(0, 1, 1\) is none"),
        ({"pairs": ((0, -1),)}, "no index is negative"),
        ({"operator": (0, 1, 2.0)}, r"write it as operator=\(\(0, 1, 2.0\),\)"),
        ({"operator": ((0, 1),)}, r"operator takes entries \(i, j, a_ij\)"),
        ({"operator": ((1, 0, 2.0),)}, r"write it as \(0, 1, a\)"),
        ({"higher": ((-1, 0, 0),)}, "no index is negative"),
    ],
)
def test_mistakes_are_answered_with_their_cure(request_, words):
    with pytest.raises(ValueError, match=words):
        Derivatives(**request_)


def test_requests_are_compared_by_what_is_asked_for():
    """Points keep jets by request."""
    again = replace(PLATE)
    assert again.rules == PLATE.rules
    assert again == PLATE and hash(again) == hash(PLATE)
    assert PLATE != KDV
