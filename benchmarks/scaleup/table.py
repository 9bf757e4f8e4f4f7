"""docs/growing-pays.md from the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from pathlib import Path
from statistics import median

from benchmarks.records.results import Result
from benchmarks.scaleup.cases import CASES, POLICIES, SMALL, STOPPED, Case, fixed_labels
from benchmarks.scaleup.contest import (
    LADDER,
    Score,
    grid_search,
    oracle,
    perfect_verdicts,
    score,
    smallest,
    spread,
    successive_halving,
)
from benchmarks.scaleup.tuner import optuna_search
from benchmarks.scaleup.variants import limits_table
from pinnrun.storage.atomic import write_text

Found = dict[str, dict[tuple[str, float], dict[int, Result]]]
"""Results by case, by label and aim asked for, by seed."""

HEAD = """# Does growing pay?

Growing from a small network against the best fixed size, which nobody knows beforehand, against a search for it,
and against the smallest network given more time: CPU seconds to an error on **one thread**. This page is written by
`python -m benchmarks.scaleup`, from `benchmarks/results/scaleup.csv`.

![Time to the target, divided by the oracle's](../benchmarks/results/scaleup.png)

"""
NOTES = """
## What the tables say

* **Against a search**, growing costs less than a two-hundredth of grid search, a fifth of successive halving, and less
  than half of Optuna, which was lucky on some targets and spent ten times the oracle's time or more on others.
* **Against the best size, known beforehand**, it costs 1.1 times as much in the median and 1.9 times at worst, and
  no target is missed. On four targets of twenty it is ahead, by up to a fifth: no size of the grid is as cheap. The
  same trainings, timed twice (*not pruned* is the same until the target is met), differ by a tenth.
* **Perfect verdicts**, on the sizes of the grid that growth would lead through, take the oracle's time in the median
  and 2.9 times at worst: what is left between growing and the oracle is in the median what verdicts cost, and at worst
  the order of the sizes.
* **Two layers to start with**, where [the field evolves in time](scale-up.md#where-to-start) (heat, Burgers,
  Allen-Cahn, wave), spare these problems a first stage that hardly ever does: 1.2 times the oracle's time in the median
  of their eight targets, and 1.6 at worst.
* **Seeds**: what one is spared the next may pay. On the one ion to 1e-5 four seeds of five are done with the first
  network, within 1.2 times the oracle's time; the fifth pays four times as much.
* **Points**: all of this is on [Sobol points](weighting-and-sampling.md), the default.
* **Price** ([what is weighed](scale-up.md)): a start that is a quarter dearer than the smallest network, growths that
  make a step two and a half times as dear at most, networks left at once where they have no odds and the next is cheap,
  and kept longer where the next is dear or size has made no difference so far. The constants were chosen by runs of
  these very targets with seeds 1 to 3, which flatters them somewhat; the [library](problems/README.md), where nothing
  was chosen, is trained by the same defaults.
* **In turns of two** (`scaleup.turns`) Burgers' equation to 1e-3, which wants three narrow layers, and five dimensions
  to 1e-4, which want a wide one, are both met within one and a third times the oracle's time.
* **Where it does not pay**: five dimensions to 1e-2, met by 8 x 2 while growth tries one layer twice; Allen-Cahn's
  equation to 1e-3, which wants 8 x 3: its problem file stops at two layers. Here it is trained on Sobol points like all
  others; its default is [random ones](problems/allen_cahn.md).
* **Pruning** costs no time until the target is met, and half of it again after that; it ends with half the parameters
  (*not pruned* is the same with `scaleup.prune=0`), 1.3 times those of the smallest size of the grid that meets it with
  most seeds, 1.6 times those of the smallest that does with any.
* **With Adam** (step size 3e-3, random points) growing costs 1.2 times the oracle's time in the median of six targets
  and 2.7 times at worst, on heat to 2e-2, where it starts with 20 x 2 and 16 x 2, whose steps cost two thirds, would
  do; no target is missed. A stage is thousands of steps there, so the start counts for more: from n_in + 1 neurons it
  takes four times the oracle's time in the median.
* **The start**: from n_in + 1 neurons (*smallest first*, `scaleup.start=theory`) it takes 1.4 times the oracle's time
  in the median, five times on the easiest targets, and ends with smaller networks.
* **Depth or width**: `koopman_cost`, which weighs both by their price, is no faster than turns.
* **Width first** (`scaleup=width_first`) is as fast in the median, and misses five dimensions to 1e-4 with most seeds:
  it deepens as soon as a wider network is dear, and these want width. On Helmholtz to 1e-4 it takes four times as long.
* **Stagnation alone** (*plateau*) is as fast where it arrives, and misses five dimensions to 1e-4.
* **More time for the smallest network** is no substitute: three of four targets are out of its reach.
* **New neurons chosen by the residual** (*koopman, residual*) are as fast in the median, faster on the wave equation,
  and up to 2.4 times as slow as the oracle elsewhere: what keeps the function of the small network may keep its basin
  too. So `reinit` stays the default; [growth.md](growth.md) has all rules.
* **Limits** that a problem file sets are worth little on Burgers' equation, up to one and a half times the time on the
  wave equation, and all on Allen-Cahn's to 1e-3: where nothing says that two layers will do, networks are given up on
  a plateau that all of them share, and those that come next are dear. With limits the largest network is waited for.
  For an equation of your own, set `scaleup.max_depth` where you know that two layers suffice, or expect this.

*Oracle*: the size of the grid (4 to 64 wide, 1 to 3 deep) with the least median time to the error, known only
afterwards; every figure in its column's unit is a time divided by its median. *Grid search* trains all sizes until they
have met the error or spent their time. *Halving*: successive halving on the same grid, the first round half a second a
size, replayed from the same trainings. *Optuna*: its default sampler with its asynchronous successive halving on the
same sizes, replayed likewise, until a training meets the error. A time is that of the first look that found the error
at the target or below; looks are 12 % apart. "–" where it was missed with most seeds; "missed" counts seeds. Parameters
are those of the network at the end, divided by those of the smallest size of the grid that reaches the error with most
seeds, as the oracle must, and by those of the smallest that any seed reaches it with. A size of which one step of
Levenberg-Marquardt would take longer than a run may (64 x 3, with three residuals a parameter) is not trained; it
counts as tried in vain for all of that time.

Measured on one thread of an AMD EPYC, torch 2.13.0; Adam's seeds 4 and 5 (of all contestants), and what is without
limits, on an Intel Xeon, where the same trainings take one and a half times the seconds after all allowance for the
pace of the machine (`benchmarks.pace`): so limits are beside runs of the same day.
"""


def write_page(path: Path, found: Found, variants: Path) -> None:
    """Replace the page.

    Args:
        path: its file.
        found: what it is written from.
        variants: ``scaleup_variants.csv``, of which it tells what limits do.
    """
    targets = list(contests(found))
    parts = [
        HEAD,
        _summaries(targets),
        "\n## Every target\n\n",
        _details(targets),
        limits_table(variants),
        NOTES,
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(parts))


class Contest:
    """One case and one of its aims: the scores of all that compete.

    Attributes:
        case, aim: the target.
        best: the oracle's label. reference: its median time.
        fewest: parameters of the smallest size that reaches the aim with most seeds, and with any.
        scores: by contestant; "grid search", "halving" and "Optuna" among them.
    """

    def __init__(self, case: Case, aim: float, runs: Mapping[tuple[str, float], Mapping[int, Result]]) -> None:
        self.case, self.aim = case, aim
        harder = STOPPED * case.aims[-1]
        grid = {label: runs.get((label, harder), {}) for label in fixed_labels() if label != SMALL}
        seeds = sorted({seed for by_seed in grid.values() for seed in by_seed})
        self.best = oracle(grid, aim)
        self.reference = score(grid[self.best], aim).median if self.best else inf
        self.fewest = smallest(grid, aim, median), smallest(grid, aim, min)
        self.scores: dict[str, Score] = {}
        for label in POLICIES:
            if mine := runs.get((label, aim)):
                self.scores[label] = score(mine, aim)
        if small := runs.get((SMALL, harder)):
            self.scores[SMALL] = score(small, aim)
        if seeds:
            ladder = LADDER[case.layers - 1 :]
            times = [perfect_verdicts(grid, aim, seed, case.window, ladder) for seed in seeds]
            self.scores["perfect verdicts"] = Score(times)
            self.scores["grid search"] = Score([grid_search(grid, aim, seed) for seed in seeds])
            self.scores["halving"] = Score([successive_halving(grid, aim, seed) for seed in seeds])
            self.scores["Optuna"] = Score([optuna_search(grid, aim, seed) for seed in seeds])

    def regret(self, label: str) -> float:
        """A contestant's median time, divided by the oracle's; NaN where the grid never reaches the aim."""
        return self.scores[label].median / self.reference if self.reference < inf else float("nan")


def contests(found: Found) -> Iterator[Contest]:
    """All targets that there are results of."""
    for name, runs in found.items():
        for aim in CASES[name].aims:
            yield Contest(CASES[name], aim, runs)


def _summaries(targets: list[Contest]) -> str:
    """A table for every optimizer: what Adam needs has little to do with what Levenberg-Marquardt does."""
    optimizers = dict.fromkeys(target.case.optimizer for target in targets)
    tables = (_summary(name, [target for target in targets if target.case.optimizer == name]) for name in optimizers)
    return "\n".join(tables)


def _summary(optimizer: str, targets: list[Contest]) -> str:
    reachable = [target for target in targets if target.best]
    lines = [
        f"{optimizer}, over the {len(reachable)} targets that a size of the grid reaches with most seeds:\n",
        "| contestant | median regret | worst | targets missed | parameters, median | beside any seed's |",
        "|---|---|---|---|---|---|",
    ]
    for label in dict.fromkeys(label for target in reachable for label in target.scores):
        mine = [target for target in reachable if label in target.scores]
        regrets = [target.regret(label) for target in mine]
        missed = sum(regret == inf for regret in regrets) / len(mine)
        usual, any_seed = (_parameters(mine, label, which) for which in (0, 1))
        lines.append(
            f"| {label} | {_ratio(median(regrets))} | {_ratio(max(regrets))} | {missed:.0%} | {usual} | {any_seed} |"
        )
    return "\n".join(lines) + "\n"


def _parameters(targets: list[Contest], label: str, which: int) -> str:
    """Parameters at the end beside the fewest, the median over the targets; nothing where there is no network."""
    sizes = [
        median(target.scores[label].parameters) / fewest
        for target in targets
        if (fewest := target.fewest[which]) and target.scores[label].parameters
    ]
    return f"{median(sizes):.1f}" if sizes else ""


def _details(targets: list[Contest]) -> str:
    labels = list(dict.fromkeys(label for target in targets for label in target.scores))
    lines = [
        f"| problem | error | oracle | its time | {' | '.join(labels)} | seeds |",
        f"|---|---|---|---|{'---|' * len(labels)}---|",
    ]
    for target in targets:
        cells = [_cell(target, label) for label in labels]
        seeds = max((len(item.times) for item in target.scores.values()), default=0)
        time = f"{target.reference:.2g} s" if target.best else "–"
        lines.append(
            f"| {target.case.title} | {target.aim:g} | {target.best or 'none'} | {time} "
            f"| {' | '.join(cells)} | {seeds} |"
        )
    return "\n".join(lines) + "\n"


def _cell(target: Contest, label: str) -> str:
    """Regret with its spread over the seeds, or seconds where there is no oracle to divide by."""
    if label not in target.scores:
        return ""
    mine = target.scores[label]
    unit = target.reference if target.best else 1.0
    if len(mine.times) == 1 and not mine.missed:
        return _ratio(mine.times[0] / unit)
    return spread(mine, unit)


def _ratio(value: float) -> str:
    return f"{value:.2g}" if isfinite(value) else "–"
