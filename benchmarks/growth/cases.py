"""The cases: a problem, the sizes that its network goes through, and the time it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from benchmarks.settings import on_random_points, settings_of
from pinnrun.build import checked_config
from pinnrun.composition.confdir import compose
from pinnrun.config import Config
from pinnrun.koopman import Forecast
from pinnrun.scaleup import Action, Decision, Policy, StageView
from pinnrun.settings import setting

Sizes = tuple[tuple[int, int], ...]
SCRATCH = "scratch"
RULES = ("reinit", "zero_out", "net2net", "shrink_perturb", "residual", "greedy")
CONTESTANTS = (*RULES, SCRATCH)

WIDER: Sizes = ((4, 1), (8, 1), (16, 1), (32, 1))
WIDER_DEEP: Sizes = ((4, 2), (8, 2), (16, 2))
DEEPER: Sizes = ((8, 1), (8, 2), (8, 3))
PROBLEMS = {
    "poisson": ("Poisson, two sines", "problem=poisson", 3.0, 1e-4),
    "npbe": ("Poisson-Boltzmann", "problem=npbe", 4.5, 3e-3),
    "allen_cahn": ("Allen-Cahn", "problem=allen_cahn", 3.0, 1e-2),
    "helmholtz": ("Helmholtz", "problem=helmholtz", 3.0, 2e-2),
}
"""By name: title, how it is chosen, CPU seconds, the error aimed at."""


@dataclass(frozen=True)
class Case:
    """A problem and a schedule.

    Attributes:
        name: as on the command line.
        title: as in the table.
        words: the command line, without size and seed.
        sizes: the (W, D) that the network goes through.
        steps: of every stage but the last, which goes on until the time is spent.
        seconds: CPU seconds of a run, the choice of new neurons included.
        aim: the relative error whose time is reported.
    """

    name: str
    title: str
    words: tuple[str, ...]
    sizes: Sizes
    steps: int
    seconds: float
    aim: float

    @property
    def deepens(self) -> bool:
        """Whether the schedule adds layers rather than neurons."""
        return self.sizes[-1][1] > self.sizes[0][1]

    @property
    def path(self) -> str:
        """The sizes in words."""
        return " → ".join(f"{width}x{depth}" for width, depth in self.sizes)


def _cases() -> list[Case]:
    found = []
    for kind, sizes, names in (
        ("wider", WIDER, tuple(PROBLEMS)),
        ("deeper", DEEPER, tuple(PROBLEMS)),
        ("wider_deep", WIDER_DEEP, ("npbe", "helmholtz")),
    ):
        for name in names:
            title, word, seconds, aim = PROBLEMS[name]
            found.append(Case(f"{name}_{kind}", title, (word, "optimizer=lm"), sizes, 40, seconds, aim))
    for name in ("poisson", "npbe"):
        title, word, _, aim = PROBLEMS[name]
        adam = (word, "optimizer=adam", "optimizer.pace.check=1000000")
        found.append(Case(f"{name}_adam", f"{title}, Adam", adam, WIDER, 400, 5.0, 10.0 * aim))
    return found


CASES = {case.name: case for case in _cases()}


@dataclass(frozen=True)
class Scheduled(Policy):
    """Grow from size to size, a window each; stay at the last."""

    sizes: Sizes = setting(((1, 1),), help="(W, D), one after the other")

    def decide(self, view: StageView, forecast: Forecast | None) -> Decision:
        """The next size, whatever the loss says."""
        here = self.sizes.index((view.width, view.depth))
        if here + 1 == len(self.sizes):
            action = Action.STOP if view.stalled else Action.CONTINUE
        else:
            action = Action.WIDEN if self.sizes[here + 1][0] > view.width else Action.DEEPEN
        return Decision(action, "as scheduled", view.window)

    def wider(self, width: int) -> int:
        """The next width."""
        return next(larger for larger, _ in self.sizes if larger > width)


@dataclass(frozen=True)
class Job:
    """One training: a case, how its new neurons start, and a seed."""

    case: Case
    contestant: str
    seed: int
    scale: float = 1.0

    @property
    def sizes(self) -> Sizes:
        """The sizes it goes through: the last alone where it starts from scratch."""
        return self.case.sizes[-1:] if self.contestant == SCRATCH else self.case.sizes

    def composed(self) -> Any:
        """The config as composed; the policy is put into it by ``config``."""
        width, depth = self.sizes[0]
        return compose(
            "train",
            [
                *on_random_points(self.case.words),
                f"architecture.width={width}",
                f"architecture.depth={depth}",
                f"optimizer.pace.window={self.case.steps}",
                "optimizer.pace.snapshot=1000000",
                "scaleup=fixed",
                "target.loss=1e-30",
                f"budget.seconds={self.case.seconds * self.scale:g}",
                "threads=1",
                "display=quiet",
                f"seed={self.seed}",
            ],
        )

    def config(self) -> Config:
        """The checked config, with the schedule for its policy."""
        rule: Any = "reinit" if self.contestant == SCRATCH else self.contestant
        policy = Scheduled("scheduled", init=rule, deepen_init=rule, prune=0.0, sizes=self.sizes)
        return replace(checked_config(self.composed()), scaleup=policy)

    def key(self) -> tuple[str, str, str, int]:
        """What tells this run from all others: names, a hash of everything else, the seed."""
        return self.case.name, self.contestant, _settings(self.case, self.sizes, self.scale), self.seed


@cache
def _settings(case: Case, sizes: Sizes, scale: float) -> str:
    """A short hash of the whole config but its seed, with the schedule in the place of its policy."""
    composed: Any = Job(case, SCRATCH if sizes == case.sizes[-1:] else RULES[0], 0, scale).composed()
    schedule: Any = {"sizes": [list(size) for size in sizes]}
    composed = OmegaConf.masked_copy(composed, [*composed.keys() - {"scaleup"}])
    merged: Any = OmegaConf.merge(composed, schedule)
    return settings_of(merged)


def jobs(cases: Sequence[Case], contestants: Sequence[str], seeds: Sequence[int], scale: float) -> list[Job]:
    """All of a seed before the next."""
    return [
        Job(case, contestant, seed, scale)
        for seed in seeds
        for case in cases
        for contestant in CONTESTANTS
        if contestant in contestants
    ]
