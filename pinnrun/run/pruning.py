"""After the target is met: is a smaller network enough?

The network that meets the target first is the one that does so soonest, and larger than need be: its neurons are cheap,
and training finds its way more easily with some to spare (docs/growing-pays.md). So what follows is another question,
asked for a part of the work that was spent until then: the network loses three neurons of ten in every layer, those
that the others can best stand in for (`architectures.growth.prune`), and is trained on as the run is. If it meets the
target again it is the one that is kept, and the next is smaller still; if not, the next is between the two. In the end
the run gives the smallest that has met the target, and stands there, so that it can go on from it to a stricter one.

The same loss can go with another error. Where the error can be measured and is not the target itself, a candidate whose
error is more than twice that of the first network to meet the target has not met it.

Work is counted in operations (`pinnrun.scaleup.price`), not in seconds, so that the answer does not depend on how busy
the machine is. A candidate may use seven tenths of what is left; it ends earlier where its policy would grow it, or
stop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from pinnrun.scaleup import Action, Decision
from pinnrun.scaleup.price import StepCost

NARROWER = 0.7  # of the width that is kept, the next that is tried
WORTHWHILE = 0.9  # of it, above which none is
WORSE = 2.0  # times the error of the first network, that none may exceed
PORTION = 0.7  # of the work that is left, for one candidate


@dataclass
class Pruning:
    """What has met the target, and what is left to find something smaller.

    Attributes:
        share: of the work until the target was met.
        cost: operations of a step.
        kept: the trainer's state with the smallest network that has met the target; None before one has.
        width, size: of that network; its size in words.
        evidence: that it has met the target.
        error: of the first network to meet the target; None where it is the target itself, or cannot be measured.
        too_narrow: the widest network of its depth that has not, 0 if there is none.
        limit: operations of the run after which no smaller network is tried.
        until: operations of the run that the present candidate may go on to.
        seconds: CPU seconds of the run when the target was met first; None before.
    """

    share: float
    cost: StepCost = field(repr=False)
    kept: dict[str, Any] | None = None
    width: int = 0
    size: str = ""
    evidence: str = ""
    error: float | None = None
    too_narrow: int = 0
    limit: float = 0.0
    until: float = 0.0
    seconds: float | None = None

    @property
    def begun(self) -> bool:
        """Whether the target has been met."""
        return self.kept is not None

    def arrived(self, run: Any, done: Decision) -> Decision:
        """The present network has met the target: keep it, and try a smaller one or be done."""
        if self.seconds is None:
            self.seconds = run.clock.cpu
        if not self.share:
            run.account.keep(run.merit, run.analyst.latest_loss)
            return done
        network, error = run.trainer.network, self.measured(run)
        if not self.begun:
            self.error = error
            self.limit = (1.0 + self.share) * self.work(run)
            self.too_narrow = too_narrow(run.recorder.stages[: run.stage], network.width, network.depth)
        elif error is not None and self.error is not None and error > WORSE * self.error:
            return self.missed(run, f"an error of {error:.2g} is more than {WORSE:g} times {self.error:.2g}")
        run.account.keep(run.merit, run.analyst.latest_loss)
        self.kept, self.width, self.evidence = run.trainer.state(), network.width, done.evidence
        self.size = f"{network.width} x {network.depth}"
        return self.narrower(run, done.evidence) or done

    def judge(self, run: Any, decision: Decision) -> Decision:
        """A candidate has not met the target yet: it may go on as far as the work does, unless it is given up.

        Args:
            run: the runner, its window closed.
            decision: what would be done with this network if it were the first.
        """
        trainer, steps = run.trainer, self.steps_left(run)
        if steps and not decision.action.begins_stage and decision.action is not Action.STOP:
            return Decision(decision.action, decision.evidence, min(decision.steps, steps))
        return self.missed(run, f"not met in {trainer.stage_step} steps")

    def missed(self, run: Any, why: str) -> Decision:
        """The present candidate is not kept: try another, or go back to what is."""
        network = run.trainer.network
        self.too_narrow, told = network.width, f"{network.width} x {network.depth}: {why}"
        return self.narrower(run, told) or Decision(Action.RESTORE, f"{self.evidence}; {told}", run.pace.window)

    def measured(self, run: Any) -> float | None:
        """The error of the present network, where it is not what is asked for."""
        if run.config.target.error is not None:
            return None
        return run.account.assessor.error(run.trainer.solution)

    def narrower(self, run: Any, evidence: str) -> Decision | None:
        """The next candidate; None where there is none, or too little work is left for one."""
        width, window = next_width(self.width, self.too_narrow), run.pace.window
        if width is None or run.spent():
            return None
        done, size = self.work(run), run.trainer.network.of_width(width).size
        self.until = done + PORTION * (self.limit - done)
        steps = int((self.until - done) / self.cost.operations(size))
        enough = steps >= run.config.target.hold
        return Decision(Action.PRUNE, evidence, min(window, steps), width) if enough else None

    def steps_left(self, run: Any) -> int:
        """Steps that the present candidate may still make."""
        left = self.until - self.work(run)
        return max(int(left / self.cost.operations(run.trainer.network.size)), 0)

    def work(self, run: Any) -> float:
        """Operations of the run so far."""
        lines = [(line["steps"], line["parameters"]) for line in run.recorder.stages[: run.stage]]
        lines.append((run.trainer.stage_step, run.trainer.network.size))
        return sum(steps * self.cost.operations(size) for steps, size in lines)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {name: value for name, value in vars(self).items() if name not in ("share", "cost")}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved state; a checkpoint from before there was pruning has none."""
        vars(self).update(state)

    def forget(self) -> None:
        """The target is another one: nothing has met it."""
        self.load(Pruning(self.share, self.cost).state())


def too_narrow(stages: Sequence[Mapping[str, Any]], width: int, depth: int) -> int:
    """The widest network narrower than this one, and no shallower, that has not met the target for want of size."""
    restarted = {(line["width"], line["depth"]) for line in stages if line["decision"] == Action.RESTART.value}
    sizes = {(line["width"], line["depth"]) for line in stages} - restarted
    return max((w for w, d in sizes if w < width and d >= depth), default=0)


def next_width(kept: int, too_narrow: int) -> int | None:
    """`NARROWER` times the width that is kept, or the middle between the two, geometrically, where that is more."""
    width = max(int(NARROWER * kept), round(sqrt(too_narrow * kept)))
    return width if too_narrow < width <= WORTHWHILE * kept else None
