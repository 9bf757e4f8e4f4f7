"""Jets: a field's values together with the derivatives in space that were asked for.

A jet is *channels* ``(S, ..., k)``: the value, then the gradient, then the chosen second derivatives, then the
Laplacian as one collapsed channel; they are kept as one tensor or order by order. Sums, products and compositions
act on all channels by the rules of Leibniz and Faà di Bruno, truncated at order two:

    (ab)_i  = a_i b + a b_i            (ab)_ij = a_ij b + a_i b_j + a_j b_i + a b_ij
    f(a)_i  = f'(a) a_i                f(a)_ij = f'(a) a_ij + f''(a) a_i a_j
    Δ(ab)   = Δa b + 2 ∇a·∇b + a Δb    Δf(a)   = f'(a) Δa + f''(a) |∇a|²

The collapsed Laplacian is the "forward Laplacian" of Li et al., Nature Machine Intelligence 6 (2024): it
costs d + 2 channels where the full Hessian would cost 1 + d + d(d + 1)/2. It may be taken over some of the
coordinates only, as heat spreads in space and not in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jvp


@dataclass(frozen=True)
class Derivatives:
    """Which derivatives of a field a term needs; only these are computed.

    Attributes:
        gradient: all first derivatives (implied by any second one).
        pairs: the second derivatives ∂²/∂x_i∂x_j wanted one by one, as index pairs.
        laplacian: the sum of ∂²/∂x_i² as one channel, over all coordinates or over those named by a tuple of
            indices (the space of space and time).
    """

    gradient: bool = False
    pairs: tuple[tuple[int, int], ...] = ()
    laplacian: bool | tuple[int, ...] = False

    @property
    def first(self) -> bool:
        """Whether first derivatives are carried (asked for, or needed by a second one)."""
        return self.gradient or bool(self.pairs) or bool(self.laplacian)

    def channels(self, dimension: int) -> int:
        """Number of channels S of a jet in ``dimension`` coordinates."""
        return 1 + (dimension if self.first else 0) + len(self.pairs) + bool(self.laplacian)

    def curved(self, gradient: Tensor) -> Tensor:
        """The rows of a gradient ``(d, ...)`` that enter the Laplacian."""
        if isinstance(self.laplacian, bool):
            return gradient
        first, last = self.laplacian[0], self.laplacian[-1]
        if self.laplacian == tuple(range(first, last + 1)):  # a view, whose reverse pass is cheap
            return gradient[first : last + 1]
        return gradient[list(self.laplacian)]


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
        """The value ``(1, ..., k)``, the gradient ``(d, ..., k)`` and what is of second order, as far as carried.

        Arithmetic goes by these pieces: the reverse pass of one split is one concatenation, where that of every slice
        would fill a tensor of the full size with zeros.
        """
        if self._orders is None:
            assert self._channels is not None
            channels, d = self._channels, self.dimension
            above = channels.shape[0] - 1 - d
            self._orders = channels.split([1, d, above] if above > 0 else [1, d] if above == 0 else [1])
        return self._orders

    # -- making jets -------------------------------------------------------------------------------------

    @classmethod
    def coordinates(cls, x: Tensor, derivatives: Derivatives) -> Jet:
        """The jet of the identity map x ↦ x; ``x`` is ``(..., d)``."""
        d = x.shape[-1]
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

    def d(self, i: int) -> Tensor:
        """∂/∂x_i, ``(..., k)``."""
        return self.gradient[i]

    def dd(self, i: int, j: int) -> Tensor:
        """∂²/∂x_i∂x_j, ``(..., k)``; the pair must have been asked for."""
        pairs = self.derivatives.pairs
        for pair in ((i, j), (j, i)):
            if pair in pairs:
                return self.orders[2][pairs.index(pair)]
        raise ValueError(f"this jet has no second derivative ({i}, {j}): ask for Derivatives(pairs=...)")

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
            parts[2] = parts[2] + self._mixed(da[0], db[0])
        return self._like(*parts)

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: Jet | Tensor | float) -> Jet:
        return self * (other.reciprocal() if isinstance(other, Jet) else 1.0 / other)

    def __rtruediv__(self, other: Tensor | float) -> Jet:
        return self.reciprocal() * other

    def __pow__(self, exponent: int | float) -> Jet:
        """self^n by the power rule; a fractional or negative exponent needs a positive, or non-zero, field."""
        n, a = exponent, self.value
        return self.compose(a**n, n * a ** (n - 1), n * (n - 1) * a ** (n - 2))

    def _mixed(self, a: Tensor, b: Tensor) -> Tensor:
        """a_i b_j + a_j b_i for every second-order channel (2 ∇a·∇b for the Laplacian), from two gradients."""
        wanted = self.derivatives
        parts = []
        if wanted.pairs:
            rows, columns = a.unbind(), b.unbind()
            parts = [(rows[i] * columns[j] + rows[j] * columns[i])[None] for i, j in wanted.pairs]
        if wanted.laplacian:
            parts.append(2.0 * (wanted.curved(a) * wanted.curved(b)).sum(0, keepdim=True))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    # -- composition -------------------------------------------------------------------------------------

    def compose(self, f: Tensor, df: Tensor, ddf: Tensor | None) -> Jet:
        """f(self), given f, f' and f'' at ``self.value`` (f'' may be None where no second order is carried)."""
        _, *above = self.orders
        parts = [df * upper for upper in above]
        if len(parts) > 1:
            if ddf is None:
                raise ValueError("this jet carries second derivatives: f'' is needed")
            parts[1] = parts[1] + (0.5 * ddf) * self._mixed(above[0], above[0])
        return self._like(f[None], *parts)

    def reciprocal(self) -> Jet:
        """1/self."""
        f = 1.0 / self.value
        return self.compose(f, -f * f, 2.0 * f * f * f)

    def exp(self) -> Jet:
        """The exponential."""
        f = torch.exp(self.value)
        return self.compose(f, f, f)

    def log(self) -> Jet:
        """Natural logarithm; the field must be positive."""
        reciprocal = 1.0 / self.value
        return self.compose(torch.log(self.value), reciprocal, -reciprocal * reciprocal)

    def sin(self) -> Jet:
        """The sine."""
        s, c = torch.sin(self.value), torch.cos(self.value)
        return self.compose(s, c, -s)

    def cos(self) -> Jet:
        """The cosine."""
        s, c = torch.sin(self.value), torch.cos(self.value)
        return self.compose(c, -s, -c)

    def tanh(self) -> Jet:
        """The hyperbolic tangent."""
        t = torch.tanh(self.value)
        df = 1.0 - t * t
        return self.compose(t, df, -2.0 * t * df)

    def sqrt(self) -> Jet:
        """√self; the field must be positive."""
        f = torch.sqrt(self.value)
        return self.compose(f, 0.5 / f, -0.25 / (f * self.value))

    def sum(self) -> Jet:
        """Sum over the components (k becomes 1)."""
        return self._like(*(part.sum(-1, keepdim=True) for part in self.orders))

    def squared_norm(self) -> Jet:
        """Σ_k self_k² (k becomes 1)."""
        return (self * self).sum()


def blackbox_jet(function: Callable[[Tensor], Tensor], inputs: Jet) -> Jet:
    """The jet of ``function ∘ inputs`` by forward-mode autodiff alone, for a function without jet rules.

    With z = inputs(x): (f∘z)_i = f'(z) z_i, and each second-order channel is f''(z)[z_i, z_j] + f'(z) z_ij,
    a directional derivative of a directional derivative. Slower than jet arithmetic, but asks nothing of
    ``function`` except that torch can differentiate it; it maps ``(..., n)`` to ``(..., k)`` pointwise.
    """
    wanted, d, z = inputs.derivatives, inputs.dimension, inputs.value

    def along(direction: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda point: jvp(function, (point,), (direction,))[1]

    channels = [function(z)]
    if wanted.first:
        channels += [along(inputs.d(i))(z) for i in range(d)]
    for i, j in wanted.pairs:
        curvature = jvp(along(inputs.d(i)), (z,), (inputs.d(j),))[1]
        channels.append(curvature + along(inputs.dd(i, j))(z))
    if wanted.laplacian:
        slopes = wanted.curved(inputs.gradient)
        curvatures = [jvp(along(slope), (z,), (slope,))[1] for slope in slopes]
        channels.append(torch.stack(curvatures).sum(0) + along(inputs.laplacian)(z))
    return Jet(torch.stack(channels), d, wanted)
