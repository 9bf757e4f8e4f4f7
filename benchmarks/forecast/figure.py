"""Error by horizon and forecaster; what was said against what came; how often the band holds."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib

from benchmarks.forecast.results import Figures
from benchmarks.forecast.views import DEFAULT, FACTORS

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter

PROMISED = 0.8
AIM = (0.77, 0.83)
GROUP_NAMES = {"held": "held out", "fit": "fit", "all": "all"}


def draw(path: Path, figures: Figures) -> None:
    """Replace the figure."""
    figure, (errors, said, held) = plt.subplots(1, 3, figsize=(13.8, 4.2), layout="constrained")
    draw_errors(errors, figures)
    draw_reliability(said, figures)
    draw_coverage(held, figures)
    for axis in (errors, said, held):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.png")
    figure.savefig(temporary, dpi=110)
    plt.close(figure)
    os.replace(temporary, path)


def draw_errors(axis: Axes, figures: Figures) -> None:
    """Median and 90 % quantile of every forecaster at every horizon, on the held-out problems."""
    methods = [name for name in figures.methods("error") if figures.get("error", "held", name, "all", "median 2x")]
    for place, name in enumerate(methods):
        color = plt.get_cmap("tab10")(place % 10)
        label: str | None = name.replace("_", " ")
        for number, factor in enumerate(FACTORS):
            middle = figures.get("error", "held", name, "all", f"median {factor}x")
            high = figures.get("error", "held", name, "all", f"p90 {factor}x")
            if middle is None or high is None:
                continue
            x = number + 0.8 * ((place + 0.5) / len(methods) - 0.5)
            axis.plot([x, x], [middle.value, high.value], color=color, lw=1.2, alpha=0.6)
            axis.plot([x], [middle.value], "o", color=color, ms=5, label=label)
            label = None
    axis.set_yscale("log")
    axis.set_yticks((0.1, 0.2, 0.5, 1.0, 2.0, 5.0))
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_xticks(range(len(FACTORS)), [f"{factor} n" for factor in FACTORS])
    axis.set_xlabel("horizon")
    axis.set_ylabel("error in decades: median, and up to 90 %")
    axis.set_title("Error of the forecast loss, held-out problems", fontsize=10)
    axis.legend(fontsize=7, frameon=False)


def draw_reliability(axis: Axes, figures: Figures) -> None:
    """The reliability diagram of P(reach L_min by T)."""
    axis.plot([0, 1], [0, 1], color="0.7", lw=1)
    for group, marker in (("held", "o-"), ("fit", "s--")):
        points = []
        for number in range(10):
            said = figures.get("reliability", group, DEFAULT, str(number), "said")
            came = figures.get("reliability", group, DEFAULT, str(number), "came")
            if said and came:
                points.append((said.value, came.value, said.count))
        if not points:
            continue
        x, y, _ = zip(*points, strict=True)
        score = figures.get("brier", group, DEFAULT, "all", "brier")
        label = f"{GROUP_NAMES[group]}, Brier {score.value:.3f}" if score else GROUP_NAMES[group]
        axis.plot(x, y, marker, ms=5, lw=1.2, label=label)
        if group == "held":
            for a, b, number in points:
                axis.annotate(str(number), (a, b), textcoords="offset points", xytext=(5, -9), fontsize=7)
    axis.set_xlabel("P(reach) that was said")
    axis.set_ylabel("share that came")
    axis.set_title("Reliability", fontsize=10)
    axis.legend(fontsize=8, frameon=False)


def draw_coverage(axis: Axes, figures: Figures) -> None:
    """How often the 80 % band holds."""
    axis.axhspan(*AIM, color="0.9")
    axis.axhline(PROMISED, color="0.7", lw=1)
    bars = (("held", "shipped", "held out"), ("fit", "shipped", "fit"), ("all", "left out", "problem left out"))
    for place, (group, measure, label) in enumerate(bars):
        for number, factor in enumerate(FACTORS):
            row = figures.get("coverage", group, DEFAULT, f"{factor}x", measure)
            if row:
                x = number + 0.27 * (place - 1)
                axis.bar(x, row.value, 0.25, color=plt.get_cmap("tab10")(place), label=label)
                label = None
    axis.set_ylim(0, 1)
    axis.set_xticks(range(len(FACTORS)), [f"{factor} n" for factor in FACTORS])
    axis.set_xlabel("horizon")
    axis.set_ylabel("share of truths in the 80 % band")
    axis.set_title("Coverage", fontsize=10)
    axis.legend(fontsize=8, loc="lower right")
