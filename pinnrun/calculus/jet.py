"""Jets: a field's values together with the derivatives in space that were asked for.

A jet is *channels* ``(S, ..., k)``: the value, then the gradient, then the chosen second derivatives with an operator
and the Laplacian as one collapsed channel each, then third and fourth derivatives; they are kept as one tensor or order
by order. Sums, products and compositions act on all channels by the rules of Leibniz and Faà di Bruno; to order two,

    (ab)_i  = a_i b + a b_i            (ab)_ij = a_ij b + a_i b_j + a_j b_i + a b_ij
    f(a)_i  = f'(a) a_i                f(a)_ij = f'(a) a_ij + f''(a) a_i a_j
    Δ(ab)   = Δa b + 2 ∇a·∇b + a Δb    Δf(a)   = f'(a) Δa + f''(a) |∇a|²

and with A = Σ a_ij ∂_i ∂_j likewise. The collapsed Laplacian is the "forward Laplacian" of Li et al., Nature Machine
Intelligence 6 (2024): it costs d + 2 channels where the full Hessian would cost 1 + d + d(d + 1)/2. It may be taken
over some of the coordinates only, as heat spreads in space and not in time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinnrun.calculus import elementary
from pinnrun.calculus.derivatives import HIGHEST, Derivatives
from pinnrun.calculus.elementary import Differentiable
from pinnrun.calculus.faa_di_bruno import faa_di_bruno, leibniz


class Jet:
    """A field at a batch of points with its derivatives; ordinary arithmetic acts on all of them.

    Args:
        channels: ``(S, ..., k)``, the derivative axis first, the k components of the field last.
        dimension: number of coordinates d.
        derivatives: which channels there are.
    """

    __slots__ = ("_channels", "_orders", "derivatives", "dimension")

    def __init__(self, channels: Tensor, dimension: int, derivatives: Derivatives) -> None:
        self._channels: Tensor | None = channels
        self._orders: tuple[Tensor, ...] | None = None
        self.dimension = dimension
        self.derivatives = derivatives

    @classmethod
    def of_orders(cls, orders: tuple[Tensor, ...], dimension: int, derivatives: Derivatives) -> Jet:
        """A jet from its channels order by order, as ``orders`` gives them."""
        jet = cls(orders[0], dimension, derivatives)
        jet._channels, jet._orders = None, orders
        return jet

    @property
    def channels(self) -> Tensor:
        """All channels as one tensor, ``(S, ..., k)``."""
        if self._channels is None:
            assert self._orders is not None
            self._channels = self._orders[0] if len(self._orders) == 1 else torch.cat(self._orders)
        return self._channels

    @property
    def orders(self) -> tuple[Tensor, ...]:
        """The value ``(1, ..., k)``, the gradient ``(d, ..., k)`` and what is of order 2, 3 and 4, as far as carried.

        Arithmetic goes by these pieces: the reverse pass of one split is one concatenation, where that of every slice
        would fill a tensor of the full size with zeros.
        """
        if self._orders is None:
            assert self._channels is not None
            self._orders = self._channels.split(self.derivatives.split(self.dimension))
        return self._orders

    # -- making jets -------------------------------------------------------------------------------------

    @classmethod
    def coordinates(cls, x: Tensor, derivatives: Derivatives) -> Jet:
        """The jet of the identity map x ↦ x; ``x`` is ``(..., d)``."""
        d = x.shape[-1]
        derivatives.require(d)
        channels = x.new_zeros((derivatives.channels(d), *x.shape))
        channels[0] = x
        if derivatives.first:
            for i in range(d):
                channels[1 + i, ..., i] = 1.0
        return cls(channels, d, derivatives)

    def constant(self, value: Tensor | float) -> Jet:
        """The jet of a constant, broadcast to this jet's points; ``value`` is a number or ``(..., k)``."""
        here = self.value
        value = torch.as_tensor(value, dtype=here.dtype, device=here.device)
        shape = here.shape[:-1]
        value = value.expand((*shape, value.shape[-1] if value.dim() else 1))
        channels = value.new_zeros((self.derivatives.channels(self.dimension), *value.shape))
        channels[0] = value
        return Jet(channels, self.dimension, self.derivatives)

    @staticmethod
    def cat(jets: Sequence[Jet]) -> Jet:
        """Jets of several fields at the same points as one jet of all their components."""
        first = jets[0]
        return Jet(torch.cat([jet.channels for jet in jets], dim=-1), first.dimension, first.derivatives)

    def _like(self, *orders: Tensor) -> Jet:
        return Jet.of_orders(orders, self.dimension, self.derivatives)

    # -- reading -----------------------------------------------------------------------------------------

    @property
    def value(self) -> Tensor:
        """The field itself, ``(..., k)``."""
        return self.orders[0][0]

    @property
    def gradient(self) -> Tensor:
        """First derivatives, ``(d, ..., k)``; empty where none were asked for."""
        return self.orders[1] if self.derivatives.first else self.orders[0][:0]

    @property
    def laplacian(self) -> Tensor:
        """The Laplacian over the coordinates that were asked for, ``(..., k)``."""
        if not self.derivatives.laplacian:
            raise ValueError("this jet has no Laplacian: ask for Derivatives(laplacian=True)")
        return self.orders[2][-1]

    @property
    def operator(self) -> Tensor:
        """Σ a_ij ∂²/∂x_i∂x_j with the coefficients that were asked for, ``(..., k)``."""
        if not self.derivatives.operator:
            raise ValueError("this jet has no operator: ask for Derivatives(operator=((i, j, a_ij), ...))")
        return self.orders[2][len(self.derivatives.singles[0])]

    def derivative(self, *index: int) -> Tensor:
        """The derivative by these coordinates, in any order, ``(..., k)``: (0, 1, 1) is ∂³/∂x_0∂x_1²; () the value.

        Raises:
            ValueError: it was neither asked for nor needed by what was.
        """
        order, index = len(index), tuple(sorted(index))
        if order == 0:
            return self.value
        if order == 1 and self.derivatives.first:
            return self.gradient[index[0]]
        if index in self.derivatives.places:
            return self.orders[order][self.derivatives.places[index]]
        ordinal, cure = {
            1: ("first", "gradient=True"),
            2: ("second", f"pairs=({index},)"),
            3: ("third", f"higher=({index},)"),
            4: ("fourth", f"higher=({index},)"),
        }.get(order, ("such", f"orders up to {HIGHEST}"))
        raise ValueError(f"this jet has no {ordinal} derivative {index}: ask for Derivatives({cure})")

    def d(self, i: int) -> Tensor:
        """∂/∂x_i, ``(..., k)``."""
        return self.gradient[i]

    def dd(self, i: int, j: int) -> Tensor:
        """∂²/∂x_i∂x_j, ``(..., k)``; the pair must have been asked for."""
        return self.derivative(i, j)

    def __getitem__(self, component: int) -> Jet:
        """One component as a jet of its own (k = 1)."""
        return self._like(*(part[..., component, None] for part in self.orders))

    # -- arithmetic --------------------------------------------------------------------------------------

    def __add__(self, other: Jet | Tensor | float) -> Jet:
        if not isinstance(other, Jet):
            value, *above = self.orders
            moved = value + other
            if moved.shape != value.shape:  # a constant of several components beside a jet of one
                return self + self.constant(other)
            return self._like(moved, *above)
        return self._like(*(a + b for a, b in zip(self.orders, other.orders, strict=True)))

    def __sub__(self, other: Jet | Tensor | float) -> Jet:
        return self + -other

    def __rsub__(self, other: Tensor | float) -> Jet:
        return -self + other

    def __neg__(self) -> Jet:
        return self._like(*(-part for part in self.orders))

    def __mul__(self, other: Jet | Tensor | float) -> Jet:
        if not isinstance(other, Jet):
            return self._like(*(part * other for part in self.orders))
        (a, *da), (b, *db) = self.orders, other.orders
        parts = [a * b]
        parts += [a * upper_b + upper_a * b for upper_a, upper_b in zip(da, db, strict=True)]
        if len(parts) > 2:
            for order, products in enumerate(leibniz(self.derivatives, self.orders, other.orders), start=2):
                parts[order] = parts[order] + products
        return self._like(*parts)

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: Jet | Tensor | float) -> Jet:
        return self * (other.reciprocal() if isinstance(other, Jet) else 1.0 / other)

    def __rtruediv__(self, other: Tensor | float) -> Jet:
        return self.reciprocal() * other

    def __pow__(self, exponent: int | float) -> Jet:
        """self^n by the power rule; a fractional or negative exponent needs a positive, or non-zero, field."""
        return self._apply(elementary.power(exponent))

    # -- composition -------------------------------------------------------------------------------------

    def compose(self, f: Tensor, *derivatives: Tensor | None) -> Jet:
        """f(self), given f, f', f'', … at ``self.value``, as many as this jet carries orders; more are ignored."""
        wanted, (_, *above) = self.derivatives, self.orders
        given = [df for df in derivatives[: wanted.order] if df is not None]
        if len(given) < wanted.order:
            needed = "f" + "'" * wanted.order
            raise ValueError(f"this jet carries derivatives of order {wanted.order}: {needed} is needed")
        parts = [given[0] * upper for upper in above]
        if len(parts) > 1:
            for order, products in enumerate(faa_di_bruno(wanted, given, self.orders), start=2):
                parts[order - 1] = parts[order - 1] + products
        return self._like(f[None], *parts)

    def _apply(self, function: Differentiable) -> Jet:
        return self.compose(*function(self.value, self.derivatives.order))

    def reciprocal(self) -> Jet:
        """1/self."""
        return self._apply(elementary.reciprocal)

    def exp(self) -> Jet:
        """The exponential."""
        return self._apply(elementary.exp)

    def log(self) -> Jet:
        """Natural logarithm; the field must be positive."""
        return self._apply(elementary.log)

    def sin(self) -> Jet:
        """The sine."""
        return self._apply(elementary.sin)

    def cos(self) -> Jet:
        """The cosine."""
        return self._apply(elementary.cos)

    def tanh(self) -> Jet:
        """The hyperbolic tangent."""
        return self._apply(elementary.tanh)

    def sqrt(self) -> Jet:
        """√self; the field must be positive."""
        return self._apply(elementary.sqrt)

    def sum(self) -> Jet:
        """Sum over the components (k becomes 1)."""
        return self._like(*(part.sum(-1, keepdim=True) for part in self.orders))

    def squared_norm(self) -> Jet:
        """Σ_k self_k² (k becomes 1)."""
        return (self * self).sum()
