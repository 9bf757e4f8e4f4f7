"""The figure of the modes of training: on the unit circle, the slow ones in close-up, and layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnrun.display.canvas import GREY, column, empty_figure, write_png
from pinnrun.display.modes import as_complex
from pinnrun.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINTEST = 1e-4
"""Amplitudes below this share of the largest one have the colour of this share."""
COLUMNS = 4
MARKERS = {"": "o", "near 1": "^", "spurious": "o"}
"""A spurious mode is hollow."""


def spectrum_figure(spectra: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Write the eigenvalues of every spectrum in the complex plane, a close-up of 1 below, and half-lives by layer.

    A spectrum has eigenvalues (pairs of real and imaginary part), amplitudes, residuals, marks, half_lives, interval
    and, for its title, label; it may have clock ("log": the interval is one of ln(step), not of steps) and layers,
    such spectra by name.

    Raises:
        UserError: matplotlib is not installed, or there is no spectrum to draw.
    """
    if not spectra:
        raise UserError("there is nothing to draw yet: the figure needs a spectrum of the weights")
    columns = min(len(spectra), COLUMNS)
    rows = -(-len(spectra) // columns)
    by_layer = any(len(spectrum.get("layers") or {}) > 1 for spectrum in spectra)
    heights = [1.25, 1.0, 0.9] if by_layer else [1.25, 1.0]
    figure = empty_figure(3.6 * columns + 1.4, 2.9 * sum(heights) * rows + 0.3)
    axes = figure.subplots(len(heights) * rows, columns, squeeze=False, height_ratios=heights * rows)
    points = None
    for index in range(rows * columns):
        row, place = divmod(index, columns)
        panels = axes[len(heights) * row : len(heights) * (row + 1), place]
        if index >= len(spectra):
            for panel in panels:
                panel.set_axis_off()
            continue
        spectrum = spectra[index]
        points = draw_spectrum(panels[0], spectrum)
        draw_close_up(panels[1], spectrum)
        if by_layer:
            draw_layers(panels[2], spectrum)
        panels[0].set_title(str(spectrum.get("label", f"spectrum {index}")), fontsize=10)
        if place == 0:
            panels[0].set_ylabel("imaginary part")
            panels[1].set_ylabel("imaginary part")
    assert points is not None
    bar = figure.colorbar(points, ax=axes, shrink=0.5, aspect=30, pad=0.02)
    bar.set_label("amplitude, relative to the largest\n(hollow: spurious; triangle: not told from 1)")
    return write_png(figure, path)


def draw_spectrum(axes: Axes, spectrum: Mapping[str, Any]) -> Any:
    """Draw the eigenvalues with the unit circle; return the coloured points, for a colour bar.

    Hollow points are marked spurious: noise rather than modes.
    """
    angle = np.linspace(0.0, 2.0 * np.pi, 361)
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.8, zorder=1)
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=0)
    axes.axvline(0.0, color=GREY, linewidth=0.4, zorder=0)
    values = _eigenvalues(spectrum)
    points = _scatter(axes, values.real, values.imag, spectrum)
    reach = 1.12 * max(1.0, float(np.max(np.abs(values), initial=0.0)))
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="real part")
    axes.locator_params(nbins=5)
    return points


def draw_close_up(axes: Axes, spectrum: Mapping[str, Any]) -> None:
    """Draw the eigenvalues near 1, where the slow modes sit, each in a disc as large as its residual.

    Dotted arcs are half-lives: in steps, or in log-time the factor by which the steps grow meanwhile.
    """
    from matplotlib.patches import Circle

    values = _eigenvalues(spectrum)
    distance = np.sort(np.abs(values - 1.0))
    near = distance[distance < 0.5]
    # half of what is near fits in, with room around it
    reach = float(np.clip(1.4 * near[(len(near) - 1) // 2], 1e-4, 0.5)) if len(near) else 0.2
    angle = np.linspace(-np.pi / 2, np.pi / 2, 4001)
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.8, zorder=1)
    interval = float(spectrum.get("interval") or 1.0)
    logarithmic = spectrum.get("clock") == "log"
    arcs = [1.1, 1.5, 2.0, 4.0, 10.0, 100.0] if logarithmic else (10.0 ** np.arange(8)).tolist()
    height, rightmost = 0.93 * reach, -np.inf
    for half_life in arcs:
        modulus = 0.5 ** (interval / (np.log(half_life) if logarithmic else half_life))
        if 1.0 - reach < modulus < 1.0 - 0.04 * reach:
            axes.plot(modulus * np.cos(angle), modulus * np.sin(angle), ":", color=GREY, linewidth=0.9)
            text = f"×{half_life:g} " if logarithmic else f"{half_life:g} "
            place = np.sqrt(modulus**2 - height**2)
            if place - rightmost > 0.14 * reach:
                axes.text(place, height, text, fontsize=8, color=GREY, ha="right", va="center", clip_on=True)
                rightmost = place
    for value, residual in zip(values, column(spectrum, "residuals", len(values), missing=0.0), strict=True):
        disc = Circle((value.real, value.imag), residual, facecolor=GREY, alpha=0.08, linewidth=0, zorder=0)
        axes.add_patch(disc)
    _scatter(axes, values.real, values.imag, spectrum)
    beyond = np.max(values.real - 1.0, initial=0.0, where=np.abs(values - 1.0) < 1.5 * reach)
    axes.set(xlim=(1.0 - reach, 1.0 + max(0.25 * reach, 1.2 * float(beyond))), ylim=(-reach, reach))
    unit = "factor in steps" if logarithmic else "steps"
    axes.set_xlabel(f"real part, near 1 (dotted: half-life, {unit}; disc: residual)", fontsize=8)
    axes.locator_params(nbins=4)
    axes.ticklabel_format(useOffset=False)


def draw_layers(axes: Axes, spectrum: Mapping[str, Any]) -> None:
    """Draw the half-lives of the modes of the whole network and of each layer, on a logarithmic scale.

    Modes that do not die out, or in more than 1e5 times the shortest time, stand above a line at the top.
    """
    columns = {"all": spectrum, **(spectrum.get("layers") or {})}
    lives = {name: column(one, "half_lives", len(one["eigenvalues"]), missing=np.inf) for name, one in columns.items()}
    known = np.concatenate([life[np.isfinite(life) & (life > 0)] for life in lives.values()] or [np.zeros(0)])
    least = float(known.min()) if len(known) else 1.0
    finite = known[known < 1e5 * least]
    never = 4.0 * (float(finite.max()) if len(finite) else least)
    axes.axhline(0.5 * never, color=GREY, linewidth=0.6, linestyle=":")
    for place, (name, one) in enumerate(columns.items()):
        life = np.where(lives[name] < 0.5 * never, lives[name], never)
        upper = _eigenvalues(one).imag >= 0  # one point for a complex pair
        spread = np.zeros(len(life))
        spread[upper] = np.linspace(-0.18, 0.18, upper.sum()) if upper.sum() > 1 else 0.0
        _scatter(axes, place + spread, np.where(upper, life, np.nan), one)
    axes.set_yscale("log")
    axes.set_ylim(0.5 * least, 2.0 * never)
    axes.text(len(columns) - 0.55, 0.55 * never, "never", fontsize=8, color=GREY, ha="right", va="bottom")
    axes.set_xticks(range(len(columns)), list(columns), fontsize=8, rotation=30 if len(columns) > 3 else 0)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.axvline(0.5, color=GREY, linewidth=0.6)
    axes.set_ylabel("half-life in steps", fontsize=9)


def _scatter(axes: Axes, x: Any, y: Any, spectrum: Mapping[str, Any]) -> Any:
    """The modes at (x, y): coloured by amplitude, hollow where spurious, triangles where not told from 1."""
    from matplotlib.colors import LogNorm

    amplitudes = np.abs(column(spectrum, "amplitudes", len(x), missing=1.0))
    marks = np.array([*(spectrum.get("marks") or [""] * len(x))], dtype=object)
    share = np.clip(amplitudes / max(float(np.max(amplitudes, initial=0.0)), 1e-300), FAINTEST, 1.0)
    points = None
    for mark, marker in MARKERS.items():
        chosen = marks == mark
        if mark == "spurious":
            axes.scatter(
                x[chosen], y[chosen], s=26, facecolors="none", edgecolors=GREY, linewidths=0.9, marker=marker, zorder=2
            )
            continue
        drawn = axes.scatter(
            x[chosen],
            y[chosen],
            c=share[chosen],
            s=34,
            marker=marker,
            cmap="viridis_r",
            norm=LogNorm(FAINTEST, 1.0),
            edgecolors="black",
            linewidths=0.4,
            zorder=3,
        )
        points = points or drawn
    return points


def _eigenvalues(spectrum: Mapping[str, Any]) -> Any:
    return np.array([as_complex(value) for value in spectrum["eigenvalues"]], dtype=complex)
