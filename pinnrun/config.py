"""The config of a run as frozen dataclasses; the files under conf/ give the defaults, `pinnrun.strict` checks them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pinnrun.registry import ARCHITECTURES, OPTIMIZERS, POLICIES, PROBLEMS, SAMPLINGS, WEIGHTINGS
from pinnrun.sampling.fixed import Fixed as FixedSampling
from pinnrun.settings import by_name, setting
from pinnrun.weighting.fixed import Fixed as FixedWeighting

Forecaster = Literal[
    "promised_trend",
    "combined_trend",
    "damped_trend",
    "pooled_trend",
    "hankel_slope",
    "hankel",
    "power_law",
    "last_value",
    "weights",
]
"""The names in ``pinnrun.koopman.FORECASTERS``; a test holds the two together."""


@dataclass(frozen=True)
class Target:
    """When the network is good enough."""

    loss: float = setting(above=0, help="L_min, the value that the merit must reach")
    error: float | None = setting(
        None, above=0, help="relative L² error against the problem's reference to reach, instead of L_min; null: none"
    )
    hold: int = setting(3, min=1, help="consecutive steps for which it must hold")


@dataclass(frozen=True)
class Budget:
    """What the run may cost."""

    steps: int | None = setting(None, min=1, help="optimizer steps over all stages; null: no limit")
    seconds: float | None = setting(600.0, above=0, unit="CPU s", help="processor time, resumed parts included")


@dataclass(frozen=True)
class Storage:
    """What is written while training."""

    dtype: Literal["float64", "float32"] = setting("float64", help="precision of stored weight snapshots")
    index_every: int = setting(10, min=1, help="windows between two rewrites of run.h5; in a long run a tenth")


@dataclass(frozen=True)
class KoopmanSettings:
    """The analyzer of the training dynamics."""

    forecaster: Forecaster = setting("promised_trend", help="what extrapolates it")
    clock: Literal["auto", "steps", "rate", "evaluations"] = setting(
        "auto", help="what time is to it; auto: the sum of the learning rates where they change, else steps"
    )
    observable: Literal["auto", "merit", "loss"] = setting(
        "auto", help="what is forecast against L_min; auto: the merit where it was measured"
    )
    backtests: bool = setting(True, help="mix the residuals of the run's own backtests into the band")
    acceleration: Literal["none", "auto", "velocity", "trend", "average", "modes", "subspace"] = setting(
        "none",
        help="Koopman training: jumps of the weights to where their dynamics lead; auto: beside first-order methods",
    )
    jump_every: int = setting(100, min=8, unit="steps", help="from one attempt at a jump to the next, at least")
    jump_snapshot: int = setting(5, min=1, unit="steps", help="between two snapshots of the weights that jumps go by")
    jump_audit: bool = setting(True, help="undo a jump that half an interval later has left the loss above its trend")

    def problems(self) -> Iterator[str]:
        """Combinations that make no sense."""
        if self.jump_every < 4 * self.jump_snapshot:
            yield (
                f"jump_snapshot: {self.jump_every} steps hold fewer than four snapshots {self.jump_snapshot} steps "
                f"apart; use at most {self.jump_every // 4}, or a longer jump_every"
            )


@dataclass(frozen=True)
class DisplaySettings:
    """How progress is shown."""

    kind: Literal["auto", "live", "plain", "quiet"] = setting("auto", help="auto: live in a terminal, else plain")


def plugin_words(plugins: Sequence[str]) -> list[str]:
    """What names a run's plugins again on the command line; no word if there are none."""
    return [f"plugins=[{','.join(plugins)}]"] if plugins else []


@dataclass(frozen=True)
class Config:
    """Everything that makes a run."""

    problem: Any = setting(choose=by_name(PROBLEMS, "type"), help="the differential equation")
    architecture: Any = setting(choose=by_name(ARCHITECTURES, "type"), help="the network family and where it starts")
    optimizer: Any = setting(choose=by_name(OPTIMIZERS, "type"), help="the training map")
    scaleup: Any = setting(choose=by_name(POLICIES, "type"), help="the policy that grows the network")
    target: Target = setting(help="when the network is good enough")
    budget: Budget = setting(Budget(), help="what the run may cost")
    sampling: Any = setting(  # what configs have that do not say: those of runs from before there was a choice
        FixedSampling(), choose=by_name(SAMPLINGS, "type", "fixed"), help="where the residual is trained and judged"
    )
    weighting: Any = setting(
        FixedWeighting(), choose=by_name(WEIGHTINGS, "type", "fixed"), help="how the terms are weighed"
    )
    koopman: KoopmanSettings = setting(KoopmanSettings(), help="the analyzer")
    storage: Storage = setting(Storage(), help="what is written")
    display: DisplaySettings = setting(DisplaySettings(), help="how progress is shown")
    seed: int = setting(0, min=0, max=2**63 - 1, help="fixes initialisation, sampling and growth")
    device: Literal["auto", "cpu", "cuda"] = setting("auto", help="auto: the GPU where there is one")
    dtype: Literal["float64", "float32"] = setting("float64", help="precision of the computation")
    threads: int = setting(1, min=0, help="CPU threads of torch; 0 leaves torch's own choice")
    deterministic: bool = setting(True, help="only deterministic algorithms, so that a resumed run is bit-equal")
    plugins: tuple[str, ...] = setting((), help="Python files with problems of your own")

    def problems(self) -> Iterator[str]:
        """Combinations across groups that make no sense."""
        if self.dtype == "float32" and self.target.loss < 1e-10:
            yield "target.loss: float32 cannot resolve a loss below about 1e-10; use dtype=float64"
        if self.target.error is not None and self.problem.reference() is None:
            yield (
                f"target.error: {self.problem.name} has no reference to measure an error against; use target.loss, "
                "or give the problem a reference()"
            )
        if getattr(self.optimizer, "needs_rows", False) and self.problem.formulation != "residual":
            yield (
                f"optimizer: {self.optimizer.type} solves for residual rows, which {self.problem.name} has none of: "
                "it minimises an energy; use optimizer=lm, natural_gradient, engd or lbfgs"
            )
        if (given := len(getattr(self.architecture, "periods", ()))) > self.problem.features:
            yield (
                f"architecture.periods: {given} periods, but the network has {self.problem.features} inputs "
                f"({', '.join(self.problem.coordinates)} first); give one for each at most, null where not periodic"
            )
        if self.problem.formulation != "residual":
            for group, kind in (("weighting", self.weighting.every), ("sampling", self.sampling.adaptive)):
                if kind:
                    yield (
                        f"{group}: {getattr(self, group).type} goes by residuals that fall to zero, which "
                        f"{self.problem.name} has none of: it minimises an energy; use {group}=fixed"
                    )
        if self.koopman.acceleration != "none":
            if self.problem.formulation != "residual":
                yield (
                    f"koopman.acceleration: jumps are judged by a loss that falls to zero, which {self.problem.name} "
                    "has none of: it minimises an energy; use koopman.acceleration=none"
                )
            if self.optimizer.type == "multistart" and self.koopman.acceleration != "auto":
                yield "koopman.acceleration: multistart trains many networks, and jumps move one; use auto or none"
        if self.weighting.type == "causal" and all(term.time is None for term in self.problem.terms()):
            yield (
                f"weighting: causal follows time, and no term of {self.problem.name} names its time coordinate; "
                "use weighting=grad_norm or ntk, or give the equation's Term its time="
            )
        if self.device == "cuda":
            import torch  # not before somebody asks for it

            if not torch.cuda.is_available():
                yield "device: torch sees no CUDA device here; use device=cpu, or auto"
