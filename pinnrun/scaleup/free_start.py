"""Where a run starts that is given no size: with what a step hardly notices.

The blueprint's closing remark has a network widened until that slows the device, and only then deepened; steps of
networks this small are calls more than numbers, so they are passed over at once. They need no fewer steps to be given
up than larger ones to arrive (docs/growing-pays.md has the figures).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from math import inf

from pinnrun.scaleup.price import StepCost

FREE = 1.25
"""A start is as wide as a step of so many times the smallest network's operations allows."""


def free_size(
    smallest: int,
    layers: int,
    widest: int,
    *,
    dearer: float,
    most: int,
    size_of: Callable[[int, int], int],
    cost: StepCost,
) -> tuple[int, int]:
    """W and D of the first network.

    One layer is as wide as a step costs at most `FREE` times the operations of the smallest network's. Where one layer
    is not known to do, it is passed over: the start is where its second one would lead.

    Args:
        smallest: W of the smallest network, n_in + 1; its D is 1.
        layers: D; more than two are as wide as two.
        widest: W is at most this.
        dearer: how many times as dear as with one layer a step with two may be.
        most: parameters at most.
        size_of: parameters of a network by its width and depth.
        cost: operations of a step by the number of parameters.
    """

    def width_for(depth: int, affordable: float, most_wide: int) -> int:
        def is_paid(width: int) -> bool:
            size = size_of(width, depth)
            return size <= most and cost.operations(size) <= affordable

        return max(takewhile(is_paid, range(smallest + 1, most_wide + 1)), default=smallest)

    width = width_for(1, FREE * cost.operations(size_of(smallest, 1)), widest)
    if layers > 1:
        width = width_for(2, dearer * cost.operations(size_of(width, 1)), width)
    if layers > 2:
        width = width_for(layers, inf, width)
    return width, layers
