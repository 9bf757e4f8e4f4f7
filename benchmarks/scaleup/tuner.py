"""What Optuna spends until it has found a size that meets the target, replayed from trainings that were made before.

Its defaults, as a user would take them for a search over W and D: the tree-structured Parzen estimator suggests a size
(Bergstra et al. 2011, NeurIPS), and asynchronous successive halving (Li et al. 2020, MLSys, arXiv 1810.05934) asks at
0.5, 1, 2, 4, … seconds whether a training is still among the better half of those that came so far. A size that is
suggested again is trained again, as Optuna would. The search is over with the first training that meets the target.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import inf

from benchmarks.records.results import Result
from benchmarks.scaleup.contest import FIRST_RUNG, Curves, loss_at, seconds_to

TRIALS = 100  # after which a search has failed


def optuna_search(grid: Curves, aim: float, seed: int, first: float = FIRST_RUNG) -> float:
    """CPU seconds until one training has met the aim; infinite if none has after so many trials.

    Raises:
        ImportError: Optuna is not installed: pip install "pinnrun[bench]".
    """
    runs = {label: by_seed[seed] for label, by_seed in grid.items() if seed in by_seed}
    if not any(seconds_to(run, aim) < inf for run in runs.values()):
        return inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _search(runs, aim, seed, first)


def _search(runs: Mapping[str, Result], aim: float, seed: int, first: float) -> float:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    widths, depths = (sorted({int(label.split(" x ")[i]) for label in runs}) for i in (0, 1))
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
    )
    total = 0.0
    for _ in range(TRIALS):
        trial = study.ask()
        width, depth = trial.suggest_categorical("width", widths), trial.suggest_categorical("depth", depths)
        seconds, met, pruned = _train(runs[f"{width} x {depth}"], aim, first, trial)
        total += seconds
        if met:
            return total
        run = runs[f"{width} x {depth}"]
        if pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, min(loss_at(run, seconds), 1e300))
    return inf


def _train(run: Result, aim: float, first: float, trial) -> tuple[float, bool, bool]:
    """Seconds that a training takes before it meets the aim or is pruned; whether it did, and whether it was."""
    end, until = run.looks[-1].seconds, first
    while True:
        if seconds_to(run, aim) <= min(until, end):
            return seconds_to(run, aim), True, False
        if until >= end:
            return end, False, False
        trial.report(min(loss_at(run, until), 1e300), round(until / first))
        if trial.should_prune():
            return until, False, True
        until *= 2.0
