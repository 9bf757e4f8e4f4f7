"""The cases: what pinnrun calls the problem, which commands of it compete, and the peers' recipes for it.

To add one: a line here, and its equation and conditions in ``programs/with_*.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.peers.recipes import DEEPXDE, NEURODIFFEQ, PINA, Recipe
from pinnrun.composition.confdir import compose

CONF = Path(__file__).with_name("conf")


@dataclass(frozen=True)
class Case:
    """One problem of the benchmark.

    Attributes:
        name: as on the command line and in the programs.
        title: as in the table.
        commands: command lines of pinnrun by label, seed and budget left out; the first one changes no default.
        recipes: the peers' by label.
        columns: pinnrun's coordinates in the order of the programs, space before time.
    """

    name: str
    title: str
    commands: Mapping[str, str]
    recipes: Mapping[str, Recipe]
    columns: Sequence[int] = (0,)

    @property
    def solvers(self) -> tuple[str, ...]:
        """The labels of all that compete, pinnrun's first."""
        return (*self.commands, *self.recipes)

    def config(self, label: str, seed: int, seconds: float) -> Any:
        """The composed config of one of pinnrun's commands."""
        extra = ["threads=1", "device=cpu", "display=quiet", f"seed={seed}", f"budget.seconds={seconds:g}"]
        composed = compose("train", [*self.commands[label].split(), *extra], CONF)
        composed.plugins = [str(Path(__file__).parents[2] / name) for name in composed.plugins]
        return composed

    @cached_property
    def shared(self) -> str:
        """The command whose training points the peers are given: the last, of a network that does not grow."""
        return list(self.commands)[-1]


DEFAULT, LOWER, FIXED = "pinnrun", "pinnrun, lower target", "pinnrun, fixed network"

CASES = {
    case.name: case
    for case in (
        Case(
            "poisson1d",
            "Poisson 1-D, −u″ = π² sin πx on (−1, 1)",
            {
                DEFAULT: "problem=poisson_interval",
                LOWER: "problem=poisson_interval target.loss=1e-9",
                FIXED: "problem=poisson_interval experiment=peers_fixed",
            },
            {**DEEPXDE["poisson1d"], **PINA["poisson1d"], **NEURODIFFEQ["poisson1d"]},
        ),
        Case(
            "poisson2d",
            "Poisson 2-D, u = sin πx sin πy on (0, 1)²",
            {
                DEFAULT: "problem=poisson_sine2d",
                LOWER: "problem=poisson_sine2d target.loss=1e-9",
                FIXED: "problem=poisson_sine2d experiment=peers_fixed architecture.width=16",
            },
            {**DEEPXDE["poisson2d"], **PINA["poisson2d"], **NEURODIFFEQ["poisson2d"]},
            (0, 1),
        ),
        Case(
            "heat1d",
            "heat 1+1-D, u_t = u_xx/4, u(x, 0) = sin πx on (0, 1)",
            {
                DEFAULT: "problem=heat1d",
                LOWER: "problem=heat1d target.loss=1e-9",
                FIXED: "problem=heat1d experiment=peers_fixed",
            },
            {**DEEPXDE["heat1d"], **PINA["heat1d"], **NEURODIFFEQ["heat1d"]},
            (1, 0),
        ),
        Case(
            "burgers",
            "Burgers, u_t + u u_x = (0.01/π) u_xx",
            {
                DEFAULT: "problem=burgers",
                LOWER: "problem=burgers target.loss=1e-9",
                FIXED: "experiment=pinnacle_burgers problem.points=2800 sampling.rows_per_parameter=0",
            },
            {**DEEPXDE["burgers"], **PINA["burgers"], **NEURODIFFEQ["burgers"]},
            (0, 1),
        ),
        Case(
            "helmholtz2d",
            "Helmholtz 2-D, u = sin πx sin 4πy on (−1, 1)²",
            {
                DEFAULT: "problem=helmholtz",
                LOWER: "problem=helmholtz target.loss=1e-9",
                FIXED: "problem=helmholtz experiment=peers_fixed architecture.width=16 architecture.depth=2",
            },
            {**DEEPXDE["helmholtz2d"], **PINA["helmholtz2d"], **NEURODIFFEQ["helmholtz2d"]},
            (0, 1),
        ),
        Case(
            "oscillator",
            "oscillator, x′ = v, v′ = −1.2 v − 36 x",
            {
                DEFAULT: "problem=oscillator",
                LOWER: "problem=oscillator target.loss=1e-9",
                FIXED: "problem=oscillator experiment=peers_fixed",
            },
            {**DEEPXDE["oscillator"], **PINA["oscillator"], **NEURODIFFEQ["oscillator"]},
        ),
    )
}
