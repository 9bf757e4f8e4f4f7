"""Time to the target divided by the oracle's: a row a target, a mark a contestant, left of the line is better.

The default policy stands out; what it is held against has a colour of its own, and its variants are grey.
"""

from __future__ import annotations

import os
from math import isfinite
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.scaleup.table import Found, contests

matplotlib.use("Agg")
from matplotlib import pyplot as plt

DEFAULT = "koopman"
AGAINST = {
    "small, kept": ("*", "tab:purple"),
    "perfect verdicts": ("d", "tab:green"),
    "grid search": ("<", "tab:red"),
    "halving": ("h", "tab:orange"),
    "Optuna": ("p", "goldenrod"),
}
VARIANTS = ("s", "D", "^", "v", "P", "X")


def draw(path: Path, found: Found) -> None:
    """Replace the figure."""
    targets = [target for target in contests(found) if target.best]
    labels = list(dict.fromkeys(label for target in targets for label in target.scores))
    figure, axis = plt.subplots(figsize=(9.0, 1.6 + 0.36 * max(len(targets), 1)))
    for index, label in enumerate(labels):
        places, regrets = [], []
        for row, target in enumerate(targets):
            if label in target.scores and isfinite(target.regret(label)):
                places.append(row + (0.0 if label == DEFAULT else 0.6 * (index / max(len(labels) - 1, 1) - 0.5)))
                regrets.append(target.regret(label))
        axis.plot(regrets, places, linestyle="none", label=label, **_style(label, index))
    axis.axvline(1.0, color="black", linewidth=1.0)
    axis.set_yticks(range(len(targets)), [f"{target.case.title}, {target.aim:g}" for target in targets])
    axis.invert_yaxis()
    axis.set(xscale="log", xlabel="CPU seconds to the target, divided by those of the best fixed size in hindsight")
    axis.grid(alpha=0.3)
    if labels:
        axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.png")
    figure.savefig(temporary, dpi=110, bbox_inches="tight")
    plt.close(figure)
    os.replace(temporary, path)


def _style(label: str, index: int) -> dict[str, Any]:
    """Marker, colour, size and which lies on top."""
    if label == DEFAULT:
        return {"marker": "o", "color": "tab:blue", "markeredgecolor": "black", "ms": 9, "zorder": 5}
    if label in AGAINST:
        marker, colour = AGAINST[label]
        return {"marker": marker, "color": colour, "ms": 6, "zorder": 4}
    return {"marker": VARIANTS[index % len(VARIANTS)], "color": "silver", "ms": 5}
