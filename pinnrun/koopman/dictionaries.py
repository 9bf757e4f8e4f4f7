"""Dictionaries: observables of training other than the weights, on an even clock, and their Koopman spectra.

The operator acts on any function of the weights (Dogra's Eq. 1), and a few of them say most of what is going on. Two
dictionaries are kept here. Both look at logarithms, since losses decay by factors, on either of two clocks:

    linear    rows equally spaced in steps: eigenvalues of exponentials
    log       rows equally spaced in tau = ln(step): eigenvalues of powers, which is how losses fall

*loss*: y = log10 L with its delays (Arbabi & Mezic 2017, SIAM J. Appl. Dyn. Syst. 16, 2096), as increments. In log-time
a loss that follows a power law is a straight line in y: a defective pair of eigenvalues at 1, which no clip to the unit
disc survives. Its increments are constant, one plain eigenvalue 1. *edmd*: the constant, {y, log10 |g|, log10 |w_l| of
every layer, log10 |w - w0|} and their squares, by extended DMD (Williams, Kevrekidis & Rowley 2015; Dietrich, Thiem &
Kevrekidis 2020, SIAM J. Appl. Dyn. Syst. 19, 860, for observables of algorithms).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from pinnrun.koopman.curve import SMALLEST, Array
from pinnrun.koopman.edmd import edmd
from pinnrun.koopman.modes import PAIRS_PER_MODE, Modes, decompose, increment_grams
from pinnrun.koopman.spectrum import Spectrum, half_lives, make_spectrum

ClockName = Literal["log", "linear"]

START = 0.3  # rows lie on [0.3 n, n]: the early descent is another dynamics
ROWS = 64
DELAYS = 6  # white noise seen through d delays has residuals near sqrt(2/d), which must not pass for a mode's
MAX_RANK = 3  # modes of the loss alone
TOLERANCE = 1e-3  # directions of the dictionary that hold less than this share of the largest one are cut
LOSS = "log L"


@dataclass(frozen=True, eq=False)
class Lifted:
    """Observables at equal times.

    Attributes:
        names: (N,) of the observables.
        values: (M, N) log10 of each.
        steps: (M,) of the rows, not only whole ones.
        clock: in which they are equally spaced.
    """

    names: tuple[str, ...]
    values: Array
    steps: Array
    clock: ClockName

    @property
    def interval(self) -> float:
        """Between two rows: steps, or units of ln(step)."""
        time = np.log(self.steps) if self.clock == "log" else self.steps
        return float(time[-1] - time[0]) / (len(time) - 1)

    def in_steps(self, times: Array) -> Array:
        """Times from the last row on, by its clock, as steps."""
        with np.errstate(over="ignore"):
            return self.steps[-1] * np.expm1(times) if self.clock == "log" else times


def lift(
    steps: ArrayLike,
    loss: ArrayLike,
    *,
    gradient_norm: ArrayLike | None = None,
    weight_steps: ArrayLike | None = None,
    weights: NDArray[Any] | None = None,
    layers: Mapping[str, slice] | None = None,
    clock: ClockName = "log",
    rows: int = ROWS,
) -> Lifted:
    """Bring a stage's records onto one clock: means over bins of equal length on [0.3 n, n].

    Args:
        steps: (n,) counted from the start of the stage.
        loss: (n,) after each.
        gradient_norm: (n,) before each; None: left out.
        weight_steps: (k,) of the snapshots; None: only the columns are lifted.
        weights: (k, P) snapshots.
        layers: where each layer lies in the weights.
        clock: see above.
        rows: M.

    Raises:
        ValueError: fewer than five usable steps.
    """
    time = np.asarray(steps, dtype=np.float64)
    series = {LOSS: (time, np.asarray(loss, dtype=np.float64))}
    if gradient_norm is not None:
        series["log |g|"] = (time, np.asarray(gradient_norm, dtype=np.float64))
    if weights is not None and weight_steps is not None and len(weights) > 1:
        at = np.asarray(weight_steps, dtype=np.float64)
        for name, part in (layers or {"w": slice(None)}).items():
            series[f"log |{name}|"] = (at, _norms(weights[:, part]))
        series["log |w - w0|"] = (at[1:], _norms(weights[1:], weights[0]))
    usable = {name: _usable(*pair) for name, pair in series.items()}
    usable = {name: (t, y) for name, (t, y) in usable.items() if len(t) >= 5}
    if LOSS not in usable:
        raise ValueError("observables need at least five steps with a positive, finite loss")
    first = max(START * usable[LOSS][0][-1], *(t[0] for t, _ in usable.values()))
    last = min(t[-1] for t, _ in usable.values())
    longest = max(5, int(np.sum((usable[LOSS][0] >= first) & (usable[LOSS][0] <= last))))
    scale = np.geomspace if clock == "log" else np.linspace
    edges = scale(first, last, min(rows, longest) + 1)
    values = np.column_stack([_binned(t, y, edges, clock) for t, y in usable.values()])
    middles = np.sqrt(edges[1:] * edges[:-1]) if clock == "log" else 0.5 * (edges[1:] + edges[:-1])
    return Lifted(tuple(usable), values, middles, clock)


def _norms(weights: NDArray[Any], origin: NDArray[Any] | None = None) -> Array:
    """Lengths of the rows, (k,), a row in float64 at a time."""
    away = 0.0 if origin is None else origin.astype(np.float64)
    return np.array([np.linalg.norm(row.astype(np.float64) - away) for row in weights])


def _usable(time: Array, values: Array) -> tuple[Array, Array]:
    good = np.isfinite(values) & (values > SMALLEST)
    return time[good], np.log10(values[good])


def _binned(time: Array, y: Array, edges: Array, clock: ClockName) -> Array:
    """Values of y in the middle of each bin, (M,), from its mean there and the slope: exact on straight lines."""
    place, bounds = (np.log(time), np.log(edges)) if clock == "log" else (time, edges)
    slack = 1e-9 * (bounds[1] - bounds[0])
    cut = np.searchsorted(place, np.append(bounds[:-1] - slack, bounds[-1] + slack))
    size = np.diff(cut)
    filled = size > 0
    means, centres = (
        np.diff(np.concatenate([[0.0], np.cumsum(series)])[cut])[filled] / size[filled] for series in (y, place)
    )
    middle = 0.5 * (bounds[1:] + bounds[:-1])
    if len(means) < 2:
        return np.full(len(middle), means[0])
    nearest = np.clip(np.searchsorted(centres, middle) - 1, 0, len(means) - 2)
    slope = np.diff(means) / np.diff(centres)
    return means[nearest] + slope[nearest] * (middle - centres[nearest])


# -- the loss and its delays -----------------------------------------------------------------------------------


def delayed(values: ArrayLike, delays: int) -> Array:
    """The Hankel list of a series (M,): rows (y(k), .., y(k + delays - 1)), (M - delays + 1, delays)."""
    return np.array(sliding_window_view(np.asarray(values, dtype=np.float64), delays))


def loss_modes(lifted: Lifted, delays: int = DELAYS, max_rank: int = MAX_RANK) -> tuple[Modes, Array]:
    """Modes of the increments of the delayed log-loss, and the Hankel list that they are of."""
    y = lifted.values[:, lifted.names.index(LOSS)]
    history = delayed(y, min(delays, max(1, len(y) // 3)))
    gram = increment_grams(history, {"": slice(None)})[""]
    return decompose(gram, history.shape[1], energy=1.0, max_rank=max_rank), history


def loss_ahead(lifted: Lifted, rows: ArrayLike, *, clip: bool = True, **kind: int) -> Array:
    """Log10 of the loss so many rows of the clock after the last one, (k,); `kind` as for `loss_modes`."""
    modes, history = loss_modes(lifted, **kind)
    increments = np.diff(history[:-1, -1])
    return history[-1, -1] + modes.ahead(rows, clip=clip) @ increments


def loss_spectrum(lifted: Lifted, delays: int = DELAYS, max_rank: int = MAX_RANK) -> Spectrum:
    """The spectrum of the log-loss in delay coordinates; amplitudes in decades per row, half-lives in steps from now.

    `fixed_point` is None: no curve ends where its modes would let it settle.
    """
    modes, history = loss_modes(lifted, delays, max_rank)
    found = make_spectrum(modes, history, lifted.interval)
    return replace(found, half_lives=lifted.in_steps(found.half_lives), fixed_point=None)


# -- extended DMD ------------------------------------------------------------------------------------------------


def dictionary(values: Array, *, squares: bool = True) -> tuple[Array, Array]:
    """The constant, the observables and their squares, (M, 1 + N or 1 + 2N), and the spread of each observable (N,).

    Observables are centred and scaled first, which changes no eigenvalue: the span is the same. One that stands still
    is left out (spread 0).
    """
    spread = values.std(axis=0)
    moving = spread > 1e-12 * np.maximum(np.abs(values).max(axis=0), 1.0)
    z = (values[:, moving] - values[:, moving].mean(axis=0)) / spread[moving]
    parts = [np.ones((len(values), 1)), z, z**2] if squares else [np.ones((len(values), 1)), z]
    return np.hstack(parts), np.where(moving, spread, 0.0)


def observable_spectrum(lifted: Lifted, *, squares: bool = True, tolerance: float = TOLERANCE) -> Spectrum:
    """Extended DMD of all observables; amplitudes are decades of log10 L at the last row, half-lives steps from now.

    The constant, an eigenfunction of anything, is left out. `fixed_point` is None: nothing is extrapolated.
    """
    psi, spread = dictionary(lifted.values, squares=squares)
    found = edmd(psi[:-1], psi[1:], tolerance=tolerance, max_rank=max(1, (len(psi) - 1) // PAIRS_PER_MODE))
    phi = psi @ found.functions
    # the constant is the eigenfunction that does not vary; cut off with the tolerance it may be missing
    variation = phi.std(axis=0) / np.maximum(np.abs(phi).max(axis=0, initial=0.0), SMALLEST)
    kept = variation > 1e-6
    column = lifted.names.index(LOSS)
    place = 1 + int(np.count_nonzero(spread[:column]))
    share = np.abs(phi[-1] * found.modes[:, place]) * spread[column] if spread[column] else np.zeros(found.rank)
    order = np.flatnonzero(kept)[np.argsort(-share[kept].round(12), kind="stable")]
    values = found.eigenvalues[order]
    near = np.abs(1.0 - values) * len(psi) <= 1.0
    return Spectrum(
        eigenvalues=values,
        half_lives=lifted.in_steps(half_lives(values, lifted.interval)),
        amplitudes=share[order],
        residuals=found.residuals[order],
        rank=len(values),
        interval=lifted.interval,
        snapshots=len(psi),
        near_one=float(np.mean(near)) if len(near) else 0.0,
        fixed_point=None,
    )
