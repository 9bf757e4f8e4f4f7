"""The runs of the study: problems and training maps, and the steps from which their weights are forecast."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = {
    "fixed": "Adam, the same points throughout",
    "resampled": "Adam, new points at every step",
    "second order": "Levenberg-Marquardt and L-BFGS",
}
ENDLESS = ("scaleup=fixed", "target.loss=1e-30", "budget.seconds=300", "device=cpu", "threads=1")
ADAM = ("optimizer=adam", "budget.steps=4000", "optimizer.pace.snapshot=10")
POISSON = ("problem=poisson", "problem.points=256", "problem.boundary_points=64")
HEAT = ("problem=heat1d", "problem.points=256", "problem.condition_points=64")
BORN = ("problem=npbe_born", "problem.points=600")
MIDDLE = ("architecture.width=12", "architecture.depth=2")


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        name: in tables and files.
        kind: one of `KINDS`.
        text: in words.
        words: of `pinnrun train`.
        origins: steps from which weights are forecast; the run has twice as many as the last.
    """

    name: str
    kind: str
    text: str
    words: tuple[str, ...]
    origins: tuple[int, ...]


CASES = (
    Case("poisson", "fixed", "Poisson 2-D, Adam", (*POISSON, *MIDDLE, *ADAM, *ENDLESS), (1000, 2000)),
    Case(
        "poisson_slow",
        "fixed",
        "the same, learning rate 3e-4 (3e-3 elsewhere)",
        (*POISSON, *MIDDLE, *ADAM, "optimizer.learning_rate=3e-4", *ENDLESS),
        (1000, 2000),
    ),
    Case(
        "poisson_tiny",
        "fixed",
        "the same equation, 3 neurons, Adam",
        (*POISSON, "architecture.width=3", *ADAM, *ENDLESS),
        (1000, 2000),
    ),
    Case(
        "oscillator", "fixed", "damped oscillator, Adam", ("problem=oscillator", *MIDDLE, *ADAM, *ENDLESS), (1000, 2000)
    ),
    Case(
        "born", "fixed", "Poisson-Boltzmann around an ion, 3-D, Adam", (*BORN, *MIDDLE, *ADAM, *ENDLESS), (1000, 2000)
    ),
    Case(
        "poisson_resampled",
        "resampled",
        "Poisson 2-D, Adam, new points at every step",
        (*POISSON, *MIDDLE, *ADAM, "sampling=resample", *ENDLESS),
        (1000, 2000),
    ),
    Case(
        "heat_resampled",
        "resampled",
        "heat equation 1-D, Adam, new points at every step",
        (*HEAT, *MIDDLE, *ADAM, "sampling=resample", *ENDLESS),
        (1000, 2000),
    ),
    Case(
        "poisson_lm",
        "second order",
        "Poisson 2-D, Levenberg-Marquardt",
        (*POISSON, *MIDDLE, "optimizer=lm", "budget.steps=120", *ENDLESS),
        (30, 60),
    ),
    Case(
        "born_lm",
        "second order",
        "Poisson-Boltzmann around an ion, 3-D, Levenberg-Marquardt",
        (*BORN, *MIDDLE, "optimizer=lm", "budget.steps=120", *ENDLESS),
        (30, 60),
    ),
    Case(
        "oscillator_lbfgs",
        "second order",
        "damped oscillator, L-BFGS",
        ("problem=oscillator", *MIDDLE, "optimizer=lbfgs", "budget.steps=600", *ENDLESS),
        (150, 300),
    ),
)
GROWN = ("problem=npbe", "seed=2", "budget.seconds=60", "device=cpu", "threads=1")
"""A run that grows: its stages' fixed points are held against where the run ended."""
