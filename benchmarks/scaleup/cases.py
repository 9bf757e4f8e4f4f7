"""The cases: a problem, an optimizer, two accuracies; and who competes for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks.settings import settings_of
from pinnrun.architectures import GROWTH_RULES
from pinnrun.build import checked_config
from pinnrun.composition.confdir import compose
from pinnrun.scaleup import Policy
from pinnrun.theory import parameters_of

WIDTHS, DEPTHS = (4, 8, 16, 32, 64), (1, 2, 3)
GRID = tuple((width, depth) for depth in DEPTHS for width in WIDTHS)
SMALL = "small, kept"
POLICIES = {
    "koopman": ("scaleup=koopman",),
    "koopman, not pruned": ("scaleup=koopman", "scaleup.prune=0"),
    "koopman, smallest first": ("scaleup=koopman", "scaleup.start=theory"),
    "koopman, cost": ("scaleup=koopman_cost",),
    "width first": ("scaleup=width_first",),
    "koopman, residual": ("scaleup=koopman", "scaleup.init=residual", "scaleup.deepen_init=residual"),
    "plateau": ("scaleup=plateau",),
}
UNLIMITED, LIMITS = "koopman, no limits", (Policy.max_width, Policy.max_depth)
VARIANTS = {
    "koopman": POLICIES["koopman"],
    UNLIMITED: ("scaleup=koopman", f"scaleup.max_width={LIMITS[0]}", f"scaleup.max_depth={LIMITS[1]}"),
    **{
        f"koopman, {rule}": ("scaleup=koopman", f"scaleup.init={rule}", f"scaleup.deepen_init={rule}")
        for rule in GROWTH_RULES
        if rule != "reinit"
    },
}
"""Of the default policy, in a file of their own: trained in one go, since their times are close to each other."""

GROWING = {**POLICIES, **VARIANTS}
FREE_START = ("architecture.width=null", "architecture.depth=null")  # also where the problem has a size to start with
ROWS = 3  # of residuals, at least, for every parameter
PRODUCTS = 2e10  # that one core makes and sums in a second
STOPPED = 0.9  # a fixed size is trained on until its error is this part of the harder target


@dataclass(frozen=True)
class Case:
    """A problem with an optimizer.

    Attributes:
        name: as on the command line.
        title: as in the table.
        words: the command line, without size, policy, target and seed.
        aims: relative errors, the easier first.
        seconds: CPU seconds that a run may take.
    """

    name: str
    title: str
    words: tuple[str, ...]
    aims: tuple[float, float]
    seconds: float

    def takes_too_long(self, width: int, depth: int) -> bool:
        """Whether one step of Gauss-Newton, N P² products for the N >= 3 P residuals, takes all of the time."""
        if any(word.startswith("optimizer=") for word in self.words):
            return False
        inputs = len(_config(self.words).problem.coordinates)
        return ROWS * parameters_of(width, inputs, depth) ** 3 > PRODUCTS * self.seconds

    @property
    def optimizer(self) -> str:
        """As in the table."""
        return "Adam" if "optimizer=adam" in self.words else "Levenberg-Marquardt"

    @property
    def layers(self) -> int:
        """Of a free start."""
        return int(_config(self.words).problem.layers)

    @property
    def is_limited(self) -> bool:
        """Whether its problem file says how wide and deep a network may become."""
        limits = _config(self.words).scaleup
        return (limits.max_width, limits.max_depth) != LIMITS

    @property
    def window(self) -> int:
        """Steps that a policy sees before it decides."""
        return int(_config(self.words).optimizer.pace.window)


@cache
def _config(words: Sequence[str]) -> Any:
    return checked_config(compose("train", list(words)))


def _lm(name: str, title: str, problem: str, aims: tuple[float, float], seconds: float = 10.0) -> Case:
    return Case(name, title, (f"problem={problem}", "sampling=sobol"), aims, seconds)


def _adam(name: str, title: str, problem: str, aims: tuple[float, float], seconds: float = 30.0) -> Case:
    words = (f"problem={problem}", "optimizer=adam", "optimizer.learning_rate=3e-3")
    return Case(f"{name}_adam", f"{title}, Adam", words, aims, seconds)


CASES = {
    case.name: case
    for case in (
        _lm("poisson2d", "Poisson 2-D", "poisson", (1e-3, 1e-5)),
        _lm("poisson5d", "Poisson 5-D", "poisson_cos5d", (1e-2, 1e-4), 20),
        _lm("npbe", "Poisson-Boltzmann, four charges", "npbe", (2e-2, 5e-3)),
        _lm("born", "Poisson-Boltzmann, one ion", "npbe_born", (1e-3, 1e-5)),
        _lm("heat", "heat 1+1-D", "heat1d", (1e-3, 1e-5)),
        _lm("burgers", "Burgers", "burgers", (1e-1, 1e-3), 30),
        _lm("helmholtz", "Helmholtz", "helmholtz", (1e-2, 1e-4), 20),
        _lm("allen_cahn", "Allen-Cahn", "allen_cahn", (1e-2, 1e-3), 30),
        _lm("exponential", "Poisson with e^u", "poisson_exponential", (1e-3, 1e-5)),
        _lm("wave", "wave", "wave", (1e-2, 1e-4), 20),
        _adam("poisson2d", "Poisson 2-D", "poisson", (1e-1, 2e-2)),
        _adam("born", "Poisson-Boltzmann, one ion", "npbe_born", (1e-1, 2e-2)),
        _adam("heat", "heat 1+1-D", "heat1d", (1e-1, 2e-2)),
    )
}


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        case: what is solved.
        label: "W x D" of a fixed size, SMALL, or a policy.
        aim: the error asked for; a fixed size is asked for the harder one alone, and passes the easier on its way.
        seed: of the run.
    """

    case: Case
    label: str
    aim: float
    seed: int

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and depth of a size of the grid."""
        if self.label in GROWING or self.label == SMALL:
            return None
        width, depth = self.label.split(" x ")
        return int(width), int(depth)

    def words(self) -> Sequence[str]:
        """The command line but for the seed."""
        words = [*self.case.words, f"target.error={self.aim:g}", f"budget.seconds={self.case.seconds:g}"]
        words += ["threads=1", "device=cpu", "display=quiet"]
        if self.label in GROWING:
            return [*words, *GROWING[self.label], *FREE_START]
        words.append("scaleup=fixed")
        if self.size is None:
            return [*words, "scaleup.start=theory", *FREE_START]
        width, depth = self.size
        return [*words, f"architecture.width={width}", f"architecture.depth={depth}"]

    def config(self) -> Any:
        """The composed config."""
        return compose("train", [*self.words(), f"seed={self.seed}"])

    def settings(self) -> str:
        """A short name of the whole config but its seed."""
        return _settings(self.case, self.label, self.aim)

    def key(self) -> tuple[str, str, str, int]:
        """What tells this run from all others; the aim is part of a policy's settings."""
        return self.case.name, f"{self.label} to {self.aim:g}", self.settings(), self.seed


@cache
def _settings(case: Case, label: str, aim: float) -> str:
    return settings_of(Job(case, label, aim, 0).config())


def fixed_labels() -> list[str]:
    """The sizes of the grid, and the smallest network, which is only given more time."""
    return [*(f"{width} x {depth}" for width, depth in GRID), SMALL]


def jobs_of(case: Case, seed: int) -> list[Job]:
    """All trainings of a case: fixed sizes once, policies for each aim."""
    fixed = [Job(case, label, STOPPED * case.aims[-1], seed) for label in fixed_labels()]
    return [*fixed, *(Job(case, label, aim, seed) for label in POLICIES for aim in case.aims)]


def variants_of(case: Case, seed: int) -> list[Job]:
    """The default policy and its variants, without Adam; limits are lifted where the problem file sets some."""
    labels = [label for label in VARIANTS if label != UNLIMITED or case.is_limited]
    return [Job(case, label, aim, seed) for label in labels for aim in case.aims if case.optimizer != "Adam"]


def seeds_of(known: Iterable[tuple[str, str, str, int]]) -> list[int]:
    """All seeds that there are results of, by the keys of those."""
    return sorted({key[3] for key in known})
