"""Linear layers and scalar factors on jets: what they give, and what they leave on the tape."""

import torch
from cases import close, draw

from pinnrun.architectures import Layout
from pinnrun.architectures.layers import Layers, dense_shapes, dense_value
from pinnrun.calculus import Derivatives, Jet, Tape

LAYOUT = Layout([*dense_shapes("first", 2, 3), ("a", (1,)), ("mix", (3, 3))])
THETA = draw(LAYOUT.size)
SECOND = Derivatives(laplacian=True)


def test_products_by_hand():
    parts = LAYOUT.split(THETA)
    jet = Jet.coordinates(draw(1, 4, 2, seed=1), SECOND)
    layers = Layers(LAYOUT, THETA, None)
    y = layers.dense("first", jet)
    assert close(y.value, dense_value(parts, "first", jet.value))
    assert close(y.gradient, jet.gradient @ parts["first.weight"].T)
    assert close(layers.scale("a", y).channels, parts["a"] * y.channels)
    assert close(layers.matrix("mix", y).channels, y.channels @ parts["mix"].T)


def test_every_use_is_on_the_tape():
    tape = Tape()
    layers = Layers(LAYOUT, THETA, tape)
    y = layers.dense("first", Jet.coordinates(draw(1, 4, 2), SECOND))
    for _ in range(2):
        y = layers.matrix("mix", layers.scale("a", y))
    slices = LAYOUT.slices
    weights = [slices["first.weight"], slices["a"], slices["mix"], slices["a"], slices["mix"]]
    assert [use.weight for use in tape.entries] == weights
    assert [use.scalar for use in tape.entries] == [False, True, False, True, False]
    assert [use.bias for use in tape.entries] == [slices["first.bias"], None, None, None, None]
    (gradient,) = torch.autograd.grad(y.channels.sum(), tape.entries[0].y)
    assert float(gradient.abs().min()) > 0, "autograd follows from the first use on"
