"""The Koopman spectrum of the weights, of the whole network and layer by layer: a diagnostic of training.

The modes of `pinnrun.koopman.modes` with what a person wants to know of them: how long each takes to halve, how much
of the present movement it is, whether it is one at all, and where the weights would come to rest if the map stayed
linear. That fixed point is an estimate of an extrapolation: what the loss is there must be evaluated, not assumed.

A mode is *spurious* if its residual (residual DMD, see `pinnrun.koopman.edmd`) is above 0.3: then it is noise or
nonlinearity rather than a mode. It is *near 1* if its distance from 1 is below its residual, or below what T snapshots
can tell from 1: then its half-life is anything from the one that is given to infinity. Eigenvalues that gather at 1
say that what is left moves too slowly for this window to see it end, the usual sign to stop (Mohr et al. 2021, CEUR-WS
2964, art. 182).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnrun.koopman.curve import Array
from pinnrun.koopman.edmd import Complex
from pinnrun.koopman.modes import ENERGY, MAX_RANK, Cut, Modes, decompose, displaced, increment_grams

Mark = Literal["", "spurious", "near 1"]

SPURIOUS = 0.3  # residual above which an eigenpair is not believed
WINDOWS = 10.0  # the fixed point is given if no mode needs more than this many windows to die out


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of the training map on the weights, per snapshot interval, largest final amplitude first.

    Attributes:
        eigenvalues: (r,) per interval.
        half_lives: (r,) in steps, interval ln 2 / -ln|lambda|; inf if |lambda| >= 1.
        amplitudes: (r,) >= 0, length of each mode's share in the last increment, in units of the weights.
        residuals: (r,) relative residual of each eigenpair; near 0 trustworthy, near 1 spurious.
        rank: r. interval: steps between snapshots. snapshots: T.
        near_one: share of the eigenvalues within 1/(T-1) of 1, which this window cannot tell from 1.
        fixed_point: (P,) last weights plus sum_j b_j lambda_j / (1 - lambda_j) phi_j, the geometric sum of
            all increments to come; None where a mode does not die out, or so slowly, |1 - lambda| < 1 / (10
            (T-1)), that its sum would be a guess.
    """

    eigenvalues: Complex
    half_lives: Array
    amplitudes: Array
    residuals: Array
    rank: int
    interval: float
    snapshots: int
    near_one: float
    fixed_point: Array | None

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What to think of each mode: "spurious", "near 1" or nothing (r,)."""
        resolved = np.maximum(self.residuals, 1.0 / (self.snapshots - 1))
        unresolved = np.abs(1.0 - self.eigenvalues) <= resolved
        return tuple(
            "spurious" if residual > SPURIOUS else "near 1" if near else ""
            for residual, near in zip(self.residuals, unresolved, strict=True)
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold, eigenvalues as [real, imaginary]; the fixed point is left out."""
        return {
            "eigenvalues": [[value.real, value.imag] for value in self.eigenvalues.tolist()],
            "half_lives": [value if np.isfinite(value) else None for value in self.half_lives.tolist()],
            "amplitudes": self.amplitudes.tolist(),
            "residuals": self.residuals.tolist(),
            "marks": list(self.marks),
            "rank": self.rank,
            "interval": self.interval,
            "snapshots": self.snapshots,
            "near_one": self.near_one,
        }


def weight_spectrum(
    weights: ArrayLike, interval: float, *, energy: float = ENERGY, max_rank: int = MAX_RANK, cut: Cut = "energy"
) -> Spectrum:
    """The spectrum of `weights` (T, P), equally spaced snapshots `interval` steps apart, T >= 4.

    Args:
        weights: float32 or float64. float32 rounds increments below 1e-7 of the weights away.
        interval: steps between two snapshots.
        energy: share of the squared singular values of the increments to keep, in (0, 1].
        max_rank: the most modes to keep; a third of the snapshots at most.
        cut: "energy" keeps that share, "svht" what stands above white noise (`modes.hard_threshold`).

    Raises:
        ValueError: fewer than four snapshots, non-finite weights, or an argument outside its range.
    """
    whole = {"": slice(None)}
    return layer_spectra(weights, interval, whole, energy=energy, max_rank=max_rank, cut=cut)[0]


def layer_spectra(
    weights: ArrayLike,
    interval: float,
    layers: Mapping[str, slice],
    *,
    energy: float = ENERGY,
    max_rank: int = MAX_RANK,
    cut: Cut = "energy",
) -> tuple[Spectrum, dict[str, Spectrum]]:
    """The spectrum of the whole network and those of its layers, at the price of one pass over the weights.

    Args:
        weights: as for `weight_spectrum`.
        interval: as for `weight_spectrum`.
        layers: where each layer lies in a row of the weights; together they are the row, without overlap.
        energy: as for `weight_spectrum`.
        max_rank: as for `weight_spectrum`.
        cut: as for `weight_spectrum`.

    Raises:
        ValueError: as for `weight_spectrum`, or the layers leave a weight out or take one twice.
    """
    history = checked(weights)
    if not interval > 0 or not 0 < energy <= 1 or max_rank < 1:
        raise ValueError(f"interval {interval}, energy {energy} or max_rank {max_rank} is out of its range")
    size = history.shape[1]
    if sum(len(range(*part.indices(size))) for part in layers.values()) != size:
        raise ValueError(f"the layers do not make up the {size} weights")
    grams = increment_grams(history, layers)
    gram = sum(grams.values(), np.zeros((len(history) - 1, len(history) - 1)))
    if not np.isfinite(gram).all():
        raise ValueError("the weights are not all finite, or too large to be squared")
    rank = {"energy": energy, "max_rank": max_rank, "cut": cut}
    of_whole = make_spectrum(decompose(gram, size, **rank), history, interval)
    if len(layers) == 1:
        return of_whole, dict.fromkeys(layers, of_whole)
    of_layers = {
        name: make_spectrum(decompose(grams[name], len(range(*part.indices(size))), **rank), history, interval, part)
        for name, part in layers.items()
    }
    return of_whole, of_layers


def checked(weights: ArrayLike) -> NDArray[Any]:
    """The weights as an array (T >= 4, P).

    Raises:
        ValueError: they are not.
    """
    history = np.asarray(weights)
    if history.ndim != 2 or len(history) < 4:
        raise ValueError(f"a spectrum needs weights of shape (T >= 4, P), not {history.shape}")
    return history


def make_spectrum(modes: Modes, history: NDArray[Any], interval: float, part: slice = slice(None)) -> Spectrum:
    """A person's view of the modes that the part of a history (T, P) has."""
    sizes = _equal_in_pairs(np.abs(modes.last), modes.eigenvalues)
    order = np.argsort(-sizes, kind="stable")
    values = modes.eigenvalues[order]
    gap = np.abs(1.0 - values) * (len(history) - 1)
    comes_to_rest = not len(values) or (gap.min() >= 1.0 / WINDOWS and np.abs(values).max() < 1.0)
    return Spectrum(
        eigenvalues=values,
        half_lives=half_lives(values, interval),
        amplitudes=sizes[order],
        residuals=modes.residuals[order],
        rank=len(values),
        interval=interval,
        snapshots=len(history),
        near_one=float(np.mean(gap <= 1.0)) if len(gap) else 0.0,
        fixed_point=displaced(history, modes.ahead([np.inf]), part)[0] if comes_to_rest else None,
    )


def half_lives(eigenvalues: Complex, interval: float) -> Array:
    """Steps until a mode has halved, interval ln 2 / -ln|lambda|, (r,); inf where it does not decay."""
    with np.errstate(divide="ignore"):
        rates = -np.log(np.abs(eigenvalues)) / interval
    return np.where(rates > 0, np.log(2.0) / np.where(rates > 0, rates, 1.0), np.inf)


def _equal_in_pairs(sizes: Array, values: Complex) -> Array:
    """Amplitudes of conjugates made equal to the last bit, so that sorting cannot part or swap a pair."""
    lower = np.flatnonzero(values.imag < 0)  # each follows its conjugate with positive imaginary part
    sizes[lower] = sizes[lower - 1]
    return sizes
