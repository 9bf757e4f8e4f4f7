"""Points: rows, places, data, and jets that are made once."""

import pytest
import torch
from cases import draw

from pinnrun.calculus import Derivatives, Jet, Points

GRADIENT = Derivatives(gradient=True)


def test_one_place():
    x, label = draw(5, 3), draw(5)
    points = Points(x, label=label)
    assert len(points) == 5
    assert torch.equal(points.x, x[None])
    assert torch.equal(points["label"], label[None])


def test_two_places():
    x, normal = draw(2, 5, 3), draw(2, 5, 3, seed=1)
    points = Points(x, normal=normal)
    assert len(points) == 5
    assert torch.equal(points.x, x)
    assert torch.equal(points["normal"], normal)
    assert points.tensors()[0] is points.x
    assert points.tensors()[1] is points.data


def test_data_that_is_not_there():
    with pytest.raises(KeyError, match="normal"):
        Points(draw(5, 3))["normal"]


def test_coordinates_are_their_own_jet():
    points = Points(draw(5, 3))
    jet = points.coordinates(GRADIENT)
    assert torch.equal(jet.value, points.x)
    assert torch.equal(jet.gradient, torch.eye(3, dtype=torch.float64)[:, None, None, :].expand(3, 1, 5, 3))


def test_a_jet_is_made_once_per_name_and_derivatives():
    points, made = Points(draw(5, 3)), []

    def make(derivatives: Derivatives) -> Jet:
        made.append(derivatives)
        return Jet.coordinates(points.x, derivatives)

    first = points.cached("mask", GRADIENT, lambda: make(GRADIENT))
    assert points.cached("mask", Derivatives(gradient=True), lambda: make(GRADIENT)) is first
    assert points.cached("lift", GRADIENT, lambda: make(GRADIENT)) is not first
    assert len(points.cached("mask", Derivatives(), lambda: make(Derivatives())).channels) == 1
    assert made == [GRADIENT, GRADIENT, Derivatives()]


def test_moving_takes_everything_but_the_cache():
    points = Points(draw(2, 5, 3), label=draw(2, 5))
    points.coordinates(GRADIENT)
    moved = points.to("cpu", torch.float32)
    assert moved.x.dtype is moved["label"].dtype is moved.coordinates(GRADIENT).channels.dtype is torch.float32
    assert torch.equal(moved.x, points.x.float())
    assert points.x.dtype is torch.float64


def test_some_of_the_rows():
    x, normal = draw(2, 5, 3), draw(2, 5, 3, seed=1)
    some = Points(x, normal=normal).take(torch.tensor([3, 0]))
    assert torch.equal(some.x, x[:, [3, 0]]) and torch.equal(some["normal"], normal[:, [3, 0]])
    assert torch.equal(some.coordinates(GRADIENT).value, some.x)
