"""Jets of functions without jet rules, by forward-mode autodiff alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import prod

import torch
from torch import Tensor
from torch.func import jvp

from pinnrun.calculus.jet import Jet

Function = Callable[[Tensor], Tensor]


def blackbox_jet(function: Function, inputs: Jet) -> Jet:
    """The jet of ``function ∘ inputs``, of which nothing is asked except that torch can differentiate ``function``.

    A derivative by α, of order m, is the mixed derivative ∂^m/∂t_1…∂t_m at t = 0 of f along the surface

        z + Σ_β z_β Π_{p ∈ β} t_p,        β over the non-empty parts of α's m places,

    m directional derivatives in one another. Channels of an operator A are Σ a_ij f''[z_i, z_j] + f'[Az].
    Slower than jet arithmetic; ``function`` maps ``(..., n)`` to ``(..., k)`` pointwise.
    """
    wanted, d, z = inputs.derivatives, inputs.dimension, inputs.value

    def along(direction: Tensor) -> Function:
        return lambda point: jvp(function, (point,), (direction,))[1]

    def bent(i: int, j: int) -> Tensor:
        return jvp(along(inputs.d(i)), (z,), (inputs.d(j),))[1]

    channels = [function(z)]
    if wanted.first:
        channels += [along(inputs.d(i))(z) for i in range(d)]
    second, *higher = wanted.singles
    channels += [_mixed(function, inputs, index) for index in second]
    if wanted.operator:
        curvature = sum((a * bent(i, j) for i, j, a in wanted.operator), along(inputs.operator)(z))
        channels.append(torch.as_tensor(curvature))
    if wanted.laplacian:
        slopes = wanted.curved(inputs.gradient)
        curvatures = [jvp(along(slope), (z,), (slope,))[1] for slope in slopes]
        channels.append(torch.stack(curvatures).sum(0) + along(inputs.laplacian)(z))
    channels += [_mixed(function, inputs, index) for indices in higher for index in indices]
    return Jet(torch.stack(channels), d, wanted)


def _mixed(function: Function, inputs: Jet, index: tuple[int, ...]) -> Tensor:
    """∂^m/∂t_1…∂t_m of ``function`` along the surface, at t = 0."""
    z, order = inputs.value, len(index)
    parts = [places for n in range(1, order + 1) for places in combinations(range(order), n)]
    directions = [inputs.derivative(*(index[p] for p in places)) for places in parts]
    zero, one = z.new_zeros(()), z.new_ones(())

    def on_surface(*t: Tensor) -> Tensor:
        terms = (prod((t[p] for p in places), start=one) * d for places, d in zip(parts, directions, strict=True))
        return function(sum(terms, z))

    def slope(g: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *t: jvp(lambda last: g(*t, last), (zero,), (one,))[1]

    g: Callable[..., Tensor] = on_surface
    for _ in index:
        g = slope(g)
    return g()
