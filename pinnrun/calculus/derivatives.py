"""Which derivatives of a field are wanted, and the channels that a jet needs to carry them.

Channels lie order by order: the value; the gradient; second derivatives one by one, then the operator, then the
Laplacian; third derivatives; fourth derivatives. A derivative of a product or of a composition is made of all
derivatives by a part of its indices (u_xxy of u_x, u_y, u_xx and u_xy), so these are carried too, and nothing else is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

from pinnrun.calculus.multi_index import Combination, MultiIndex, Rules, rules_of

if TYPE_CHECKING:
    from torch import Tensor

HIGHEST = 4  # order of derivatives that jets carry


@dataclass(frozen=True)
class Derivatives:
    """Which derivatives of a field a term needs; only these are computed.

    Attributes:
        gradient: all first derivatives (implied by any higher one).
        pairs: the second derivatives ∂²/∂x_i∂x_j wanted one by one, as index pairs.
        laplacian: the sum of ∂²/∂x_i² as one channel, over all coordinates or over those named by a tuple of
            indices (the space of space and time).
        higher: third and fourth derivatives wanted one by one, as sorted index tuples: in coordinates (x, y),
            (0, 0, 0) is u_xxx and (0, 0, 1, 1) is u_xxyy.
        operator: Σ a_ij ∂²/∂x_i∂x_j with constant coefficients as one channel: the (i, j, a_ij) with i ≤ j, so that
            (0, 1, a) is a·u_xy, once.

    Raises:
        ValueError: indices that are negative, unsorted, or too few or too many for where they stand.
    """

    gradient: bool = False
    pairs: tuple[tuple[int, int], ...] = ()
    laplacian: bool | tuple[int, ...] = False
    higher: tuple[MultiIndex, ...] = ()
    operator: tuple[tuple[int, int, float], ...] = ()

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self):
        for index in self.higher:
            if not 3 <= len(index) <= HIGHEST:
                cure = "first ones are gradient=True, second ones pairs=..." if len(index) < 3 else "4 is the highest"
                yield f"higher={index} is a derivative of order {len(index)}, not of 3 or 4: {cure}"
            if tuple(sorted(index)) != tuple(index):
                yield f"higher={index}: write its indices in order, {tuple(sorted(index))}"
        for i, j, _ in self.operator:
            if i > j:
                yield f"operator entry ({i}, {j}): write it as ({j}, {i}, ...), once for both"
        if min(self._indices, default=0) < 0:
            yield f"coordinates count from 0, so no index is negative: {self}"

    @property
    def _indices(self) -> tuple[int, ...]:
        """Every coordinate that is named."""
        curved = () if isinstance(self.laplacian, bool) else self.laplacian
        singles = (i for index in (*self.pairs, *self.higher) for i in index)
        return (*singles, *curved, *(i for entry in self.operator for i in entry[:2]))

    # -- the channels ----------------------------------------------------------------------------------------

    @cached_property
    def singles(self) -> tuple[tuple[MultiIndex, ...], ...]:
        """Derivatives with a channel each, for order 2, 3 and 4: those asked for, then those that they are made of."""
        asked = [tuple(sorted(index)) for index in (*self.pairs, *self.higher)]
        needed = sorted({part for index in asked for n in range(2, len(index)) for part in combinations(index, n)})
        together = tuple(dict.fromkeys([*asked, *needed]))
        return tuple(tuple(index for index in together if len(index) == order) for order in range(2, HIGHEST + 1))

    @cached_property
    def order(self) -> int:
        """The highest order that is carried."""
        if self.singles[1]:
            return 4 if self.singles[2] else 3
        if self.singles[0] or self.laplacian or self.operator:
            return 2
        return 1 if self.gradient else 0

    @property
    def first(self) -> bool:
        """Whether first derivatives are carried (asked for, or needed by a higher one)."""
        return self.order > 0

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """Channels of order 2, 3 and 4."""
        second, third, fourth = map(len, self.singles)
        return second + bool(self.operator) + bool(self.laplacian), third, fourth

    @cached_property
    def places(self) -> dict[MultiIndex, int]:
        """Of every derivative with a channel of its own, the row among the channels of its order."""
        return {index: row for singles in self.singles for row, index in enumerate(singles)}

    @cached_property
    def rules(self) -> tuple[Rules, ...]:
        """How channels of order 2, 3, … come about in products and compositions, the Laplacian's apart."""
        channels: list[list[Combination]] = [[((index, 1.0),) for index in singles] for singles in self.singles]
        if self.operator:
            channels[0].append(tuple(((i, j), factor) for i, j, factor in self.operator))
        return tuple(rules_of(order, tuple(channels[order - 2])) for order in range(2, self.order + 1))

    def split(self, dimension: int) -> list[int]:
        """Channels of every order carried, the value's first, in ``dimension`` coordinates."""
        return [1, dimension, *self.sizes][: self.order + 1]

    def channels(self, dimension: int) -> int:
        """Number of channels S of a jet in ``dimension`` coordinates."""
        return sum(self.split(dimension))

    def require(self, dimension: int) -> None:
        """Raise a ValueError if a coordinate is named that ``dimension`` coordinates do not have."""
        if max(self._indices, default=-1) >= dimension:
            raise ValueError(f"{self}: there are {dimension} coordinates, counted from 0 to {dimension - 1}")

    def curved(self, gradient: Tensor) -> Tensor:
        """The rows of a gradient ``(d, ...)`` that enter the Laplacian."""
        if isinstance(self.laplacian, bool):
            return gradient
        first, last = self.laplacian[0], self.laplacian[-1]
        if self.laplacian == tuple(range(first, last + 1)):  # a view, whose reverse pass is cheap
            return gradient[first : last + 1]
        return gradient[list(self.laplacian)]
