"""docs/koopman-study.md: every number in it is computed from the results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.koopman.cases import CASES, KINDS
from benchmarks.koopman.measure import COSTS, HORIZONS, METHODS, WORST, Row, StageRow
from benchmarks.koopman.results import better_than_standing, errors, good_until, loses_from, windows
from benchmarks.records.table import machine
from pinnrun.koopman.weights import RULES
from pinnrun.storage.atomic import write_text

NAMES = {
    "last": "no change",
    "trend": "damped trend of the merit",
    "modes": "weights: modes",
    "layers": "weights: modes by layer",
    "velocity": "weights: velocity",
    "exact": "weights: exact DMD",
}
HEAD = """# What the operator on the weights can and cannot replace

Dogra's blueprint proposes two uses of the Koopman operator of training. On the *loss* it forecasts, and that is what
pinnrun decides by ([scale-up](scale-up.md)). On the *weights* (the identity observable) it is to "substitute the chosen
NN training algorithm itself", to reveal "the fixed points for the w evolution", so that one may "identify the w
minimizing L(w) directly", at a cost that "should be small when compared to the per iteration run-time complexity".
This page measures the second use: weights are forecast from half-trained networks, and the merit *at those weights* is
evaluated beside what training came to. It is written by `python -m benchmarks.koopman`, from `koopman.csv`,
`koopman_stages.csv` and `koopman_cost.csv` in `benchmarks/results`.

"""
HOW = """## What was done

{count} windows of {runs} runs (seeds {seeds}):

| run | training |
|---|---|
{table}

From a step n (the *origin*) the weights are forecast to h n steps, h = {horizons},
from the snapshots of the second half of the steps made. An error is log10 of the merit at the forecast weights less
log10 of the median merit of training on [0.97 h n, h n] (one lucky step does not count; what is below 0.01 is of that
smoothing); it is bounded by {worst:g} decades. The rules are those of `pinnrun/koopman/weights.py`: *modes* (dynamic
modes of the increments, at most ten, none allowed to grow), the same *by layer*, *velocity* (the mean one: a single
mode at 1), and *exact DMD* of the weights themselves with all modes and nothing held. Beside them stand two forecasts
that touch no weights: *no change*, and the *damped trend* of the merit, half of the forecast that pinnrun decides by.

"""


def write_page(
    path: Path, rows: Sequence[Row], stages: Sequence[StageRow], spent: Sequence[dict[str, Any]], figure: Path
) -> None:
    """Replace the page."""
    kinds = [kind for kind in KINDS if any(row.kind == kind for row in rows)]
    parts = [HEAD, _how(rows)]
    parts += ["## How wrong\n\nMedian size of the error in decades, all windows, then by kind of training.\n\n"]
    parts += [_errors_table(rows), "\n", _picture(path, figure)]
    parts += [f"{KINDS[kind]}:\n\n{_errors_table([row for row in rows if row.kind == kind])}\n" for kind in kinds]
    parts += [_where_it_loses(rows), _regimes(rows), _fixed_points(rows), _growth(stages), _costs(spent)]
    parts += [_claims(rows, stages, spent), f"Measured on {machine()}.\n"]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts))


def _how(rows: Sequence[Row]) -> str:
    seen = {row.case for row in rows}
    table = "\n".join(
        f"| `{case.name}` | {case.text}; origins {' and '.join(map(str, case.origins))} |"
        for case in CASES
        if case.name in seen
    )
    return HOW.format(
        count=len(windows(rows)),
        runs=len({(row.case, row.seed) for row in rows}),
        seeds=", ".join(map(str, sorted({row.seed for row in rows}))),
        table=table,
        horizons=", ".join(f"{h:g}" for h in HORIZONS),
        worst=WORST,
    )


def _errors_table(rows: Sequence[Row]) -> str:
    lines = ["| forecast | " + " | ".join(f"{h:g} n" for h in HORIZONS) + " |", "|---" * (len(HORIZONS) + 1) + "|"]
    for method in METHODS:
        cells = [f"{np.median(np.abs(errors(rows, method, h))):.2f}" for h in HORIZONS]
        lines.append(f"| {NAMES[method]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _picture(page: Path, figure: Path) -> str:
    where = os.path.relpath(figure, page.parent)
    return f"![error of the forecasts against the horizon, by kind of training]({where})\n\n"


def _where_it_loses(rows: Sequence[Row]) -> str:
    lines = [
        "## Where each rule loses to no change\n",
        "The first horizon at which its error is the larger one; and the share of windows in which the forecast is too",
        "high at 2 n.\n",
        "| rule | median over windows | never within 2 n | too high at 2 n |",
        "|---|---|---|---|",
    ]
    found = list(windows(rows).values())
    for method in METHODS[1:]:
        first = [loses_from(window, method) for window in found]
        middle = float(np.median(first))
        shown = f"{middle:.3g} n" if np.isfinite(middle) else "beyond 2 n"
        never = sum(not np.isfinite(value) for value in first)
        high = float(np.mean(errors(rows, method, HORIZONS[-1]) > 0))
        lines.append(f"| {NAMES[method]} | {shown} | {never} of {len(first)} | {high:.0%} |")
    return "\n".join(lines) + "\n\n"


def _regimes(rows: Sequence[Row]) -> str:
    lines = [
        "## Noise, plateaus, descents\n",
        "Median error of the modes at 1.1 n and 2 n, in brackets that of no change, by the regime that the merit was",
        "in at the origin, and where points are drawn anew at every step.\n",
        "| windows | number | at 1.1 n | at 2 n |",
        "|---|---|---|---|",
    ]
    groups = {
        f"regime {regime}": [r for r in rows if r.regime == regime] for regime in sorted({r.regime for r in rows})
    }
    groups["new points at every step"] = [row for row in rows if row.kind == "resampled"]
    for name, chosen in groups.items():
        if not chosen:
            continue
        cells = []
        for h in (1.1, 2.0):
            mine, none = (np.median(np.abs(errors(chosen, method, h))) for method in ("modes", "last"))
            cells.append(f"{mine:.2f} ({none:.2f})")
        lines.append(f"| {name} | {len(windows(chosen))} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\n"


def _fixed_points(rows: Sequence[Row]) -> str:
    firsts = [window[0] for window in windows(rows).values()]
    given = [row for row in firsts if np.isfinite(row.fixed_point)]
    text = f"The modes all die out, so that there is a fixed point, in {len(given)} of {len(firsts)} windows."
    if given:
        gaps = np.array([row.fixed_point - row.now for row in given])
        ends = [window[-1].truth for window in windows(rows).values() if np.isfinite(window[0].fixed_point)]
        beaten = sum(row.fixed_point <= end for row, end in zip(given, ends, strict=True))
        text += (
            f" The merit there is below that at the origin in {int(np.sum(gaps < 0))} of them, and below what training"
            f" reached by 2 n in {beaten}. In the median it is {np.median(gaps):+.2f} decades from where training stood"
            f" (best {gaps.min():+.2f}, worst {gaps.max():+.2f})."
        )
    return "## The fixed points\n\n" + _folded(text) + "\n\n"


def _growth(stages: Sequence[StageRow]) -> str:
    lines = [
        "## Growth\n",
        "A growth changes the number of weights, and with it the space that the operator acts on: nothing is forecast",
        "across it. What each network of one run (`pinnrun train problem=npbe seed=2`) was heading for, as log10 of",
        "the merit:\n",
        "| stage | network | parameters | steps | at its end | at its fixed point | the run's end |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in stages:
        fixed = f"{row.fixed_point:.2f}" if np.isfinite(row.fixed_point) else "none"
        cells = [
            str(row.stage),
            row.size,
            str(row.parameters),
            str(row.steps),
            f"{row.last:.2f}",
            fixed,
            f"{row.final:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n"


def _costs(spent: Sequence[dict[str, Any]]) -> str:
    parameters = int(spent[0]["parameters"])
    lines = [
        "## What it costs\n",
        f"[3, 70, 70, 70, 1], {parameters} parameters, 1024 points, 200 snapshots in float64, one thread; in Adam",
        "steps of the same round, median and quartiles.\n",
        "| what | ms | training steps |",
        "|---|---|---|",
    ]
    for item in spent:
        low, high = item["steps_quartile1"], item["steps_quartile3"]
        spread = "" if item["what"] == "step" else f" ({low:.2f} to {high:.2f})"
        lines.append(f"| {COSTS[item['what']]} | {item['ms']:.0f} | {item['steps']:.2f}{spread} |")
    lines += [
        "",
        "The products of the increments take T² P multiplications and additions in one pass over the snapshots, of",
        "which only pieces of a megabyte are ever held in float64; layers share that pass.",
    ]
    return "\n".join(lines) + "\n\n"


def _claims(rows: Sequence[Row], stages: Sequence[StageRow], spent: Sequence[dict[str, Any]]) -> str:
    price = {item["what"]: item["steps"] for item in spent}
    asked = price["spectrum"] + price["forecast"] + 4 * price["value"]
    kinds = [kind for kind in KINDS if any(row.kind == kind for row in rows)]
    reach = "; ".join(f"{KINDS[kind]}: {_reach([row for row in rows if row.kind == kind])}" for kind in kinds)
    best = max(good_until([row for row in rows if row.kind == kind], rule) or 1.0 for kind in kinds for rule in RULES)
    gain = {h: better_than_standing(rows, "modes", h) for h in (1.02, 1.1, 2.0)}
    firsts = [window[0] for window in windows(rows).values()]
    given = [row for row in firsts if np.isfinite(row.fixed_point)]
    useful = sum(row.fixed_point < row.now for row in given)
    ended = sum(np.isfinite(row.fixed_point) and row.fixed_point <= row.final for row in stages)
    trend = np.median(np.abs(errors(rows, "trend", 2.0)))
    modes = np.median(np.abs(errors(rows, "modes", 2.0)))
    items = [
        f'"Substitute the chosen NN training algorithm": not beyond a fraction of the steps made. The horizons up to'
        f" which forecast weights are in the median no worse than no change: {reach}. Merely to be better off at the"
        f" forecast weights than at those that one has happens in {gain[1.02]:.0%} of the windows at 1.02 n,"
        f" {gain[1.1]:.0%} at 1.1 n and {gain[2.0]:.0%} at 2 n (modes). A jump has to be judged before it is kept.",
        f'"Fixed points": the formula gives one in {len(given)} of {len(firsts)} windows; it is better than the weights'
        f" that one has in {useful}. Of the stages of the run that grew, {ended} of {len(stages)} had a fixed point as"
        f" good as the network that the run ended with. A fixed point is a diagnostic of the modes, not a solution;"
        f" `pinnrun koopman analyze` prints the merit there for that reason.",
        f'"Small cost": spectra, a forecast and four evaluations of the merit cost {asked:.1f} training steps.'
        f" Where a forecast is good it stands for up to {best - 1.0:.0%} of the steps made.",
        f"What the operator is good for is the loss: at 2 n the damped trend of the merit is off by {trend:.2f} decades"
        f" in the median, the merit at forecast weights by {modes:.2f}. Decisions rest on the former.",
    ]
    return "## What holds of the claims\n\n" + "\n".join("* " + _folded(text, "  ") for text in items) + "\n\n"


def _reach(rows: Sequence[Row]) -> str:
    """The last horizon up to which each rule does no worse than no change."""
    until = {NAMES[rule].partition(": ")[2]: good_until(rows, rule) for rule in RULES}
    return ", ".join(f"{name} {f'{h:g} n' if h else 'none'}" for name, h in until.items())


def _folded(text: str, indent: str = "", width: int = 118) -> str:
    import textwrap

    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
