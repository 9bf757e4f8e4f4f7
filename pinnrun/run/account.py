"""The account of a run: its best network, the lines of the growth story, the result beside its references."""

from __future__ import annotations

from math import inf
from typing import Any

from pinnrun.config import Config
from pinnrun.registry import network_of
from pinnrun.run.clock import Clock
from pinnrun.run.recorder import Recorder
from pinnrun.scaleup import Action, Decision
from pinnrun.storage import State
from pinnrun.training.solution import TrainedField
from pinnrun.training.trainer import Trainer


class Account:
    """Remembers the network of the best merit, and puts numbers beside their references.

    Args:
        config: the checked config.
        trainer: the network in training; its test points are where errors are measured.
    """

    def __init__(self, config: Config, trainer: Trainer) -> None:
        self.config, self.trainer = config, trainer
        self.assessor = trainer.assessor
        self.best: dict[str, Any] = {"merit": inf}

    def keep_best(self, merit: float, loss: float) -> None:
        """Remember the present network if none was better by what is asked for; it is what the run gives in the end.

        Once the target has been met, none is by itself: which smaller one is kept then is for the pruning to say.
        """
        error, least = self.trainer.aim.error, self.best.get("error")
        better = merit <= self.best["merit"]
        if self.config.target.error is not None and error is not None and least is not None:
            better = error <= least
        if better and not self.best.get("met", False):
            self.keep(merit, loss)

    def keep(self, merit: float, loss: float) -> None:
        """Remember the present network."""
        self.best = {
            "met": self.trainer.arrived,
            "merit": merit,
            "error": self.trainer.aim.error,
            "loss": loss,
            "step": self.trainer.step,
            "network": self.trainer.network.describe(),
            "theta": self.trainer.theta.clone(),
        }

    def stage(self, decision: Decision, *, seconds: float, loss: float, merit: float, growth: Any) -> dict[str, Any]:
        """The growth story's line of the present stage; its error is measured when it ends."""
        trainer = self.trainer
        ends = decision.action.begins_stage or decision.action in (Action.DONE, Action.STOP)
        return {
            "width": trainer.network.width,
            "depth": trainer.network.depth,
            "parameters": trainer.network.size,
            "first_step": trainer.step - trainer.stage_step + 1,
            "steps": trainer.stage_step,
            "seconds": seconds,
            "loss": loss,
            "merit": merit,
            "error": self.assessor.error(trainer.solution) if ends else None,
            "decision": decision.action.value,
            "evidence": decision.evidence,
            "growth": growth,
        }

    def result(self, state: State, reason: str, recorder: Recorder, clock: Clock, *, assess: bool) -> dict[str, Any]:
        """What ``result.json`` holds: the best network's numbers and references, and the growth story.

        ``assess=False`` leaves out what the problem's own code would have to compute.
        """
        trainer, best = self.trainer, self.best
        if "theta" in best:
            network = network_of(best["network"])
            solution = TrainedField(self.config.problem, network, best["theta"])
        else:  # stopped inside the very first window
            network, solution = trainer.network, trainer.solution
        return {
            "status": state.value,
            "reason": reason,
            "loss": best.get("loss", recorder.rows[-1]["loss"] if recorder.rows else None),
            "merit": best["merit"],
            "target": trainer.aim.loss,
            "target_error": self.config.target.error,
            "error": self.assessor.error(solution) if assess else None,
            "observables": self.assessor.observables(solution) if assess else {},
            "width": network.width,
            "depth": network.depth,
            "parameters": network.size,
            "steps": trainer.step,
            "stages": recorder.stages,
            "cpu_seconds": clock.cpu,
            "wall_seconds": clock.wall,
            "seed": self.config.seed,
            "problem": self.config.problem.name,
            "folder": str(recorder.folder),
            "versions": recorder.provenance["versions"],
        }
