"""The trainings that forecasts are held against: two groups of problems that share none, each with every family.

What a forecaster learns (its prior, its constants) it learns on the group "fit"; "held" is what it is judged on. Both
hold networks from the smallest possible one, which floor, to some 10⁴ parameters, and both plateaus and steep descents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Group = Literal["fit", "held"]


@dataclass(frozen=True)
class Family:
    """One kind of training.

    Attributes:
        title: as in the tables.
        words: the command line that makes it.
        steps: of a whole trajectory.
        windows: step counts n that forecasts are made from.
        hold: consecutive steps at or below a target that count as having reached it.
        minimum: steps before which the verdict never gives a network up.
        first: where the policy is asked first; then at twice the steps, again and again.
    """

    title: str
    words: Sequence[str]
    steps: int
    windows: Sequence[int]
    hold: int
    minimum: int
    first: int


ADAM = ("optimizer=adam", "optimizer.pace.window=200", "optimizer.pace.snapshot=10")
LONG = {"steps": 10_000, "windows": (1000, 2000, 4000), "hold": 100, "minimum": 2000, "first": 1000}
QUASI = {"steps": 1000, "windows": (100, 200, 400), "hold": 10, "minimum": 200, "first": 100}
FAMILIES: Mapping[str, Family] = {
    "adam": Family("Adam", ADAM, **LONG),
    "resample": Family("Adam, fresh points", (*ADAM, "sampling=resample"), **LONG),
    "cosine": Family(
        "Adam, cosine", (*ADAM, "optimizer.schedule=cosine", f"optimizer.decay_steps={LONG['steps']}"), **LONG
    ),
    "lbfgs": Family("L-BFGS", ("optimizer=lbfgs", "optimizer.pace.window=50"), **QUASI),
    "ssbroyden": Family("SSBroyden", ("optimizer=ssbroyden", "optimizer.pace.window=50"), **QUASI),
    "lm": Family("Levenberg-Marquardt", ("optimizer=lm", "optimizer.pace.window=15"), 300, (30, 60, 120), 3, 40, 15),
}
"""Every family: Adam on fixed points, on fresh ones at every step, with a schedule; and methods with curvature."""

POINTS: Mapping[str, Sequence[str]] = {
    "line": ("problem=poisson", "problem.dimension=1", "problem.boundary=hard", "problem.points=128"),
    "sine2d": ("problem=poisson_sine2d", "problem.points=192"),
    "exponential": ("problem=poisson_exponential", "problem.points=192"),
    "heat": ("problem=heat1d", "problem.points=192", "problem.condition_points=64"),
    "oscillator": ("problem=oscillator", "problem.points=128"),
    "black_scholes": ("problem=black_scholes", "problem.points=192", "problem.boundary_points=48"),
    "born": ("problem=npbe_born", "problem.points=200"),
    "helmholtz": ("problem=helmholtz", "problem.points=256"),
    "lotka": ("problem=lotka_volterra", "problem.points=128"),
    "burgers": ("problem=burgers", "problem.points=192"),
    "cos5d": ("problem=poisson_cos5d", "problem.points=192", "problem.boundary_points=96"),
    "lorenz": ("problem=lorenz", "problem.points=128"),
}
"""The problems by a short name, with few points, so that many steps are cheap; the first six are those of "fit"."""

COMMON = (
    "scaleup=fixed",
    "sampling.rows_per_parameter=0",
    "target.loss=1e-300",
    "budget.seconds=null",
    "threads=1",
    "device=cpu",
    "display=quiet",
    "storage.dtype=float32",
)


@dataclass(frozen=True)
class Case:
    """One trajectory: a problem, a network, a family of trainings, a learning rate, a seed."""

    group: Group
    problem: str
    width: int
    depth: int
    family: str
    rate: float | None
    seed: int
    steps: int

    @property
    def name(self) -> str:
        """What tells it from all others; the name of its run folder."""
        return f"{self.problem}-{self.family}-{self.width}x{self.depth}"

    def words(self, steps: int) -> list[str]:
        """The command line of ``pinnrun train`` that trains it for so many steps."""
        words = [*POINTS[self.problem], *FAMILIES[self.family].words, *COMMON]
        words += [f"architecture.width={self.width}", f"architecture.depth={self.depth}"]
        words += [f"seed={self.seed}", f"budget.steps={steps}"]
        return words if self.rate is None else [*words, f"optimizer.learning_rate={self.rate:g}"]


# problem, W x D, learning rate; a number of steps where it is not the family's
FIT = {
    "adam": [
        "exponential 16x2 1e-3", "line 2x1 1e-3", "heat 16x2 2e-3", "sine2d 3x1 1e-3", "oscillator 16x2 1e-3",
        "sine2d 32x2 1e-3", "black_scholes 8x1 2e-3", "line 8x1 1e-3", "exponential 3x1 3e-3", "heat 3x1 1e-3",
        "line 16x2 1e-3", "oscillator 4x1 3e-3", "sine2d 8x1 1e-3", "black_scholes 16x2 5e-4", "exponential 12x3 1e-3",
        "exponential 70x3 5e-4 3000",
    ],
    "resample": [
        "sine2d 16x2 1e-3", "line 2x1 2e-3", "exponential 12x2 1e-3", "black_scholes 16x2 1e-3", "heat 8x1 2e-3",
        "line 16x2 5e-4", "sine2d 8x1 3e-3",
    ],
    "cosine": ["exponential 8x1 3e-3", "heat 16x2 3e-3", "sine2d 16x2 1e-3", "oscillator 16x2 3e-3"],
    "lbfgs": ["exponential 12x2", "sine2d 12x1", "heat 16x2"],
    "ssbroyden": ["sine2d 12x2", "black_scholes 12x1", "oscillator 8x1"],
    "lm": ["exponential 4x1", "black_scholes 12x2", "oscillator 12x1"],
}  # fmt: skip
HELD = {
    "adam": [
        "lotka 12x2 1e-3", "burgers 12x2 1e-3", "lorenz 2x1 1e-3", "helmholtz 16x2 1e-3", "born 4x1 1e-3 5000",
        "cos5d 16x2 1e-3", "lotka 2x1 3e-3", "lorenz 16x2 1e-3", "burgers 3x1 1e-3", "helmholtz 8x1 2e-3",
        "lorenz 32x2 5e-4", "born 12x2 1e-3 5000", "burgers 20x2 2e-3", "lotka 8x1 2e-3", "cos5d 6x1 1e-3",
        "helmholtz 70x3 5e-4 3000",
    ],
    "resample": [
        "burgers 16x2 1e-3", "lorenz 8x1 2e-3", "helmholtz 32x2 1e-3", "lotka 16x2 1e-3", "born 8x1 2e-3 5000",
        "burgers 4x1 2e-3", "cos5d 12x2 3e-3",
    ],
    "cosine": ["lorenz 12x2 3e-3", "burgers 12x1 3e-3", "lotka 16x2 1e-3", "helmholtz 16x2 3e-3"],
    "lbfgs": ["lorenz 12x1", "burgers 12x2", "lotka 16x2"],
    "ssbroyden": ["lotka 12x1", "helmholtz 12x2", "lorenz 6x1"],
    "lm": ["lorenz 4x1", "burgers 12x2", "born 6x1"],
}  # fmt: skip


def _cases(group: Group, plan: Mapping[str, Sequence[str]]) -> list[Case]:
    """The cases of a group, families in turn, so that whatever has been trained so far is a mixture."""
    cases: list[tuple[float, Case]] = []
    for family, lines in plan.items():
        for place, line in enumerate(lines):
            problem, size, *rest = line.split()
            width, depth = map(int, size.split("x"))
            rate = float(rest[0]) if rest else None
            steps = int(rest[1]) if len(rest) > 1 else FAMILIES[family].steps
            case = Case(group, problem, width, depth, family, rate, 1 + place, steps)
            cases.append(((place + 0.5) / len(lines), case))
    return [case for _, case in sorted(cases, key=lambda pair: pair[0])]


CASES: Sequence[Case] = (*_cases("fit", FIT), *_cases("held", HELD))
"""All trajectories, those of "fit" first."""
