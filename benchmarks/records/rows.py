"""The rows of the benchmark: a problem, the best published error of a tanh network, our aim, and who competes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import yaml

from benchmarks.settings import settings_of
from pinnrun.composition.confdir import compose, conf_dir

DANGEL = "Dangel, Müller & Zeinhofer, NeurIPS 2024"
GUZMAN = "Guzmán-Cordero, Dangel, Goldshlager & Zeinhofer, NeurIPS 2025"


@dataclass(frozen=True, eq=False)
class Row:
    """One problem of the benchmark.

    Attributes:
        name: as on the command line.
        title: as in the table.
        experiment: the config under conf/experiment, with the recipe that is held against the record.
        optimizer: the one that the recipe uses.
        published: best published error of a tanh network, in the row's measure.
        record: by which optimizer, with how many parameters, in how many seconds, and where.
        aim: the error that counts as beating it, or coming close where that is all one CPU thread can do.
        seconds: CPU seconds that a run may take.
        measure: "relative", ‖u − u*‖/‖u*‖; "rms", the root of the mean square of u − u*; or "observables", the
            largest relative error of the numbers that the problem is solved for.
        others: further optimizers on the same network and points: a label, and the words that choose and tune it.
        compare: CPU seconds that each of them gets.
    """

    name: str
    title: str
    experiment: str
    optimizer: str
    published: float
    record: str
    aim: float
    seconds: float
    measure: Literal["relative", "rms", "observables"] = "relative"
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    compare: float = 30.0

    @property
    def optimizers(self) -> tuple[str, ...]:
        """The labels of all that compete, the recipe's first."""
        return (self.optimizer, *self.others)

    @property
    def stop(self) -> float:
        """The error at which a run may end: well below the aim and the record."""
        return min(self.aim, self.published) / 3.0

    def words(self, optimizer: str) -> list[str]:
        """The command line of a run, without its seed; the others drop what the recipe sets for its own optimizer."""
        words = [f"experiment={self.experiment}"]
        if optimizer == self.optimizer:
            return words
        others = self.others[optimizer]
        given = {word.partition("=")[0] for word in others}
        own = [f"optimizer.{key}" for key in self._recipe() if key != "pace"]
        return [*words, *(f"~{key}" for key in own if key not in given), *others]

    def _recipe(self) -> Mapping[str, Any]:
        """What the experiment sets of its optimizer."""
        text = (conf_dir() / "experiment" / f"{self.experiment}.yaml").read_text()
        return yaml.safe_load(text).get("optimizer", {})


@dataclass(frozen=True)
class Job:
    """One training: a row, an optimizer, a seed, and a factor on the row's seconds."""

    row: Row
    optimizer: str
    seed: int
    budget_scale: float = 1.0

    def config(self) -> Any:
        """The composed config."""
        seconds = self.budget_scale * (self.row.seconds if self.optimizer == self.row.optimizer else self.row.compare)
        extra = ["scaleup=fixed", "threads=1", "display=quiet", f"budget.seconds={seconds:g}", f"seed={self.seed}"]
        return compose("train", [*self.row.words(self.optimizer), *extra])

    def settings(self) -> str:
        """A short hash of the whole config but its seed: runs that differ in nothing else share it."""
        return _settings(self.row, self.optimizer, self.budget_scale)

    def key(self) -> tuple[str, str, str, int]:
        """What tells this run from all others."""
        return self.row.name, self.optimizer, self.settings(), self.seed


@cache
def _settings(row: Row, optimizer: str, budget_scale: float) -> str:
    return settings_of(Job(row, optimizer, 0, budget_scale).config())


OTHERS = {
    "lm, straight steps": ("optimizer=lm", "optimizer.acceleration=0"),
    "auto": ("optimizer=auto",),
    "multistart": ("optimizer=multistart",),
    "ssbroyden": ("optimizer=ssbroyden",),
    "dsgnar": ("optimizer=dsgnar",),
    "engd": ("optimizer=engd",),
    "engd_w": ("optimizer=engd_w",),
    "spring": ("optimizer=spring",),
    "natural gradient": ("optimizer=natural_gradient", "optimizer.regularization=1e-10"),
    "cg": ("optimizer=cg",),
    "kfac": ("optimizer=kfac",),
    "lbfgs": ("optimizer=lbfgs",),
    "cgd": ("optimizer=cgd",),
    "soap": ("optimizer=soap",),
    "muon": ("optimizer=muon",),
    "adam": ("optimizer=adam", "optimizer.schedule=cosine"),
}
# P x P matrices are out of reach there.
WIDE = {name: OTHERS[name] for name in ("spring", "cg", "kfac", "lbfgs", "soap", "adam")}

ROWS = {
    row.name: row
    for row in (
        Row(
            "poisson2d",
            "Poisson 2-D, sin πx sin πy",
            "record_poisson2d",
            "lm",
            1.2e-7,
            f"energy natural gradient, 257 parameters, 468 s on a GPU; {DANGEL}",
            1e-8,
            60.0,
            others=OTHERS,
            compare=20.0,
        ),
        Row(
            "poisson5d",
            "Poisson 5-D, Σ cos πx_i",
            "record_poisson5d",
            "lm",
            3.5e-8,
            f"energy natural gradient, 449 parameters, 3000 s on a GPU; {DANGEL}",
            1e-7,
            900.0,
            others=OTHERS,
        ),
        Row(
            "poisson10d",
            "Poisson 10-D, Σ x_2k−1 x_2k",
            "record_poisson10d",
            "lm",
            8.9e-6,
            f"SPRING, 118 145 parameters, 6249 s on a GPU; {GUZMAN}",
            5e-6,
            900.0,
            others=OTHERS,
        ),
        Row(
            "poisson100d",
            "Poisson 100-D, |x|²",
            "record_poisson100d",
            "engd_w",
            1.1e-4,
            f"SPRING, 1.3 million parameters, 7001 s on a GPU; {GUZMAN}",
            5e-4,
            1800.0,
            others=WIDE,
            compare=120.0,
        ),
        Row(
            "heat4d",
            "heat 4+1-D, e^−t Σ sin 2x_i",
            "record_heat4d",
            "lm",
            7.4e-7,
            f"energy natural gradient, 449 parameters, 2921 s on a GPU; {DANGEL}",
            5e-7,
            900.0,
            "rms",
            OTHERS,
        ),
        Row(
            "npbe",
            "Poisson-Boltzmann, four charges",
            "record_npbe",
            "lm",
            6.6e-4,
            "no other is known; this project's own first default run, 417 parameters, 19.6 s on one CPU thread",
            1e-5,
            60.0,
            "observables",
            OTHERS,
            compare=15.0,
        ),
    )
}
