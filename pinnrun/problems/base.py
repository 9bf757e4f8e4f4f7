"""What a problem is: the base class that every differential equation fills in.

A problem is a frozen dataclass: its fields are its config keys. It must say its ``coordinates`` and its ``terms``;
everything else has a default that serves the plainest case (no hard constraint, no reference).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pinnrun.calculus import Derivatives, Field, Jet, Objective, Points, Term
from pinnrun.errors import UserError
from pinnrun.settings import setting

Solution = Callable[[Points, Derivatives], Jet]
"""A trained field: its jet, channels ``(S, M, N, k)``, at the points it is asked for."""


@dataclass(frozen=True)
class Observable:
    """A number that the solution is wanted for.

    Attributes:
        value: as the field gives it.
        unit: its unit, empty for a pure number.
        reference: as the independent reference gives it, or None.
        scale: what an error is measured against; |reference| by default.
        uncertainty: one standard error of the value, in its unit, where it comes from data; or None.
    """

    value: float
    unit: str = ""
    reference: float | None = None
    scale: float | None = None
    uncertainty: float | None = None

    @property
    def error(self) -> float | None:
        """|value − reference| / scale."""
        if self.reference is None:
            return None
        scale = abs(self.reference) if self.scale is None else self.scale
        error = abs(self.value - self.reference)
        return error / scale if scale else error

    def as_dict(self) -> dict[str, float | str | None]:
        """As ``result.json`` holds it; a value that is not finite becomes null."""
        value = self.value if isfinite(self.value) else None
        error = self.error if value is not None else None
        known = {} if self.uncertainty is None else {"uncertainty": self.uncertainty}
        return {"value": value, "unit": self.unit, "reference": self.reference, "error": error, **known}


@dataclass(frozen=True)
class Reference:
    """A solution found without any network.

    Attributes:
        field: the solution at ``(N, d)`` float64 coordinates, ``(N,)``, or ``(N, k)`` for k components.
        source: what it is, in a few words ("closed form", "spectral solver, 1e-9").
    """

    field: Callable[[np.ndarray], np.ndarray]
    source: str


@dataclass(frozen=True)
class About:
    """What `pinnrun problems` says of a problem, in plain text; read from the YAML file, without importing anything."""

    family: str = setting("", help="heading under which it is listed")
    equation: str = setting("", help="the equation, on one line")
    domain: str = setting("", help="where it holds, with boundary and initial conditions")
    coordinates: str = setting("", help="number of coordinates; time is written + t")
    reference: str = setting("", help="what errors are measured against")
    seconds: float | None = setting(None, min=0, unit="CPU s", help="what the default command takes, roughly")


@dataclass(frozen=True)
class Problem:
    """A differential equation with its domain, samplers, hard constraints and reference."""

    name: str = setting(help="names the run folder")
    type: str = setting(help="the class that solves it, as registered")
    summary: str = setting("", help="one line for `pinnrun problems`")
    points: int = setting(1000, min=1, help="training points; the terms share them out")
    about: About = setting(About(), help="what `pinnrun problems` says of it")

    formulation: ClassVar[str] = "residual"
    """What the objective is: "residual" (½‖r‖², zero at a solution), "energy" or "rayleigh" (a minimum elsewhere)."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the d coordinates."""
        raise NotImplementedError

    @property
    def features(self) -> int:
        """Number of network inputs; the coordinates and whatever ``inputs`` adds."""
        return len(self.coordinates)

    @property
    def outputs(self) -> int:
        """Number of components k of the field."""
        return 1

    @property
    def layers(self) -> int:
        """Layers D that a free start has: two where the field of two coordinates or more evolves in time, or where it
        has several components; else one. This is experience, not theory: docs/scale-up.md has the figures.
        """
        several = self.outputs > 1 or any(term.time is not None for term in self.terms())
        return 2 if several and len(self.coordinates) > 1 else 1

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the k components: u, or u1, u2 …"""
        return ("u",) if self.outputs == 1 else tuple(f"u{i + 1}" for i in range(self.outputs))

    @property
    def coefficients(self) -> tuple[tuple[str, float], ...]:
        """Numbers of the equation that are unknown and trained with the network: (name, first value) of each.

        They stand behind the k components of the field, constant in space; ``coefficient`` reads them there.
        """
        return ()

    def coefficient(self, u: Jet, name: str) -> Tensor:
        """The unknown coefficient of that name, ``(places, points)``."""
        return u.value[..., self.outputs + [known for known, _ in self.coefficients].index(name)]

    def terms(self) -> Sequence[Term]:
        """The blocks of the objective."""
        raise NotImplementedError

    def merit_terms(self) -> Sequence[Term]:
        """The blocks of the merit, which falls to zero at a solution: here those of the objective."""
        return self.terms()

    def objective(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> Objective:
        """What is minimised, from the terms with their points."""
        return Objective(field, blocks)

    def merit(self, field: Field, blocks: Sequence[tuple[Term, Points]]) -> Objective:
        """What is judged, from the merit's terms with their points."""
        return Objective(field, blocks)

    def inputs(self, points: Points, derivatives: Derivatives) -> Jet:
        """The network's inputs as functions of x: here the coordinates; scale them and add features at will."""
        return points.coordinates(derivatives)

    def ansatz(self, points: Points, raw: Jet) -> Jet:
        """The field from the network's output, hard constraints included: here the output itself."""
        return raw

    def trial(self, points: Points, raw: Jet) -> Jet:
        """The ansatz, and the unknown coefficients behind it as they are."""
        if not self.coefficients:
            return self.ansatz(points, raw)
        k = self.outputs
        field, constants = (Jet(part, raw.dimension, raw.derivatives) for part in raw.channels.tensor_split([k], -1))
        return Jet.cat([self.ansatz(points, field), constants])

    def locate(self, x: Tensor) -> Points:
        """A user's coordinates ``(N, d)`` as points of this problem; raises UserError for points outside the domain."""
        return Points(x)

    def physical(self, points: Points, jet: Jet) -> Jet:
        """The field a user asked for from the field that is trained (adds back what was split off)."""
        return jet

    def test_points(self, generator: torch.Generator) -> Points:
        """Where the error against the reference is measured; drawn once, never trained on."""
        samples = [term.sample(generator, 4 * term.count) for term in self.terms()]
        return samples[0]

    def align(self, value: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """The field's values made comparable with the reference's, where the equation leaves a factor or constant open.

        Both are shaped as the reference gives them, ``(N,)`` or ``(N, k)``.
        """
        return value

    def reference(self) -> Reference | None:
        """An independent solution, or None where there is none."""
        return None

    def observables(self, solution: Solution) -> Mapping[str, Observable]:
        """The numbers the solution is wanted for."""
        return {}


def require_inside(inside: Tensor, domain: str) -> None:
    """Raise a UserError that counts and names the points which lie outside."""
    outside = torch.nonzero(~inside).flatten().tolist()
    if outside:
        shown = ", ".join(str(i) for i in outside[:5]) + (", …" if len(outside) > 5 else "")
        raise UserError(
            f"{len(outside)} of {len(inside)} points lie outside the domain ({domain}): rows {shown}.\n"
            "Remove them, or train on a larger domain."
        )
