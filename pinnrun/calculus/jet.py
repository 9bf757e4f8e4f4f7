"""Jets: a field's values together with the derivatives in space that were asked for.

A jet is one tensor of *channels* ``(S, ..., k)``: the value, then the gradient, then the chosen second
derivatives, then the Laplacian as one collapsed channel. Sums, products and compositions act on all
channels at once by the rules of Leibniz and Faà di Bruno, truncated at order two:

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

    __slots__ = ("channels", "derivatives", "dimension")

    def __init__(self, channels: Tensor, dimension: int, derivatives: Derivatives) -> None:
        self.channels = channels
        self.dimension = dimension
        self.derivatives = derivatives

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
        value = torch.as_tensor(value, dtype=self.channels.dtype, device=self.channels.device)
        shape = self.channels.shape[1:-1]
        value = value.expand((*shape, value.shape[-1] if value.dim() else 1))
        channels = value.new_zeros((self.channels.shape[0], *value.shape))
        channels[0] = value
        return self._like(channels)

    @staticmethod
    def cat(jets: Sequence[Jet]) -> Jet:
        """Jets of several fields at the same points as one jet of all their components."""
        return jets[0]._like(torch.cat([jet.channels for jet in jets], dim=-1))

    def _like(self, channels: Tensor) -> Jet:
        return Jet(channels, self.dimension, self.derivatives)

    # -- reading -----------------------------------------------------------------------------------------

    @property
    def value(self) -> Tensor:
        """The field itself, ``(..., k)``."""
        return self.channels[0]

    @property
    def gradient(self) -> Tensor:
        """First derivatives, ``(d, ..., k)``; empty where none were asked for."""
        return self.channels[1 : 1 + (self.dimension if self.derivatives.first else 0)]

    @property
    def laplacian(self) -> Tensor:
        """The Laplacian over the coordinates that were asked for, ``(..., k)``."""
        if not self.derivatives.laplacian:
            raise ValueError("this jet has no Laplacian: ask for Derivatives(laplacian=True)")
        return self.channels[-1]

    def d(self, i: int) -> Tensor:
        """∂/∂x_i, ``(..., k)``."""
        return self.gradient[i]

    def dd(self, i: int, j: int) -> Tensor:
        """∂²/∂x_i∂x_j, ``(..., k)``; the pair must have been asked for."""
        pairs = self.derivatives.pairs
        for pair in ((i, j), (j, i)):
            if pair in pairs:
                return self.channels[1 + self.dimension + pairs.index(pair)]
        raise ValueError(f"this jet has no second derivative ({i}, {j}): ask for Derivatives(pairs=...)")

    def __getitem__(self, component: int) -> Jet:
        """One component as a jet of its own (k = 1)."""
        return self._like(self.channels[..., component, None])

    # -- arithmetic --------------------------------------------------------------------------------------

    def __add__(self, other: Jet | Tensor | float) -> Jet:
        other = other if isinstance(other, Jet) else self.constant(other)
        return self._like(self.channels + other.channels)

    def __sub__(self, other: Jet | Tensor | float) -> Jet:
        other = other if isinstance(other, Jet) else self.constant(other)
        return self._like(self.channels - other.channels)

    def __rsub__(self, other: Tensor | float) -> Jet:
        return self.constant(other) - self

    def __neg__(self) -> Jet:
        return self._like(-self.channels)

    def __mul__(self, other: Jet | Tensor | float) -> Jet:
        if not isinstance(other, Jet):
            return self._like(self.channels * other)
        a, b = self.channels, other.channels
        parts = [a[:1] * b[:1]]
        if a.shape[0] > 1:
            parts.append(a[:1] * b[1:] + a[1:] * b[:1])
        product = torch.cat(parts)
        second = self._second(other)
        if second is None:
            return self._like(product)
        split = 1 + self.dimension
        return self._like(torch.cat([product[:split], product[split:] + second]))

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

    def _second(self, other: Jet) -> Tensor | None:
        """The mixed part a_i b_j + a_j b_i of every second-order channel (2 ∇a·∇b for the Laplacian)."""
        wanted = self.derivatives
        if not (wanted.pairs or wanted.laplacian):
            return None
        a, b = self.gradient, other.gradient
        parts = [a[i] * b[j] + a[j] * b[i] for i, j in wanted.pairs]
        if wanted.laplacian:
            parts.append(2.0 * (wanted.curved(a) * wanted.curved(b)).sum(0))
        return torch.stack(parts)

    # -- composition -------------------------------------------------------------------------------------

    def compose(self, f: Tensor, df: Tensor, ddf: Tensor | None) -> Jet:
        """f(self), given f, f' and f'' at ``self.value`` (f'' may be None where no second order is carried)."""
        a = self.channels
        if a.shape[0] == 1:
            return self._like(f[None])
        linear = df * a[1:]
        second = self._second(self)
        if second is None:
            return self._like(torch.cat([f[None], linear]))
        if ddf is None:
            raise ValueError("this jet carries second derivatives: f'' is needed")
        d = self.dimension
        return self._like(torch.cat([f[None], linear[:d], linear[d:] + (0.5 * ddf) * second]))

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
        return self._like(self.channels.sum(-1, keepdim=True))

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
