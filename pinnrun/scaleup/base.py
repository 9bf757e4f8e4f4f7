"""The settings that all policies share, where a run starts, and the order of growth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf, nan, sqrt
from typing import Literal

from pinnrun.koopman import Forecast
from pinnrun.scaleup.free_start import free_size
from pinnrun.scaleup.price import StepCost
from pinnrun.scaleup.view import Action, Decision, StageView
from pinnrun.settings import setting
from pinnrun.theory import Bound, Start, accuracy_for, first_size

SAME = 1.1
"""Losses within this factor are the same: those of stages differ with their points."""

STAY = 0.5
"""Share of the optimizer's minimum from which a network is said to have stopped where it stands."""

PRUNE = "work that smaller networks get once the target is met, as a part of that until then; 0: none"

Init = Literal["reinit", "zero_out", "net2net", "shrink_perturb", "residual", "greedy"]
"""How what a growth adds may start: a key of ``pinnrun.architectures.GROWTH_RULES``."""


@dataclass(frozen=True)
class Policy:
    """Settings that all policies share; each decides in its own way."""

    type: str = setting(help="the policy's registered name")
    alpha: float | Literal["auto"] = setting(
        2.0, above=1, help="widening factor: W becomes ceil(alpha W); auto: what the device takes without slowing down"
    )
    dearer: float | None = setting(
        2.5, above=1, help="a widening, or second layer, makes a step at most so many times as dear; null: any"
    )
    init: Init = setting("reinit", help="how the new neurons of a widening start")
    deepen_init: Init = setting("reinit", help="how a new layer starts")
    turns: int = setting(2, min=1, help="growths of one kind, wider or deeper, until it is the other's turn")
    max_width: int = setting(128, min=1, help="W never exceeds this")
    max_depth: int = setting(6, min=1, help="D never exceeds this")
    max_parameters: int = setting(3000, min=1, help="no growth beyond this many parameters")
    give_up: float = setting(
        0.02, min=0, below=1, help="P(reach) within the budget below which a run ends early; 0: never"
    )
    restarts: int = setting(
        2, min=0, help="fresh starts at most, of a network that a larger one has come no further than; 0: none"
    )
    trial: int = setting(
        0, min=0, help="steps that every network that may come next is tried for before one is chosen; 0: none is"
    )
    prune: float = setting(0.5, min=0, help=PRUNE)
    start: Literal["free"] | Start = setting(
        "free",
        help="the first size: what a step hardly notices, the smallest viable, or a bound by regularity",
    )
    regularity: float = setting(1.0, above=0, help="order d of the space W^(d,inf) that start=sobolev supposes")

    needs_forecast = False
    grows = True

    def decide(self, view: StageView, forecast: Forecast | None) -> Decision:
        """The action after a window; ``forecast`` is None where ``needs_forecast`` is false."""
        raise NotImplementedError

    def first_size(
        self, inputs: int, loss: float, layers: int, size_of: Callable[[int, int], int], cost: StepCost
    ) -> tuple[tuple[int, int], Bound | None]:
        """W and D that a run starts with where its architecture gives none, and the statement behind them.

        ``free`` is `pinnrun.scaleup.free_start`; the others are bounds of `pinnrun.theory`.

        Args:
            inputs: coordinates n_in.
            loss: L_min, which sets the accuracy that bounds go by.
            layers: D of a free start; more than two are as wide as two.
            size_of: parameters of a network by its width and depth.
            cost: operations of a step by the number of parameters.
        """
        if self.start == "free":
            dearer, most = self.dearer or inf, self.max_parameters
            layers = min(layers, self.max_depth)
            size = free_size(inputs + 1, layers, self.max_width, dearer=dearer, most=most, size_of=size_of, cost=cost)
            return size, None
        width, depth, bound = first_size(
            self.start,
            inputs,
            accuracy_for(loss),
            self.regularity,
            max_width=self.max_width,
            max_depth=self.max_depth,
            max_parameters=self.max_parameters,
        )
        return (width, depth), bound

    def begun_by(self, inputs: int, width: int, depth: int) -> list[Action]:
        """What counts as having led to the first size: where it is that of a widening or more, width has had its turn;
        where it has several layers, those above the first have been added after that.

        Args:
            inputs: coordinates n_in.
            width: W of the first network, which its architecture does not give.
            depth: its D.
        """
        is_wide = self.start == "free" and (depth > 1 or width >= self.wider(inputs + 1))
        return [Action.WIDEN] * self.turns + [Action.DEEPEN] * (depth - 1) if is_wide else []

    def init_of(self, action: Action) -> Init | Literal["prune"]:
        """How what this growth adds starts, or what it leaves."""
        if action is Action.RESTART:
            return "reinit"
        if action is Action.PRUNE:
            return "prune"
        return self.deepen_init if action is Action.DEEPEN else self.init

    def wider(self, width: int) -> int:
        """W → αW, at least one neuron more, at most ``max_width``."""
        assert self.alpha != "auto", "alpha is settled before a run begins"
        scaled = ceil(round(self.alpha * width, 9))  # 1.1 · 50 is 55, not 55.00000000000001
        return min(max(scaled, width + 1), self.max_width)

    def widened(self, view: StageView) -> int:
        """W of the next widening: αW or, where a step of that is more than ``dearer`` times as dear, the most that is
        not, but no less than √2 W.

        Each try is then a few times as dear as the one before. Where that factor is constant, all that was spent in
        vain is a fixed part of the last one (competitiveness via doubling; Chrobak & Kenyon-Mathieu, SIGACT News 37:4
        (2006) 115). α = 2 makes four times as many parameters of two layers and more, and a Gauss-Newton step up to
        sixty-four times as dear.
        """
        full = self.wider(view.width)
        least = min(ceil(sqrt(2.0) * view.width), full)
        return self.paid(view, range(full, least, -1), view.depth, least)

    def paid(self, view: StageView, widths: range, depth: int, otherwise: int) -> int:
        """The first of these widths, in so many layers, at which a step is at most ``dearer`` times as dear as now."""
        most = (self.dearer or inf) * view.price(view.width, view.depth)
        return next((width for width in widths if view.price(width, depth) <= most), otherwise)

    def grown_by(self, action: Action, view: StageView, evidence: str) -> Decision:
        """The decision to widen or to deepen.

        The second layer of a free start leaves both as wide as ``dearer`` allows: W neurons were free in one layer, of
        some W parameters, and are not in two, of some W².
        """
        usual = width = view.width
        free = view.growths and not any(stage.ending.grows for stage in view.past)
        if action is Action.WIDEN:
            usual, width = self.wider(view.width), self.widened(view)
        elif view.depth == 1 and free and self.deepen_init == "reinit":
            width = self.paid(view, range(view.width, 1, -1), 2, view.width)
        return Decision(action, evidence, view.window, None if width == usual else width)

    def leads_to(self, view: StageView, decision: Decision) -> tuple[int, int]:
        """W and D of the network that a decision to grow, or to start afresh, goes on with."""
        if decision.action is Action.DEEPEN:
            return decision.width or view.width, view.depth + 1
        if decision.action is Action.WIDEN:
            return decision.width or self.wider(view.width), view.depth
        return decision.width or view.width, decision.depth or view.depth

    def scale(self, view: StageView, evidence: str) -> Decision:
        """Grow, or start afresh where it is not size that this network lacks."""
        return self.afresh(view, evidence) or self.grow(view, evidence)

    def afresh(self, view: StageView, evidence: str) -> Decision | None:
        """A fresh start of the smallest network that has come to the same loss as this one, of another size.

        Networks that cannot resolve the solution stop at losses that fall with their size. Where a larger one stops
        where a smaller one has, both are held up by something else: another solution of the equation, or a point of
        their landscape that more neurons do not remove. Others may pass it, and small ones are cheap to try.
        """
        now = float(view.loss[-1]) if view.loss.size else nan
        stayed = [stage for stage in view.past if stage.steps >= STAY * view.minimum and stage.ending.is_on_the_way]
        alike = [stage for stage in stayed if now / SAME <= stage.loss <= now * SAME]
        sizes = {stage.parameters: (stage.width, stage.depth) for stage in alike}
        sizes[view.size_of(view.width, view.depth)] = view.width, view.depth
        tried = sum(stage.ending is Action.RESTART for stage in alike)
        if len(sizes) < 2 or view.now < STAY * view.minimum or tried >= self.restarts:
            return None
        width, depth = sizes[min(sizes)]
        told = f"{evidence}; {width} x {depth} has come as far, so it is not for want of size"
        return Decision(Action.RESTART, told, view.window, width, depth)

    def grow(self, view: StageView, evidence: str) -> Decision:
        """Steps 6 and 7 of the scale-up algorithm: widen first, deepen after that, and so on in turns.

        A turn is of ``turns`` growths, of one in the blueprint. Where there is no room for its kind, or where its size
        has been tried, before a fresh start of a smaller one, and the other's has not, the other one grows; at the
        largest width and depth training goes on as it is.
        """
        found = self.possible(view, evidence)
        if not found:
            return self.at_the_largest(view, evidence)
        over = view.in_a_row >= self.turns
        widens = view.last_growth is None or (view.last_growth is Action.WIDEN) is not over
        tried = {(stage.width, stage.depth) for stage in view.past}
        new = [growth for growth in found.values() if self.leads_to(view, growth) not in tried]
        left = new if len(new) == 1 else list(found.values())  # the wider one comes first
        return left[0] if widens else left[-1]

    def possible(self, view: StageView, evidence: str = "") -> dict[Action, Decision]:
        """The decisions to widen and to deepen, as far as there is room: that to widen first.

        A widening that the limit cuts to less than √2 is none: two neurons more than eighteen change nothing.
        """
        found = {action: self.grown_by(action, view, evidence) for action in (Action.WIDEN, Action.DEEPEN)}
        return {action: growth for action, growth in found.items() if self.has_room(view, growth)}

    def has_room(self, view: StageView, growth: Decision) -> bool:
        """Whether the limits leave any for it."""
        width, depth = self.leads_to(view, growth)
        if growth.action is Action.WIDEN:
            assert self.alpha != "auto", "alpha is settled before a run begins"
            least = view.width * min(self.alpha, sqrt(2.0)) if width == self.max_width else view.width + 1
            if width < max(least, view.width + 1):
                return False
        return depth <= self.max_depth and view.size_of(width, depth) <= self.max_parameters

    def instead(self, view: StageView, decision: Decision) -> Decision | None:
        """The other kind of growth in place of this one; None where there is no room for it, or it is none."""
        other = Action.DEEPEN if decision.action is Action.WIDEN else Action.WIDEN
        return self.possible(view, decision.evidence).get(other) if decision.action.grows else None

    def at_the_largest(self, view: StageView, evidence: str) -> Decision:
        """Nothing may grow any more: go on, unless the optimizer is stuck or what the budget pays for is hopeless."""
        largest = f"{evidence}; already at the largest size allowed"
        if view.stalled:
            return Decision(Action.STOP, largest, view.window)
        if self.hopeless(view):
            assert view.chance is not None
            chance = f"P(reach) with all that is left of the budget is {view.chance(view.steps_left):.2g}"
            return Decision(Action.STOP, f"{largest}; {chance}", view.window, hopeless=True)
        return Decision(Action.CONTINUE, largest, view.window)

    def hopeless(self, view: StageView) -> bool:
        """Whether this network, trained until the budget is spent, is all but sure to miss the target.

        Not before it has had twice the optimizer's minimum: plateaus end.
        """
        if view.chance is None or not view.steps_left < inf or view.now < 2 * view.minimum:
            return False
        return view.chance(view.steps_left) < self.give_up
