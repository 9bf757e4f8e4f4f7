"""Learn what the package ships of other trainings, from the group "fit" alone: pinnrun/koopman/prior.json.

Two things are learned, each by leaving one problem out at a time to judge it, then from all of them to ship it:

    the pooled trend    intercept and weights of two slopes by least absolute deviations (a linear program), for every
                        bound of the slopes and every damping of a grid, of which the best left-out error decides; once
                        for Gauss-Newton methods and once for all others
    residual laws       10, 50 and 90 % quantiles of (truth - forecast) / u of every forecaster, by regime and family of
                        optimizer, each drawn towards those of the regime and these towards those of all; widened about
                        their median until bands of 80 % hold 80 % of the problems left out

Forecasts are made of the loss and of the merit, from steps spaced by sqrt(2), to 1.5 to 10 times as many. Every
trajectory counts the same at every horizon, however many windows it gives.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from benchmarks.forecast.cases import FAMILIES
from benchmarks.forecast.trajectories import Array, Trajectory
from benchmarks.forecast.views import history
from pinnrun.koopman import FORECASTERS, Regime
from pinnrun.koopman.clock import Clock
from pinnrun.koopman.curve import SMALLEST, TAIL, LossCurve
from pinnrun.koopman.damped_trend import damped_time
from pinnrun.koopman.observable import observe
from pinnrun.koopman.pooled_trend import slopes
from pinnrun.koopman.prior import ANY, FILE, Pooled
from pinnrun.koopman.reach import ResidualLaw
from pinnrun.koopman.regime import classify
from pinnrun.koopman.stage import make_clock
from pinnrun.koopman.trend import Trend
from pinnrun.registry import GAUSS_NEWTON, family_of
from pinnrun.storage.atomic import write_text

FACTORS = (1.5, 2.0, 3.0, 5.0, 10.0)  # horizons in multiples of n
SHOWN = (2.0, 5.0, 10.0)  # those of the tables
EARLIEST = 0.5  # of the family's first window: the first n
SPACING = 2.0**0.5
OBSERVABLES = ("loss", "merit")
STEEPEST = (0.5, 0.6, 0.8, 1.0, 1.5, 2.5)
DAMPING = (0.0, 0.2)
MOST = 3.0  # times itself that a slope may count; it never counts against itself
UNBOUNDED = 100.0
PARENT = 3.0  # trajectories that the quantiles of the parent are worth
LEVELS = (0.1, 0.5, 0.9)

Fit = Callable[[LossCurve], Trend]
Laws = Mapping[str, Mapping[str, Sequence[float]]]  # family or "any", regime, quantiles


@dataclass(frozen=True, eq=False)
class Origin:
    """A place to forecast from, and what came.

    Attributes:
        trajectory: its name. problem, family: of it; the family is that of the optimizer.
        observable: what is forecast. now: n.
        curve: what is known at n, by the clock.
        regime: of the curve.
        factors, times, truths: (k,) horizons over n, what the clock shows there, and y there.
    """

    trajectory: str
    problem: str
    family: str
    observable: str
    now: int
    curve: LossCurve
    regime: Regime
    factors: Array
    times: Array
    truths: Array

    @property
    def u(self) -> Array:
        """Ln of the clock's ratio, (k,)."""
        return np.log(self.times / self.curve.now)


def origins(trajectories: Iterable[Trajectory], clock: str = "auto") -> list[Origin]:
    """Every place to forecast from, in every trajectory, by every observable."""
    found = []
    for trajectory in trajectories:
        for name in OBSERVABLES:
            found += _origins(trajectory, name, clock)
    return found


def _origins(trajectory: Trajectory, name: str, choice: str) -> Iterator[Origin]:
    family, length = FAMILIES[trajectory.family], len(trajectory)
    whole = observe(trajectory.step, trajectory.loss, trajectory.merit, name).values
    y = np.log10(np.maximum(whole, SMALLEST))
    start = EARLIEST * family.windows[0]
    count = int(np.log(length / start) / np.log(SPACING)) + 1
    for now in (round(start * SPACING**k) for k in range(count)):
        factors = np.array([factor for factor in FACTORS if factor * now <= length])
        seen = history(trajectory, now)
        assert seen.merit is not None
        if not len(factors) or (name == "merit" and not np.isfinite(seen.merit).any()):
            continue
        clock = make_clock(seen, choice, length)
        curve = LossCurve.from_history(clock.at(seen.steps), observe(seen.steps, seen.loss, seen.merit, name).values)
        truths, times = zip(*(_truth(y, clock, round(factor * now)) for factor in factors), strict=True)
        yield Origin(
            trajectory.name, trajectory.problem, family_of(family.optimizer), name, now, curve, classify(curve),
            factors, np.array(times), np.array(truths),
        )  # fmt: skip


def _truth(y: Array, clock: Clock, at: int) -> tuple[float, float]:
    """The median of y over the last 3 % of the first ``at`` steps, and the time in the middle of them."""
    first = int(np.ceil(TAIL * at))
    return float(np.median(y[first - 1 : at])), float(clock.at(0.5 * (first + at)))


def weights(found: Sequence[Origin]) -> Array:
    """One for every forecast, (n,), such that each trajectory has the same sum at every horizon."""
    keys = [(origin.trajectory, origin.observable, factor) for origin in found for factor in origin.factors]
    counts = Counter(keys)
    return np.array([1.0 / counts[key] for key in keys])


# -- the pooled trend ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Sample:
    """All forecasts as vectors (n,): what the pooled trend sees, what came, how much it counts, whose it is."""

    level: Array
    late: Array
    before: Array
    u: Array
    truth: Array
    weight: Array
    problem: Array

    def only(self, kept: Array) -> Sample:
        """Those that are kept."""
        return Sample(*(value[kept] for value in vars(self).values()))

    def features(self, steepest: float) -> Array:
        """1 and the two slopes as they count, (n, 3)."""
        both = np.clip([self.late, self.before], -steepest, 0.0)
        return np.column_stack([np.ones(len(self.u)), *both])

    def missed(self, known: Pooled) -> Array:
        """Forecast minus truth by the pooled trend with these constants."""
        trend = np.minimum(self.features(known.steepest) @ np.array(known[:3]), 0.0)
        return self.level + trend * damped_time(self.u, np.asarray(known.damping)) - self.truth


def sample(found: Sequence[Origin]) -> Sample:
    """The forecasts of all origins."""
    seen = np.repeat([slopes(origin.curve) for origin in found], [len(o.factors) for o in found], axis=0)
    problem = np.repeat([origin.problem for origin in found], [len(o.factors) for o in found])
    u, truths = _flat(found, "u"), _flat(found, "truths")
    return Sample(seen[:, 0], seen[:, 1], seen[:, 2], u, truths, weights(found), problem)


def groups(found: Sequence[Origin]) -> Mapping[str, Array]:
    """Which forecasts have constants of their own: (n,) masks by family, that of all others under ANY."""
    families = np.repeat([origin.family for origin in found], [len(origin.factors) for origin in found])
    apart = families == GAUSS_NEWTON
    return {name: mask for name, mask in ((ANY, ~apart), (GAUSS_NEWTON, apart)) if mask.any()}


def fit_constants(seen: Sample, steepest: float, damping: float, used: Sequence[int] = (0, 1, 2)) -> Pooled:
    """Least absolute deviations of y - level from (1, s_late, s_before), those that are used, times the damped time."""
    time = damped_time(seen.u, np.asarray(damping))[:, None]
    solved = np.zeros(3)
    columns = time * seen.features(steepest)[:, list(used)]
    bounds = [((None, None), (0.0, MOST), (0.0, MOST))[column] for column in used]
    solved[list(used)] = least_absolute(columns, seen.truth - seen.level, seen.weight, bounds)
    intercept, late, before = (round(float(value), 4) for value in solved)
    return Pooled(intercept, late, before, steepest, damping)


def least_absolute(a: Array, b: Array, weight: Array, bounds: Sequence[tuple[float | None, float | None]]) -> Array:
    """The x within its bounds that minimises sum_i weight_i |a_i x - b_i|, by linear programming."""
    count, size = a.shape
    system = sparse.hstack([sparse.csr_matrix(a), sparse.eye(count), -sparse.eye(count)]).tocsr()
    price = np.concatenate([np.zeros(size), weight, weight])
    solved = linprog(price, A_eq=system, b_eq=b, bounds=[*bounds, *[(0.0, None)] * (2 * count)], method="highs")
    return solved.x[:size]


def left_out(seen: Sample, steepest: float, damping: float, used: Sequence[int] = (0, 1, 2)) -> Array:
    """Errors where each problem is forecast with the constants of the others."""
    missed = np.zeros(len(seen.u))
    for problem in np.unique(seen.problem):
        out = seen.problem == problem
        missed[out] = seen.only(out).missed(fit_constants(seen.only(~out), steepest, damping, used))
    return missed


def choose_constants(seen: Sample, tell: Callable[[str], None]) -> Pooled:
    """Of the grid the bound and the damping whose left-out errors per u are least, refitted on everything."""
    scores = {bounds: score(seen, left_out(seen, *bounds)) for bounds in product(STEEPEST, DAMPING)}
    for (steepest, damping), value in scores.items():
        tell(f"  bound {steepest:g}, damping {damping:g}: {value:.3f} decades per u")
    best = min(scores, key=lambda bounds: scores[bounds])
    for words, used in {"intercept alone": (0,), "without s_before": (0, 1), "without s_late": (0, 2)}.items():
        tell(f"  {words}: {score(seen, left_out(seen, *best, used)):.3f}")
    tell(f"  slopes without a bound: {score(seen, left_out(seen, UNBOUNDED, best[1])):.3f}")
    return fit_constants(seen, *best)


def score(seen: Sample, missed: Array) -> float:
    """Mean absolute error per u, every trajectory with the same weight at every horizon."""
    return float(np.average(np.abs(missed) / seen.u, weights=seen.weight))


# -- residual laws -------------------------------------------------------------------------------------------


def missed_by(found: Sequence[Origin], fit: Fit) -> Array:
    """Forecast minus truth of every forecast, (n,)."""
    return np.concatenate([fit(origin.curve).predict(origin.times) - origin.truths for origin in found])


def _flat(found: Sequence[Origin], name: str) -> Array:
    return np.concatenate([getattr(origin, name) for origin in found])


def residual_laws(found: Sequence[Origin], residuals: Array, inflation: float = 1.0) -> Laws:
    """Quantiles by family and regime; cells with few trajectories are mostly their parents'."""
    weight = weights(found)
    sizes = [len(origin.factors) for origin in found]
    regimes = np.repeat([origin.regime.value for origin in found], sizes)
    families = np.repeat([origin.family for origin in found], sizes)
    names = np.repeat([origin.trajectory for origin in found], sizes)

    def drawn(inside: Array, parent: Array) -> Array:
        if not inside.any():
            return parent
        own = weighted_quantiles(residuals[inside], weight[inside], LEVELS)
        share = len(set(names[inside]))
        return (share * own + PARENT * parent) / (share + PARENT)

    everything = weighted_quantiles(residuals, weight, LEVELS)
    laws: dict[str, dict[str, Sequence[float]]] = {}
    for regime in Regime:
        of_regime = drawn(regimes == regime.value, everything)
        laws.setdefault(ANY, {})[regime.value] = _widened(of_regime, inflation)
        for family in dict.fromkeys(families.tolist()):
            cell = drawn((regimes == regime.value) & (families == family), of_regime)
            laws.setdefault(family, {})[regime.value] = _widened(cell, inflation)
    return laws


def _widened(quantiles: Array, inflation: float) -> list[float]:
    middle = quantiles[1]
    return [round(float(middle + inflation * (value - middle)), 4) for value in quantiles]


def weighted_quantiles(values: Array, weight: Array, levels: Sequence[float]) -> Array:
    """Quantiles of a weighted sample, (len(levels),)."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weight[order]) - 0.5 * weight[order]
    return np.interp(np.array(levels) * weight.sum(), passed, values[order])


def law_of(laws: Laws, origin: Origin) -> ResidualLaw:
    """The law of an origin's regime and family."""
    return ResidualLaw(*laws.get(origin.family, laws[ANY])[origin.regime.value])


def coverage(found: Sequence[Origin], residuals: Array, inflation: float) -> float:
    """Share of the residuals that bands of 80 % hold, each by laws of the other problems."""
    problems = np.repeat([origin.problem for origin in found], [len(origin.factors) for origin in found])
    held = np.zeros(len(residuals), dtype=bool)
    for problem in set(problems.tolist()):
        kept = [origin for origin in found if origin.problem != problem]
        laws = residual_laws(kept, residuals[problems != problem], inflation)
        inside = []
        for origin in found:
            if origin.problem == problem:
                law = law_of(laws, origin)
                inside += [(law.low, law.high)] * len(origin.factors)
        low, high = np.array(inside).T
        at = problems == problem
        held[at] = (residuals[at] >= low) & (residuals[at] <= high)
    return float(np.average(held, weights=weights(found)))


def choose_inflation(found: Sequence[Origin], residuals: Array) -> float:
    """The least widening with which the bands of problems left out hold 80 %."""
    low, high = 0.5, 2.5
    for _ in range(9):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if coverage(found, residuals, middle) >= 0.8 else (middle, high)
    return round(high, 2)


# -- the file ------------------------------------------------------------------------------------------------


def calibrate(trajectories: Sequence[Trajectory], tell: Callable[[str], None] = print) -> dict[str, Any]:
    """What prior.json holds."""
    fitted = [trajectory for trajectory in trajectories if trajectory.group == "fit"]
    found = origins(fitted)
    tell(f"{len(fitted)} trajectories, {len(weights(found))} forecasts")
    seen = sample(found)
    constants, pooled = {}, np.zeros(len(seen.u))
    for family, own in groups(found).items():
        tell(f"pooled trend, {family}:")
        constants[family] = choose_constants(seen.only(own), tell)
        tell(f"  {constants[family]}")
        pooled[own] = left_out(seen.only(own), *constants[family][3:])
    residuals, widened = {}, {}
    for name in (name for name in FORECASTERS if name != "weights"):
        missed = pooled if name == "pooled_trend" else missed_by(found, FORECASTERS[name])
        widened[name] = choose_inflation(found, -missed / seen.u)
        residuals[name] = residual_laws(found, -missed / seen.u, widened[name])
        tell(f"{name}: {score(seen, missed):.3f} decades per u; {table_line(found, missed)}")
        tell(f"  bands widened by {widened[name]:.2f}")
    return {
        "command": "python -m benchmarks.forecast calibrate",
        "trajectories": len(fitted),
        "forecasts": len(weights(found)),
        "pooled": {family: known._asdict() for family, known in constants.items()},
        "inflation": widened,
        "residuals": residuals,
    }


def table_line(found: Sequence[Origin], missed: Array) -> str:
    """Median and 90 % quantile of the absolute errors at the horizons that are shown."""
    factors, weight = _flat(found, "factors"), weights(found)
    parts = []
    for factor in SHOWN:
        at = factors == factor
        if at.any():
            middle, worst = weighted_quantiles(np.abs(missed[at]), weight[at], (0.5, 0.9))
            parts.append(f"{factor:g}x {middle:.2f} ({worst:.2f})")
    return ", ".join(parts)


def write(prior: Mapping[str, Any], path: Path = FILE) -> None:
    """Replace the file that the package ships."""
    write_text(path, json.dumps(prior, indent=1) + "\n")
