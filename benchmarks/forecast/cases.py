"""The trainings that forecasts are held against: two groups of problems that share none, each with every family.

What a forecaster learns (its prior, its constants) it learns on the group "fit"; "held" is what it is judged on. Both
hold networks from the smallest possible one, which floor, to some 10⁴ parameters, and both plateaus and steep descents.
Levenberg-Marquardt, the default optimizer, is trained on every problem with five more sizes, since its curves differ
most from problem to problem: those on the problems of "held" are the group "further", judged on apart so that "held"
stays an even mixture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from benchmarks.settings import on_points

Group = Literal["fit", "held", "further"]
GROUPS: Sequence[Group] = get_args(Group)


@dataclass(frozen=True)
class Family:
    """One kind of training.

    Attributes:
        title: as in the tables.
        words: the command line that makes it.
        steps: of a whole trajectory.
        windows: step counts n that forecasts are made from.
        hold: consecutive steps at or below a target that count as having reached it.
        first, minimum: the optimizer's pace as in conf/optimizer: steps of a window, and those before which the verdict
            never gives a network up.
    """

    title: str
    words: Sequence[str]
    steps: int
    windows: Sequence[int]
    hold: int
    first: int
    minimum: int

    @property
    def optimizer(self) -> str:
        """The optimizer's type."""
        return self.words[0].removeprefix("optimizer=")


ADAM = ("optimizer=adam", "optimizer.pace.window=200", "optimizer.pace.snapshot=10")
LONG = {"steps": 10_000, "windows": (1000, 2000, 4000), "hold": 100, "first": 1000, "minimum": 2000}
QUASI = {"steps": 1000, "windows": (100, 200, 400), "hold": 10, "first": 100, "minimum": 200}
FAMILIES: Mapping[str, Family] = {
    "adam": Family("Adam", ADAM, **LONG),
    "resample": Family("Adam, fresh points", (*ADAM, "sampling=resample"), **LONG),
    "cosine": Family(
        "Adam, cosine", (*ADAM, "optimizer.schedule=cosine", f"optimizer.decay_steps={LONG['steps']}"), **LONG
    ),
    "lbfgs": Family("L-BFGS", ("optimizer=lbfgs", "optimizer.pace.window=50"), **QUASI),
    "ssbroyden": Family("SSBroyden", ("optimizer=ssbroyden", "optimizer.pace.window=50"), **QUASI),
    "lm": Family("Levenberg-Marquardt", ("optimizer=lm", "optimizer.pace.window=10"), 300, (30, 60, 120), 3, 20, 80),
}
"""Every family: Adam on fixed points, on fresh ones at every step, with a schedule; and methods with curvature."""

POINTS: Mapping[str, Sequence[str]] = {
    "line": ("problem=poisson", "problem.dimension=1", "problem.boundary=hard", "problem.points=128"),
    "sine2d": ("problem=poisson_sine2d", "problem.points=192"),
    "exponential": ("problem=poisson_exponential", "problem.points=192"),
    "oscillator": ("problem=oscillator", "problem.points=128"),
    "burgers": ("problem=burgers", "problem.points=192"),
    "lorenz": ("problem=lorenz", "problem.points=128"),
    "born": ("problem=npbe_born", "problem.points=200"),
    "helmholtz": ("problem=helmholtz", "problem.points=256"),
    "lotka": ("problem=lotka_volterra", "problem.points=128"),
    "heat": ("problem=heat1d", "problem.points=192", "problem.condition_points=64"),
    "black_scholes": ("problem=black_scholes", "problem.points=192", "problem.boundary_points=48"),
    "cos5d": ("problem=poisson_cos5d", "problem.points=192", "problem.boundary_points=96"),
    "wave": ("problem=wave", "problem.points=192", "problem.condition_points=48"),
    "kdv": ("problem=kdv", "problem.points=192", "problem.condition_points=48"),
    "kovasznay": ("problem=kovasznay", "problem.points=96", "problem.boundary_points=40"),
    "square": ("problem=poisson", "problem.points=192", "problem.boundary_points=48"),
    "harmonic10d": ("problem=poisson_harmonic10d", "problem.points=256", "problem.boundary_points=96"),
    "ginzburg": ("problem=ginzburg_landau", "problem.points=128"),
    "plate": ("problem=plate", "problem.points=192"),
    "lshape": ("problem=poisson_lshape", "problem.points=256", "problem.boundary_points=64"),
    "advection": ("problem=advection", "problem.points=192", "problem.condition_points=48"),
    "allen_cahn": ("problem=allen_cahn", "problem.points=192"),
}
"""The problems by a short name, with few points: as many as the network needs, where it needs more."""

HELD = ("born", "helmholtz", "lotka", "heat", "black_scholes", "cos5d")
"""Those that forecasts are judged on; on the others constants may be chosen."""

FURTHER = "-more"
"""What the names of trainings beside the plan end with."""

HUGE = 64  # width from which a network gets no more points than there are: three for each of its parameters are dear
FEW = "sampling.rows_per_parameter=0"

COMMON = (
    "scaleup=fixed",
    "target.loss=1e-300",
    "budget.seconds=null",
    "threads=1",
    "device=cpu",
    "display=quiet",
    "storage.dtype=float32",
)


@dataclass(frozen=True)
class Case:
    """One trajectory: a problem, a network, a family of trainings, a learning rate, a seed; of the plan, or of MORE.

    Its points are random ones, drawn once, as all that forecasts were fitted to; or Sobol points.
    """

    group: Group
    problem: str
    width: int
    depth: int
    family: str
    rate: float | None
    seed: int
    steps: int
    more: bool = False
    sobol: bool = False

    @property
    def name(self) -> str:
        """What tells it from all others; the name of its run folder."""
        return f"{self.problem}-{self.family}-{self.width}x{self.depth}{FURTHER if self.more else ''}"

    def words(self, steps: int) -> list[str]:
        """The command line of ``pinnrun train`` that trains it for so many steps."""
        points = "sobol" if self.sobol else "fixed"
        words = on_points(points, [*POINTS[self.problem], *FAMILIES[self.family].words, *COMMON])
        if self.width >= HUGE:
            words.append(FEW)
        words += [f"architecture.width={self.width}", f"architecture.depth={self.depth}"]
        words += [f"seed={self.seed}", f"budget.steps={steps}"]
        return words if self.rate is None else [*words, f"optimizer.learning_rate={self.rate:g}"]


# problem, W x D, learning rate, seed; a number of steps where it is not the family's
PLAN: Mapping[str, Sequence[str]] = {
    "adam": [
        "exponential 16x2 1e-3 1", "lotka 12x2 1e-3 1", "line 2x1 1e-3 2", "burgers 12x2 1e-3 2", "heat 16x2 2e-3 3",
        "lorenz 2x1 1e-3 3", "sine2d 3x1 1e-3 4", "helmholtz 16x2 1e-3 4", "oscillator 16x2 1e-3 5",
        "born 4x1 1e-3 5 5000", "sine2d 32x2 1e-3 6", "cos5d 16x2 1e-3 6", "black_scholes 8x1 2e-3 7",
        "lotka 2x1 3e-3 7", "line 8x1 1e-3 8", "lorenz 16x2 1e-3 8", "exponential 3x1 3e-3 9", "burgers 3x1 1e-3 9",
        "heat 3x1 1e-3 10", "helmholtz 8x1 2e-3 10", "line 16x2 1e-3 11", "lorenz 32x2 5e-4 11",
        "oscillator 4x1 3e-3 12", "born 12x2 1e-3 12 5000", "sine2d 8x1 1e-3 13", "burgers 20x2 2e-3 13",
        "black_scholes 16x2 5e-4 14", "lotka 8x1 2e-3 14", "exponential 12x3 1e-3 15", "cos5d 6x1 1e-3 15",
        "exponential 70x3 5e-4 16 3000", "helmholtz 70x3 5e-4 16 3000",
    ],
    "resample": [
        "sine2d 16x2 1e-3 1", "burgers 16x2 1e-3 1", "line 2x1 2e-3 2", "lorenz 8x1 2e-3 2",
        "exponential 12x2 1e-3 3", "helmholtz 32x2 1e-3 3", "black_scholes 16x2 1e-3 4", "lotka 16x2 1e-3 4",
        "heat 8x1 2e-3 5", "born 8x1 2e-3 5 5000", "line 16x2 5e-4 6", "burgers 4x1 2e-3 6", "sine2d 8x1 3e-3 7",
        "cos5d 12x2 3e-3 7",
    ],
    "cosine": [
        "exponential 8x1 3e-3 1", "lorenz 12x2 3e-3 1", "heat 16x2 3e-3 2", "burgers 12x1 3e-3 2",
        "sine2d 16x2 1e-3 3", "lotka 16x2 1e-3 3", "oscillator 16x2 3e-3 4", "helmholtz 16x2 3e-3 4",
    ],
    "lbfgs": [
        "exponential 12x2 - 1", "lorenz 12x1 - 1", "sine2d 12x1 - 2", "burgers 12x2 - 2", "heat 16x2 - 3",
        "lotka 16x2 - 3", "cos5d 8x1 - 4",
    ],
    "ssbroyden": [
        "sine2d 12x2 - 1", "lotka 12x1 - 1", "black_scholes 12x1 - 2", "helmholtz 12x2 - 2", "oscillator 8x1 - 3",
        "lorenz 6x1 - 3", "heat 12x1 - 4",
    ],
    "lm": [
        "exponential 4x1 - 1", "lorenz 4x1 - 1", "black_scholes 12x2 - 2", "burgers 12x2 - 2", "oscillator 12x1 - 3",
        "born 6x1 - 3", "lotka 12x1 - 4", "helmholtz 12x2 - 5",
    ],
}  # fmt: skip


MORE = {11: (4, 1), 12: (12, 1), 13: (8, 2), 14: (12, 2), 15: (16, 2)}
"""Sizes of the further trainings with Levenberg-Marquardt, by their seeds."""


def _more() -> list[Case]:
    """Every problem with every size of MORE."""
    return [
        Case("further" if problem in HELD else "fit", problem, *size, "lm", None, seed, FAMILIES["lm"].steps, True)
        for seed, size in MORE.items()
        for problem in POINTS
    ]


def _cases() -> list[Case]:
    """The cases of the plan, families in turn, so that whatever has been trained so far is a mixture; then the rest."""
    cases: list[tuple[float, Case]] = []
    for family, lines in PLAN.items():
        for place, line in enumerate(lines):
            problem, size, rate, seed, *rest = line.split()
            width, depth = map(int, size.split("x"))
            steps = int(rest[0]) if rest else FAMILIES[family].steps
            group: Group = "held" if problem in HELD else "fit"
            case = Case(group, problem, width, depth, family, None if rate == "-" else float(rate), int(seed), steps)
            cases.append(((place + 0.5) / len(lines), case))
    return [*(case for _, case in sorted(cases, key=lambda pair: pair[0])), *_more()]


CASES: Sequence[Case] = _cases()
"""All trajectories."""
