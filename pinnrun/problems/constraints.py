"""Hard constraints: fields that meet a boundary or initial condition whatever the network says.

    u = g + d N                    Dirichlet: g has the boundary's values, d vanishes there
    u = u₀ + t N                   a value at time zero
    u = u₀ + t v₀ + t² N           a value and a rate at time zero, as a wave needs
    u = u₀ + N(t, x) − N(0, x)     a value at time zero, without a factor that grows with t
    N(cos, sin of 2π n x/L)        periodic of length L with all derivatives

The first two are Lagaris, Likas & Fotiadis's (IEEE Trans. Neural Networks 9, 1998), d by R-functions Sukumar &
Srivastava's (CMAME 389, 2022), the last Dong & Ni's (J. Comput. Phys. 435, 2021).

All of them are arithmetic on jets, so that derivatives in space and the Jacobian in θ come by themselves. What depends
on the points alone (g, d, u₀, t) is best kept by ``points.cached``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import torch

from pinnrun.calculus import Jet


def dirichlet(raw: Jet, distance: Jet, lift: Jet | float = 0.0) -> Jet:
    """The field g + d N.

    Args:
        raw: the network's output N, k components.
        distance: d, one component, zero on the boundary.
        lift: g, one or k components, with the boundary's values there and anything smooth elsewhere.
    """
    return distance * raw + lift


def blend(values: Sequence[Jet | float], distances: Sequence[Jet]) -> Jet:
    """One lift g for pieces of boundary that do not touch: g = Σ g_i w_i / Σ w_i with w_i = Π_{j≠i} d_j.

    On piece i only w_i is not zero, so g is g_i there: transfinite interpolation with weights of first order
    (Rvachev, Sheiko, Shapiro & Tsukanov, Comput. Aided Geom. Des. 18, 2001).

    Args:
        values: g_i, jets or numbers.
        distances: d_i, zero on piece i alone.
    """
    weights = []
    for i in range(len(distances)):
        others = [d for j, d in enumerate(distances) if j != i]
        weights.append(product(others))
    top = _sum([weight * value for weight, value in zip(weights, values, strict=True)])
    return top / _sum(weights)


def product(factors: Sequence[Jet]) -> Jet:
    """The product of jets, at least one."""
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _sum(summands: Sequence[Jet]) -> Jet:
    result = summands[0]
    for summand in summands[1:]:
        result = result + summand
    return result


# -- time ------------------------------------------------------------------------------------------------------


def initial_value(raw: Jet, time: Jet, start: Jet | float) -> Jet:
    """The field u₀ + t N; ``time`` is the jet of t, zero at the start."""
    return time * raw + start


def initial_rate(raw: Jet, time: Jet, start: Jet | float, rate: Jet | float = 0.0) -> Jet:
    """The field u₀ + t v₀ + t² N, whose value and time derivative at t = 0 are u₀ and v₀."""
    return time * (time * raw + rate) + start


def here_and_at_start(coordinates: Jet, time: int = 0, start: float = 0.0) -> Jet:
    """The coordinates at twice as many places: first (t, x), then (t₀, x).

    In the second half t is the constant t₀: all its derivatives are zero, so that whatever is computed from it has the
    derivatives of N(t₀, x). To be used in a problem's ``inputs``, with ``from_start`` in its ``ansatz``.

    Args:
        coordinates: channels ``(S, M, N, d)``.
        time: which coordinate is the time.
        start: t₀.
    """
    channels = coordinates.channels
    frozen = channels.clone()
    frozen[..., time] = 0.0
    frozen[0, ..., time] = start
    return Jet(torch.cat([channels, frozen], dim=1), coordinates.dimension, coordinates.derivatives)


def from_start(raw: Jet, start: Jet | float) -> Jet:
    """The field u₀ + N(t, x) − N(t₀, x), from the network at the places that ``here_and_at_start`` made.

    Args:
        raw: channels ``(S, 2M, N, k)``.
        start: u₀ at the M places that were asked for.
    """
    here, there = raw.channels.chunk(2, dim=1)
    return Jet(here - there, raw.dimension, raw.derivatives) + start


# -- periodic --------------------------------------------------------------------------------------------------


def periodic(x: Jet, period: float, harmonics: int = 1) -> Jet:
    """The features cos(2π n x/L) and sin(2π n x/L) for n = 1 … ``harmonics``, the same at x and x + L.

    Args:
        x: one coordinate.
        period: L.
        harmonics: how many n; 1 suffices in principle, more ease steep solutions.
    """
    angles = [x * (2.0 * pi * n / period) for n in range(1, harmonics + 1)]
    return Jet.cat([function for angle in angles for function in (angle.cos(), angle.sin())])
