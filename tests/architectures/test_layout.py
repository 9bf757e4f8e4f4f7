"""The layout of θ."""

import pytest
import torch

from pinnrun.architectures import Layout

SHAPES = (("first.weight", (4, 2)), ("first.bias", (4,)), ("last.weight", (1, 4)), ("scale", ()))


def test_parts_lie_one_behind_the_other():
    layout = Layout(SHAPES)
    assert layout.size == 8 + 4 + 4 + 1
    assert layout.slices == {
        "first.weight": slice(0, 8),
        "first.bias": slice(8, 12),
        "last.weight": slice(12, 16),
        "scale": slice(16, 17),
    }


def test_split_gives_rows_in_order_and_shares_memory():
    theta = torch.arange(17.0)
    parts = Layout(SHAPES).split(theta)
    assert {name: tuple(part.shape) for name, part in parts.items()} == dict(SHAPES)
    assert parts["first.weight"][2].tolist() == [4.0, 5.0]
    assert torch.equal(torch.cat([part.flatten() for part in parts.values()]), theta)
    parts["last.weight"][0, 1] = -1.0
    assert theta[13] == -1.0


def test_a_vector_of_another_size_is_refused():
    with pytest.raises((RuntimeError, IndexError)):
        Layout(SHAPES).split(torch.zeros(15))
