"""The run: steps 3 to 9 of the scale-up algorithm on one page, and what becomes of it when it is disturbed."""

from __future__ import annotations

import time
from math import inf
from typing import Any

from pinnrun import storage
from pinnrun.config import Config
from pinnrun.display import Display, Progress
from pinnrun.koopman import Forecast
from pinnrun.run.account import Account
from pinnrun.run.analyst import Analyst
from pinnrun.run.clock import Clock
from pinnrun.run.decision import decide, how_it_stopped
from pinnrun.run.growing import grow, restore
from pinnrun.run.pruning import Pruning
from pinnrun.run.recorder import Recorder
from pinnrun.run.saved import REWINDS, rewind, state_of, take_up
from pinnrun.run.signals import Interrupted, StopRequest
from pinnrun.run.view import look_ahead
from pinnrun.scaleup import Action, Decision
from pinnrun.scaleup.price import step_cost
from pinnrun.storage import State
from pinnrun.training.trainer import Diverged, Trainer

CHECKPOINT_SECONDS = 30.0  # an open window is saved at least this often


class Runner:
    """Trains, records, forecasts, decides and grows until the target holds or the means are spent.

    Args:
        config: the checked config.
        trainer: the network with its objective and optimizer.
        recorder: the run folder.
        display: where progress is shown.
    """

    def __init__(self, config: Config, trainer: Trainer, recorder: Recorder, display: Display) -> None:
        self.config, self.trainer, self.recorder, self.display = config, trainer, recorder, display
        self.policy, self.pace = config.scaleup, config.optimizer.pace
        self.account = Account(config, trainer)
        self.analyst = Analyst(config.koopman, config.optimizer)
        self.pruning = Pruning(config.scaleup.prune, step_cost(config))
        self.stage = 0
        self.window_length = self.pace.window
        self.stage_started = 0.0  # CPU seconds of the run at which the stage began
        self.growth: dict[str, Any] | None = None
        self.safe: dict[str, Any] | None = None  # where a divergence rewinds to: the start of the open window
        self.window_over = False  # the window is closed, and what comes of it is not decided yet
        self.merit = inf
        self.outlook = ""
        self.steps_to_target: float | None = None
        self.ended: tuple[State, str] | None = None  # how, and why in words
        self.request = StopRequest()
        self.clock = Clock()
        self.evidence = "training"  # for the last decision
        self._saved_at = time.monotonic()

    # -- the loop ----------------------------------------------------------------------------------------------

    def run(self) -> tuple[State, str]:
        """Run to the end; returns the state ("done", "budget", …) and the reason in words."""
        try:
            while self.ended is None:
                self.train_window()  # step 3
                outlook = self.analyse()  # step 4
                decision = decide(self, outlook)  # steps 5 to 7, 9
                self.record(decision, outlook)
                if decision.action.begins_stage:
                    self.begin_stage(decision)
                if decision.action in (Action.DONE, Action.RESTORE):
                    self.ended = State.DONE, decision.evidence
                elif decision.action is Action.STOP:
                    self.ended = how_it_stopped(self, decision), decision.evidence
                self.checkpoint()
            return self.ended
        except Interrupted:
            assert self.request.received is not None
            met = f"; the target is met by {self.pruning.size}" if self.pruning.begun else ""
            return State.INTERRUPTED, f"stopped by {self.request.received.name} at step {self.trainer.step}{met}"
        except Diverged as reason:
            return State.DIVERGED, f"{reason}; {REWINDS} rewinds with smaller steps did not help"

    def train_window(self) -> None:
        """Train until the window is full, the target holds, the budget is spent or the optimizer is stuck."""
        trainer = self.trainer
        if self.window_over:
            return
        if self.safe is None:
            self.safe = {"trainer": trainer.state(), "rows": len(self.recorder.rows)}
        while len(self.recorder.rows) < self.window_length:
            self.attend()
            last = len(self.recorder.rows) + 1 == self.window_length or self.spent(steps_ahead=1)
            try:
                row = trainer.advance(judge=last)
            except Diverged as reason:
                rewind(self, self.safe, reason)
                if trainer.stuck:
                    break
                continue
            self.note(row)
            if trainer.aim.reached or trainer.stuck or last:
                break

    def note(self, row: dict[str, float]) -> None:
        """Record one step and show it."""
        trainer = self.trainer
        row["seconds"] = self.clock.cpu
        snapshot = trainer.stage_step % self.pace.snapshot == 0
        self.recorder.add(row, trainer.parameters() if snapshot else None)
        self.analyst.note(trainer.stage_step, row)
        if row["merit"] == row["merit"]:
            self.merit = row["merit"]
        if trainer.event:
            self.display.event(f"step {trainer.step}: {trainer.event}")
        self.display.update(
            Progress(
                stage=self.stage,
                width=trainer.network.width,
                depth=trainer.network.depth,
                parameters=trainer.network.size,
                step=trainer.step,
                steps_total=self.config.budget.steps,
                seconds=row["seconds"],
                seconds_total=self.config.budget.seconds,
                loss=row["loss"],
                merit=self.merit if self.merit < inf else None,
                target=trainer.aim.loss,
                forecast=self.outlook,
                steps_to_target=self.steps_to_target,
            )
        )

    # -- analysis and decision -------------------------------------------------------------------------------

    def analyse(self) -> Forecast | None:
        """Close the window and forecast the stage."""
        if not self.window_over:
            self.account.keep_best(self.merit, self.analyst.latest_loss)
            self.recorder.close_window(self.stage, self.trainer.network)
            self.safe, self.window_over = None, True
            if self.policy.trial:  # which may take longer than the window did
                self.checkpoint()
        return look_ahead(self) if self.policy.needs_forecast and not self.trainer.stuck else None

    def spent(self, steps_ahead: int = 0) -> bool:
        """Whether the budget is (or with one more step will be) spent."""
        budget = self.config.budget
        steps = budget.steps is not None and self.trainer.step + steps_ahead >= budget.steps
        return steps or (budget.seconds is not None and self.clock.cpu >= budget.seconds)

    def record(self, decision: Decision, outlook: Forecast | None) -> None:
        """Write the decision with its evidence, and the stage as it stands."""
        trainer = self.trainer
        self.recorder.decide(
            {
                "step": trainer.step,
                "stage": self.stage,
                "window": self.recorder.window - 1,
                "action": decision.action.value,
                "evidence": decision.evidence,
                "forecast": outlook.as_dict() if outlook else None,
                **({"jumps": trainer.leap.take_records()} if trainer.leap else {}),
            },
            self.account.stage(
                decision,
                seconds=self.clock.cpu - self.stage_started,
                loss=self.analyst.latest_loss,
                merit=self.merit,
                growth=self.growth,
            ),
        )
        self.window_length = decision.steps or self.pace.window
        self.evidence, self.window_over = decision.evidence, False

    def begin_stage(self, decision: Decision) -> None:
        """Widen, deepen, start afresh; or go back to the network that is kept, and prune it."""
        action = decision.action
        if action in (Action.PRUNE, Action.RESTORE):
            assert self.pruning.kept is not None
            self.growth = restore(self.trainer, self.pruning.kept)
        if action is not Action.RESTORE:
            self.growth = grow(self.trainer, action, decision.width, decision.depth)
        network = self.trainer.network
        self.display.event(
            f"step {self.trainer.step}: {action.value} {'at' if action is Action.RESTART else 'to'} {network.width} x "
            f"{network.depth} ({network.size} parameters); {decision.evidence}"
        )
        self.stage += 1
        self.window_length = decision.steps or self.pace.window
        self.stage_started = self.clock.cpu
        self.analyst.start_stage()
        self.merit, self.outlook, self.steps_to_target = inf, "", None

    # -- safety ------------------------------------------------------------------------------------------------

    def attend(self) -> None:
        """Between two steps: do what a signal asked for; save now and then."""
        if self.request:
            self.answer_request()
        elif time.monotonic() - self._saved_at > CHECKPOINT_SECONDS:
            self.checkpoint()

    def mind_signals(self) -> None:
        """Between two steps of a trial, before which all was saved: do what a signal asks for."""
        if self.request:
            self.request.obey()

    def answer_request(self) -> None:
        """Save, then do what the signal asks for."""
        self.checkpoint()
        self.recorder.write_index()
        self.request.obey()

    # -- state -------------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Save everything that a bit-equal continuation needs."""
        storage.save_checkpoint(self.recorder.folder, state_of(self))
        self.recorder.status(State.RUNNING, self.evidence, self.trainer.step, self.stage)
        self._saved_at = time.monotonic()

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved run."""
        take_up(self, state)

    def result(self, state: State, reason: str, *, assess: bool = True) -> dict[str, Any]:
        """What ``result.json`` holds; see ``Account.result``."""
        result = self.account.result(state, reason, self.recorder, self.clock, assess=assess)
        return {**result, "target_seconds": self.pruning.seconds}
