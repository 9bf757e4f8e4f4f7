"""docs/forecast.md from the figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.forecast.cases import FAMILIES
from benchmarks.forecast.notes import HEAD, NOTES
from benchmarks.forecast.results import CLOCKS, Figures
from benchmarks.forecast.views import DEFAULT, FACTORS
from benchmarks.records.table import machine
from pinnrun.koopman.regime import Regime
from pinnrun.storage.atomic import write_text

MEDIANS = {"all": (0.12, 0.30, 0.45), "steady": (0.10, 0.20, 0.30)}  # decades at 2, 5 and 10 times the steps
TITLES = {"held": "held out", "further": "held out, further", "fit": "fit"}
BRIER, FALSE_STOPS, SPENT, COVERAGE = 0.10, 0.05, 0.25, (0.77, 0.83)


def write_page(path: Path, figures: Figures) -> None:
    """Replace the page."""
    parts = [
        HEAD,
        _trainings(figures),
        "\n## Aims and results\n\n",
        _aims(figures),
        "\n## Error by forecaster\n\nMedian / 90 % quantile / median with its sign; positive is too high.\n\n",
        _forecasters(figures),
        f"\n## Where the error comes from\n\n`{DEFAULT}`, median / 90 % quantile, windows in brackets.\n\n",
        _subsets(figures, "phase", [regime.value for regime in Regime]),
        "\n",
        _subsets(figures, "training", list(FAMILIES)),
        "\n## Where each forecaster wins\n\nMedian error on all problems at 2 / 5 / 10 n; the best at 5 n is bold.\n\n",
        _winners(figures),
        "\n## Clocks\n\n`" + DEFAULT + "` on all problems, median error in decades.\n\n",
        _clocks(figures),
        "\n## Bands and probabilities\n\n",
        _coverage(figures),
        "\n",
        _reliability(figures),
        "\n## The policy, replayed\n\n",
        _policy(figures),
        NOTES,
        f"\nMeasured on {machine()}.\n",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts))


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _value(figures: Figures, *key: str, form: str = ".2f") -> str:
    row = figures.get(*key)
    return "–" if row is None or row.value != row.value else format(row.value, form)


def _errors(figures: Figures, group: str, method: str, subset: str, measure: str = "median") -> str:
    return " / ".join(_value(figures, "error", group, method, subset, f"{measure} {f}x") for f in FACTORS)


def _trainings(figures: Figures) -> str:
    row = figures.get("trainings", "all", "", "all", "complete")
    if row is None or row.value == row.count:
        return ""
    return (
        f"\n{row.value:.0f} of the {row.count} trainings had all their steps when this was measured; the others,\n"
        "a quarter at least, count wherever a horizon lies within what they have, and are left out of the policy.\n"
    )


def _aims(figures: Figures) -> str:
    lines = []
    for subset, aims in MEDIANS.items():
        name = "median error, all windows" if subset == "all" else "median error, steady windows"
        aim = "≤ " + " / ".join(f"{value:.2f}" for value in aims)
        lines.append([f"{name}, at 2, 5, 10 n", aim, *(_errors(figures, g, DEFAULT, subset) for g in TITLES)])
    scores = [_value(figures, "brier", g, DEFAULT, "all", "brier", form=".3f") for g in TITLES]
    lines.append(["Brier score of P(reach)", f"≤ {BRIER:.2f}", *scores])
    stops = [_value(figures, "policy", g, DEFAULT, "all", "false stops", form=".1%") for g in TITLES]
    lines.append(["reachable targets given up", f"≤ {FALSE_STOPS:.0%}", *stops])
    spent = [_value(figures, "policy", g, DEFAULT, "all", "spent in vain", form=".0%") for g in TITLES]
    lines.append(["budget spent on targets out of reach", f"≤ {SPENT:.0%}", *spent])
    aim = f"{COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}"
    cover = [_value(figures, "coverage", g, DEFAULT, "all", "shipped", form=".0%") for g in TITLES]
    lines.append(["truths within the 80 % band", aim, *cover])
    out = _value(figures, "coverage", "all", DEFAULT, "all", "left out", form=".0%")
    lines.append(["… its law measured without the problem", aim, f"{out} (all problems)", "", ""])
    cost = figures.get("cost", "all", DEFAULT, "all", "ratio")
    if cost:
        lines.append(
            ["price of a full analysis, P = 10⁴, T = 200, in training steps", "≤ 2", f"{cost.value:.1f}", "", ""]
        )
    return _table(["", "aim", *TITLES.values()], lines)


def _forecasters(figures: Figures) -> str:
    lines = []
    for name in figures.methods("error"):
        for group, title in (*TITLES.items(), ("all", "all")):
            cells = []
            for factor in FACTORS:
                parts = [
                    _value(figures, "error", group, name, "all", f"{measure} {factor}x", form=form)
                    for measure, form in (("median", ".2f"), ("p90", ".2f"), ("bias", "+.2f"))
                ]
                cells.append(" / ".join(parts))
            lines.append([f"`{name}`" if group == "held" else "", title, *cells])
    return _table(["forecaster", "problems", *(f"{factor} n" for factor in FACTORS)], lines)


def _subsets(figures: Figures, title: str, subsets: Sequence[str]) -> str:
    lines = []
    for subset in subsets:
        name = FAMILIES[subset].title if subset in FAMILIES else subset
        for group, kind in TITLES.items():
            cells = []
            for factor in FACTORS:
                row = figures.get("error", group, DEFAULT, subset, f"median {factor}x")
                high = _value(figures, "error", group, DEFAULT, subset, f"p90 {factor}x")
                cells.append(f"{row.value:.2f} / {high} ({row.count})" if row else "–")
            if group != "further" or any(cell != "–" for cell in cells):
                lines.append([name if group == "held" else "", kind, *cells])
    return _table([title, "problems", *(f"{factor} n" for factor in FACTORS)], lines)


def _winners(figures: Figures) -> str:
    methods, lines = figures.methods("error"), []
    for subset in (*(regime.value for regime in Regime), *FAMILIES):
        middle = {name: figures.get("error", "all", name, subset, "median 5x") for name in methods}
        best = min((row.value for row in middle.values() if row), default=None)
        cells = []
        for name in methods:
            text, row = _errors(figures, "all", name, subset), middle[name]
            cells.append(f"**{text}**" if row and row.value == best else text)
        lines.append([FAMILIES[subset].title if subset in FAMILIES else subset, *cells])
    return _table(["", *(f"`{name}`" for name in methods)], lines)


def _clocks(figures: Figures) -> str:
    lines = []
    for family in ("cosine", "lbfgs", "ssbroyden", "lm"):
        for clock in CLOCKS:
            cells = [_value(figures, "clock", "all", clock, family, f"median {factor}x") for factor in FACTORS]
            lines.append([FAMILIES[family].title if clock == CLOCKS[0] else "", clock, *cells])
    return _table(["training", "clock", *(f"{factor} n" for factor in FACTORS)], lines)


def _coverage(figures: Figures) -> str:
    lines = []
    shipped = [(group, "shipped", title) for group, title in TITLES.items()]
    for group, measure, title in (*shipped, ("all", "left out", "each problem left out of the law in turn")):
        subsets = [*(f"{factor}x" for factor in FACTORS), "all"]
        cells = [_value(figures, "coverage", group, DEFAULT, subset, measure, form=".0%") for subset in subsets]
        lines.append([title, *cells])
    return _table(["truths within the 80 % band", *(f"{factor} n" for factor in FACTORS), "all"], lines)


def _reliability(figures: Figures) -> str:
    lines = []
    for group, title in TITLES.items():
        score = _value(figures, "brier", group, DEFAULT, "all", "brier", form=".3f")
        base = _value(figures, "brier", group, DEFAULT, "all", "climatology", form=".3f")
        cells = []
        for number in range(10):
            said = figures.get("reliability", group, DEFAULT, str(number), "said")
            came = figures.get("reliability", group, DEFAULT, str(number), "came")
            if said and came:
                cells.append(f"{said.value:.2f} → {came.value:.2f} ({said.count})")
        lines.append([title, f"{score} ({base})", ", ".join(cells)])
    return _table(["problems", "Brier score (of always saying the mean)", "said → came (questions)"], lines)


def _policy(figures: Figures) -> str:
    lines = []
    for name in figures.methods("policy"):
        cells = []
        for group in TITLES:
            stops, spent = (figures.get("policy", group, name, "all", m) for m in ("false stops", "spent in vain"))
            if stops and spent:
                cells += [f"{stops.value:.1%} of {stops.count}", f"{spent.value:.0%} of {spent.count}"]
            else:
                cells += ["–", "–"]
        lines.append([f"`{name}`", *cells])
    head = [
        "forecaster",
        *(text for title in TITLES.values() for text in (f"{title}: given up wrongly", "spent in vain")),
    ]
    return _table(head, lines)
