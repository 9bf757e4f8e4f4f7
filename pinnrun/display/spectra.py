"""The figure of the modes of training: eigenvalues on the unit circle, and the slow ones in close-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnrun.display.analysis import SPURIOUS_RESIDUAL, as_complex
from pinnrun.display.canvas import GREY, column, empty_figure, write_png
from pinnrun.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINTEST = 1e-4
"""Amplitudes below this share of the largest one have the colour of this share."""
COLUMNS = 4


def spectrum_figure(spectra: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Write the eigenvalues of every spectrum in the complex plane, and a close-up of 1 below each.

    A spectrum has eigenvalues (pairs of real and imaginary part), amplitudes, residuals, interval (steps
    between snapshots) and, for its title, width, depth and stage, or label.

    Raises:
        UserError: matplotlib is not installed, or there is no spectrum to draw.
    """
    if not spectra:
        raise UserError("there is nothing to draw yet: the figure needs a spectrum of the weights")
    columns = min(len(spectra), COLUMNS)
    rows = -(-len(spectra) // columns)
    figure = empty_figure(3.6 * columns + 1.4, 6.2 * rows + 0.3)
    axes = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[1.25, 1.0] * rows)
    points = None
    for index in range(rows * columns):
        row, place = divmod(index, columns)
        circle, close_up = axes[2 * row, place], axes[2 * row + 1, place]
        if index >= len(spectra):
            circle.set_axis_off()
            close_up.set_axis_off()
            continue
        points = draw_spectrum(circle, spectra[index])
        draw_close_up(close_up, spectra[index])
        circle.set_title(_title(index, spectra[index]), fontsize=10)
        if place == 0:
            circle.set_ylabel("imaginary part")
            close_up.set_ylabel("imaginary part")
    assert points is not None
    bar = figure.colorbar(points, ax=axes, shrink=0.5, aspect=30, pad=0.02)
    bar.set_label(f"amplitude, relative to the largest\n(hollow: spurious, residual > {SPURIOUS_RESIDUAL:g})")
    return write_png(figure, path)


def draw_spectrum(axes: Axes, spectrum: Mapping[str, Any]) -> Any:
    """Draw the eigenvalues with the unit circle; return the coloured points, for a colour bar.

    Hollow points have a residual above 0.3: they are noise rather than modes.
    """
    angle = np.linspace(0.0, 2.0 * np.pi, 361)
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.8, zorder=1)
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=0)
    axes.axvline(0.0, color=GREY, linewidth=0.4, zorder=0)
    points = _scatter(axes, spectrum)
    reach = 1.12 * max(1.0, float(np.max(np.abs(_eigenvalues(spectrum)), initial=0.0)))
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="real part")
    axes.locator_params(nbins=5)
    return points


def draw_close_up(axes: Axes, spectrum: Mapping[str, Any]) -> None:
    """Draw the eigenvalues near 1, where the slow modes sit, with arcs of equal half-life."""
    distance = np.sort(np.abs(_eigenvalues(spectrum) - 1.0))
    near = distance[distance < 0.5]
    # half of what is near fits in, with room around it
    reach = float(np.clip(1.4 * near[(len(near) - 1) // 2], 1e-4, 0.5)) if len(near) else 0.2
    angle = np.linspace(-np.pi / 2, np.pi / 2, 4001)
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.8, zorder=1)
    interval = float(spectrum.get("interval") or 1.0)
    height = 0.93 * reach
    for half_life in 10.0 ** np.arange(8):
        modulus = 0.5 ** (interval / half_life)
        if 1.0 - reach < modulus < 1.0 - 0.04 * reach:
            axes.plot(modulus * np.cos(angle), modulus * np.sin(angle), ":", color=GREY, linewidth=0.9)
            place = np.sqrt(modulus**2 - height**2)
            axes.text(
                place,
                height,
                f"{half_life:g} ",
                fontsize=8,
                color=GREY,
                ha="right",
                va="center",
                clip_on=True,
            )
    _scatter(axes, spectrum)
    axes.set(xlim=(1.0 - reach, 1.0 + 0.25 * reach), ylim=(-reach, reach))
    axes.set_xlabel("real part, near 1 (dotted: half-life in steps)", fontsize=9)
    axes.locator_params(nbins=4)
    axes.ticklabel_format(useOffset=False)


def _scatter(axes: Axes, spectrum: Mapping[str, Any]) -> Any:
    from matplotlib.colors import LogNorm

    eigenvalues = _eigenvalues(spectrum)
    amplitudes = np.abs(column(spectrum, "amplitudes", len(eigenvalues), missing=1.0))
    residuals = column(spectrum, "residuals", len(eigenvalues), missing=0.0)
    share = np.clip(amplitudes / max(float(np.max(amplitudes, initial=0.0)), 1e-300), FAINTEST, 1.0)
    sound = residuals <= SPURIOUS_RESIDUAL
    spurious = eigenvalues[~sound]
    axes.scatter(spurious.real, spurious.imag, s=26, facecolors="none", edgecolors=GREY, linewidths=0.9, zorder=2)
    return axes.scatter(
        eigenvalues.real[sound],
        eigenvalues.imag[sound],
        c=share[sound],
        s=34,
        cmap="viridis_r",
        norm=LogNorm(FAINTEST, 1.0),
        edgecolors="black",
        linewidths=0.4,
        zorder=3,
    )


def _eigenvalues(spectrum: Mapping[str, Any]) -> Any:
    return np.array([as_complex(value) for value in spectrum["eigenvalues"]], dtype=complex)


def _title(index: int, spectrum: Mapping[str, Any]) -> str:
    if spectrum.get("width") is None:
        return str(spectrum.get("label", f"spectrum {index}"))
    return f"stage {spectrum.get('stage', index)}: {spectrum['width']} × {spectrum['depth']}"
