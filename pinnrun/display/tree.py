"""The figure of a comparison: the tree of the trainings, their distances, and their eigenvalues on the unit circle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnrun.display.canvas import BLUE, GREEN, GREY, PURPLE, VERMILION, empty_figure, write_png
from pinnrun.display.text import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def comparison_figure(record: Mapping[str, Any], path: str | Path) -> Path:
    """Write tree, distances and spectra side by side; for the record see `print_comparison`, with `tree` and `order`.

    Raises:
        UserError: matplotlib is not installed.
    """
    count = len(record["runs"])
    height = min(max(4.2, 1.4 + 0.2 * count), 16.0)
    figure = empty_figure(8.4 + 2.0 * height / 4.2, height)
    tree, matrix, circle, near = figure.subplots(1, 4, width_ratios=[0.5, 1.25, 1.0, 1.0])
    draw_tree(tree, record)
    image = draw_distances(matrix, record)
    figure.colorbar(image, ax=matrix, location="bottom", shrink=0.8, aspect=30).set_label("Wasserstein distance")
    draw_spectra(circle, record)
    draw_spectra(near, record, close=True)
    circle.set_ylabel("imaginary part")
    circle.legend(loc="upper left", fontsize=8, framealpha=0.9)
    first, last = record["steps"]
    figure.suptitle(
        f"{record['observable']}, steps {first} to {last} every {record['every']}, {record['delays']} delays, "
        f"rank {record['rank']}",
        fontsize=10,
    )
    return write_png(figure, path)


def draw_tree(axes: Axes, record: Mapping[str, Any]) -> None:
    """Draw the average-linkage tree, its leaves from top to bottom in the record's order."""
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(np.asarray(record["tree"]), no_plot=True)
    clusters = [run["cluster"] for run in record["runs"]]
    for places, heights in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        axes.plot(heights, (np.asarray(places) - 5.0) / 10.0, color=GREY, linewidth=1.0)
    for row, leaf in enumerate(drawn["leaves"]):
        style = clusters[leaf] - 1
        axes.plot(0.0, row, MARKERS[style % 8], color=COLOURS[style % 8], markersize=5, clip_on=False, zorder=3)
    axes.set(ylim=(len(clusters) - 0.5, -0.5), yticks=[], xlabel="distance")
    axes.invert_xaxis()
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.locator_params(axis="x", nbins=3)


def draw_distances(axes: Axes, record: Mapping[str, Any]) -> Any:
    """Draw the matrix of distances in the order of the tree, with the trainings' labels; return the image."""
    order = np.asarray(record["order"])
    distances = np.asarray(record["distances"])[np.ix_(order, order)]
    image = axes.imshow(distances, cmap="viridis", aspect="auto", vmin=0.0)
    size = 8 if len(order) <= 40 else 5
    axes.set_yticks(range(len(order)), [label(record["runs"][index], index) for index in order], fontsize=size)
    axes.set_xticks(range(len(order)), [str(index + 1) for index in order], fontsize=size, rotation=90)
    return image


def label(run: Mapping[str, Any], index: int) -> str:
    """What tells a training from the others, and its number."""
    values = " ".join(number(value) for value in run["label"].values())
    return f"{values or Path(run['folder']).name}  {index + 1}"


def draw_spectra(axes: Axes, record: Mapping[str, Any], *, close: bool = False) -> None:
    """Draw the eigenvalues of all trainings with the unit circle, a colour and a shape for every cluster.

    `close` shows the neighbourhood of 1 that holds half of all eigenvalues.
    """
    angle = np.linspace(-np.pi, np.pi, 1001)
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.8, zorder=1)
    everything = []
    for cluster in sorted({run["cluster"] for run in record["runs"]}):
        pairs = [pair for run in record["runs"] if run["cluster"] == cluster for pair in run["eigenvalues"]]
        real, imaginary = np.array(pairs).T
        everything.append(np.hypot(real - 1.0, imaginary))
        style = cluster - 1
        axes.scatter(
            real, imaginary, s=16, marker=MARKERS[style % 8], color=COLOURS[style % 8], alpha=0.55, linewidths=0,
            label=f"cluster {cluster}", zorder=2,
        )  # fmt: skip
    distances = np.concatenate(everything)
    if close:
        reach = float(np.clip(1.1 * np.median(distances), 1e-4, 1.0))
        axes.set(xlim=(1.0 - 1.6 * reach, 1.0 + 0.4 * reach), ylim=(-reach, reach), xlabel="real part, near 1")
        axes.ticklabel_format(useOffset=False)
    else:
        reach = 1.12 * max(1.0, max(abs(complex(*pair)) for run in record["runs"] for pair in run["eigenvalues"]))
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="real part")
    axes.set_aspect("equal")
    axes.locator_params(nbins=4)
