"""The method that fits the size: chosen anew for every network, handed over when its steps stop paying.

A chain of methods for each regime of parameters P and rows N; the first that a step of it can afford:

    N ≥ P, or an energy   lm → ssbroyden     P × P system; few parameters are tight and need damping, then depth
    N < P                 engd_w → spring    N × N system
    both above ``dense``  cg                 no matrix at all

A method hands over when over the last ``patience`` steps it has won less than ``gain`` decades of loss a step, or
when it cannot step any more; what it has found is where the next one starts. The last of a chain hands back to the
first when it is stuck; if that is stuck too, the step says so.

Which chain wins where was measured: see docs/how-to-choose-an-optimizer.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import log10
from typing import Any, ClassVar

from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.optimizers.base import Optimizer, Outcome, Pace, StepInfo
from pinnrun.optimizers.cg import GaussNewtonCg
from pinnrun.optimizers.engd_w import WoodburyNaturalGradient
from pinnrun.optimizers.lm import DampedSystem, LevenbergMarquardt
from pinnrun.optimizers.spring import Spring
from pinnrun.optimizers.ssbroyden import SelfScaledBroyden
from pinnrun.settings import setting

METHODS: dict[str, Callable[[Pace], Optimizer]] = {
    "lm": LevenbergMarquardt,
    "ssbroyden": SelfScaledBroyden,
    "engd_w": WoodburyNaturalGradient,
    "spring": Spring,
    "cg": GaussNewtonCg,
}


@dataclass
class Auto:
    """A chain of methods by the regime of P and N, each followed by the next when it stops paying."""

    system: ClassVar[str] = "parameters"
    pace: Pace
    type: str = setting("auto", help="the optimizer's registered name")
    patience: int = setting(50, min=2, help="steps over which a method's gain is judged")
    gain: float = setting(2e-3, min=0, help="decades of loss a step below which a method hands over")
    dense: int = setting(6000, min=1, help="rows of the largest system that is solved as a matrix")
    _chain: tuple[str, ...] = field(default=(), init=False, repr=False)
    _index: int = field(default=0, init=False, repr=False)
    _inner: Optimizer | None = field(default=None, init=False, repr=False)
    _losses: list[float] = field(default_factory=list, init=False, repr=False)
    _moved: bool = field(default=False, init=False, repr=False)  # since a method was last stuck
    _softened: int = field(default=0, init=False, repr=False)

    def choose(self, rows: int, size: int, *, least_squares: bool) -> tuple[str, ...]:
        """The chain for a network of ``size`` parameters on ``rows`` residual rows."""
        if min(size, rows if least_squares else size) > self.dense:
            return ("cg",)
        if rows >= size or not least_squares:
            return ("lm", "ssbroyden")
        return ("engd_w", "spring")

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One step of the present method; the next one's turn comes with the next step."""
        if not self._chain:
            least_squares = objective.is_least_squares
            self._chain = self.choose(objective.rows, theta.shape[0], least_squares=least_squares)
        inner = self._present()
        new, info = inner.step(objective, theta)
        if info.outcome in (Outcome.NOT_FINITE, Outcome.CONVERGED):
            return new, info
        self._losses = [*self._losses[-self.patience :], info.loss]
        self._moved = self._moved or info.accepted
        if len(self._chain) > 1 and not info.accepted:
            return self._hand_over_stuck(new, info)
        if self._index + 1 < len(self._chain) and not self._pays():
            return new, replace(info, event=self._hand_over(f"less than {self.gain:g} decades a step"))
        return new, info

    @property
    def latest_system(self) -> DampedSystem | None:
        """What the last step of the present method has solved; None where that solves none."""
        return getattr(self._inner, "latest_system", None)

    def _present(self) -> Optimizer:
        if self._inner is None:
            self._inner = METHODS[self._chain[self._index]](self.pace)
            for _ in range(self._softened):
                self._inner.soften()
        return self._inner

    def _pays(self) -> bool:
        """Whether the last ``patience`` steps have won enough (true while there are fewer, or where a loss is ≤ 0)."""
        if len(self._losses) <= self.patience or min(self._losses) <= 0.0:
            return True
        return log10(self._losses[0] / self._losses[-1]) >= self.gain * self.patience

    def _hand_over(self, why: str) -> str:
        before = self._chain[self._index]
        self._index = (self._index + 1) % len(self._chain)
        self._inner, self._losses = None, []
        return f"{before} hands over to {self._chain[self._index]}: {why}"

    def _hand_over_stuck(self, theta: Tensor, info: StepInfo) -> tuple[Tensor, StepInfo]:
        """A failed step is forgiven as long as this method, or the one before it, had moved."""
        moved, self._moved = self._moved, False
        event = self._hand_over(info.outcome.value)
        outcome = Outcome.HANDED_OVER if moved else info.outcome
        return theta, replace(info, outcome=outcome, event=event)

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Choose again for the new size: another regime may begin there."""
        self._chain, self._index, self._inner, self._losses, self._moved = (), 0, None, [], False

    def soften(self) -> None:
        """Pass it on, to the methods that follow too."""
        self._softened += 1
        if self._inner is not None:
            self._inner.soften()

    def state(self) -> dict[str, Any]:
        """Where in the chain it is, with the present method's memory."""
        return {
            "chain": list(self._chain),
            "index": self._index,
            "inner": None if self._inner is None else self._inner.state(),
            "losses": list(self._losses),
            "moved": self._moved,
            "softened": self._softened,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved chain."""
        self._chain, self._index = tuple(state["chain"]), state["index"]
        self._losses, self._softened = list(state["losses"]), state["softened"]
        self._moved = state.get("moved", len(self._losses) > 1)  # older checkpoints do not say
        self._inner = None
        if state["inner"] is not None:
            self._inner = METHODS[self._chain[self._index]](self.pace)
            self._inner.load(state["inner"])
