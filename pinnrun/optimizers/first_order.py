"""What the first-order optimizers of a library have in common: a gradient in, a θ out, moments between the steps.

θ is cut into the tensors that the library's optimizers take (all of it as one, or weight by weight), as views of one
flat tensor; each optimizer moves its own views in place. Moments that have a number for every parameter are saved flat,
``(P,)``, so that a growth puts each of them where its parameter went, whatever the cut.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinnrun.calculus import Objective
from pinnrun.errors import UserError
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.optimizers.capture import CapturedGradient
from pinnrun.optimizers.schedule import Schedule, rate_factor
from pinnrun.settings import setting

Memory = dict[str, Any]
SECOND = "exp_avg_sq"  # the library's name of the running mean of squared gradients


@dataclass
class FirstOrder(ABC):
    """One gradient and one update a step, by optimizers of ``torch.optim`` or made like them."""

    pace: Pace
    type: str = setting("", help="the optimizer's registered name")
    learning_rate: float = setting(3e-3, above=0, help="step size")
    schedule: Schedule = setting("constant", help="how the step size changes within a stage")
    decay_steps: int | None = setting(None, min=1, help="steps that the schedule takes; null: the pace's horizon")
    decay_to: float = setting(0.01, above=0, max=1, help="fraction of the step size that a decay arrives at")
    capture: bool = setting(True, help="on a GPU, replay value and gradient as one CUDA graph")
    _captured: CapturedGradient = field(init=False, repr=False, compare=False)
    _flat: Tensor | None = field(default=None, init=False, repr=False)
    _parameters: list[Tensor] = field(default_factory=list, init=False, repr=False)  # views of _flat
    _optimizers: list[torch.optim.Optimizer] = field(default_factory=list, init=False, repr=False)
    _saved: Memory | None = field(default=None, init=False, repr=False)  # to be taken up by the next step
    _clock: int = field(default=0, init=False, repr=False)  # steps since the stage began

    def __post_init__(self) -> None:
        self._captured = CapturedGradient()

    # -- what a method says of itself ------------------------------------------------------------------------

    @abstractmethod
    def make_optimizers(self, parameters: dict[str, Tensor]) -> list[torch.optim.Optimizer]:
        """The library's optimizers of these tensors, with every setting but the learning rate."""

    moments: ClassVar[Mapping[Any, tuple[str, ...]]]
    """What each library class remembers of a parameter: ``step``, and tensors of its shape. (Used by ``restore``.)"""

    def cut(self, objective: Objective, flat: Tensor) -> dict[str, Tensor]:
        """The tensors that θ consists of, as views; here θ itself."""
        return {"theta": flat}

    # -- the step --------------------------------------------------------------------------------------------

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.rate_at(self._clock + 1)

    def rate_at(self, step: int) -> float:
        """The learning rate of the stage's step 1, 2, …"""
        steps = self.decay_steps or self.pace.horizon
        return self.learning_rate * rate_factor(self.schedule, step - 1, steps, self.decay_to)

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One gradient, one update; the loss reported is that before the update, seen with the gradient."""
        value, gradient = self._captured(objective, theta) if self.capture else objective.gradient(theta)
        loss, norm = torch.stack([value, gradient.norm()]).tolist()  # the one time that the host waits for the device
        rate = self.rate
        if not (loss < inf and norm < inf):
            return theta, StepInfo(loss, Outcome.NOT_FINITE, rate, norm, 1, rate=rate)
        flat = self._prepare(objective, theta)
        for parameter in self._parameters:
            parameter.grad = gradient[_place(parameter)].view_as(parameter)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            self.update(optimizer)
        self._clock += 1
        event = self._captured.take_event()
        return flat.clone(), StepInfo(loss, Outcome.ACCEPTED, rate, norm, 1, rate=rate, event=event)

    def update(self, optimizer: torch.optim.Optimizer) -> None:
        """Move the optimizer's parameters by their gradients."""
        optimizer.step()

    def _prepare(self, objective: Objective, theta: Tensor) -> Tensor:
        """The flat tensor at θ, with optimizers on its views that remember what they should."""
        if self._flat is None:
            self._flat = theta.detach().clone()
            named = self.cut(objective, self._flat)
            self._parameters = list(named.values())
            self._optimizers = self.make_optimizers(named)
            if self._saved is not None:
                self.restore(self._saved)
            self._saved = None
        self._flat.copy_(theta)
        return self._flat

    # -- memory ----------------------------------------------------------------------------------------------

    def memory(self) -> Memory:
        """A copy of what the library's optimizers remember: the moments ``(P,)`` by name, and ``step``."""
        assert self._flat is not None
        memory: Memory = {}
        for optimizer in self._optimizers:
            for parameter, kept in optimizer.state.items():
                for name, value in kept.items():
                    if name == "step":
                        memory[name] = value.clone()
                    else:
                        whole = memory.setdefault(name, torch.zeros_like(self._flat))
                        whole[_place(parameter)] = value.flatten()
        return memory

    def restore(self, memory: Memory) -> None:
        """Give the library's optimizers what ``memory`` holds of theirs; one that had nothing to do starts afresh."""
        for optimizer in self._optimizers:
            if not all(name in memory for name in self.moments[type(optimizer)]):
                continue
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    optimizer.state[parameter] = {
                        name: memory[name].cpu().clone()
                        if name == "step"
                        else memory[name][_place(parameter)].to(parameter).view_as(parameter).clone()
                        for name in self.moments[type(optimizer)]
                    }

    def grown(self, memory: Memory, old_to_new: Tensor, size: int) -> Memory | None:
        """The memory in a larger θ: the moments of the parameters that live on.

        First moments of new ones start at zero. Second ones start at the mean of the others: the library counts one
        number of steps for all, so from zero they would be read as those of a thousand steps without a gradient, and
        the first step of a new parameter would be three to six times the learning rate.
        """
        larger: Memory = {}
        for name, value in memory.items():
            if name == "step":
                larger[name] = value
            else:
                larger[name] = value.new_zeros(size)
                if name == SECOND and value.any():
                    larger[name].fill_(value[value > 0].mean())
                larger[name][old_to_new] = value
        return larger

    def _remembered(self) -> Memory | None:
        if self._flat is not None:
            return self.memory()
        return None if self._saved is None else clone(self._saved)

    def _forget(self) -> None:
        self._flat, self._parameters, self._optimizers, self._saved = None, [], [], None

    # -- what the trainer asks for ---------------------------------------------------------------------------

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Keep the moments of the parameters that live on; the schedule begins anew."""
        memory = self._remembered()
        self._forget()
        self._clock = 0
        if old_to_new is not None and memory is not None:
            self._saved = self.grown(memory, old_to_new, size)

    def soften(self) -> None:
        """Half the learning rate."""
        self.learning_rate *= 0.5

    def state(self) -> dict[str, Any]:
        """A copy of the moments, the learning rate, and the steps of the stage."""
        return {"moments": self._remembered(), "learning_rate": self.learning_rate, "clock": self._clock}

    def load(self, state: dict[str, Any]) -> None:
        """Take up saved moments."""
        self._forget()
        self._saved = None if state["moments"] is None else clone(state["moments"])
        self.learning_rate, self._clock = state["learning_rate"], state["clock"]


def named_weights(objective: Objective, flat: Tensor, method: str) -> dict[str, Tensor]:
    """The network's weights and biases as views of θ.

    Raises:
        UserError: the network does not say which part of θ is which matrix.
    """
    layout = getattr(objective.field.network, "layout", None)
    if layout is None:
        raise UserError(
            f"optimizer: {method} treats weight matrices on their own, and this network has no layout.\n"
            "Give the network a `layout` (pinnrun.architectures.Layout), or choose an optimizer of θ as a whole."
        )
    return layout.split(flat)


def clone(value: Any) -> Any:
    """A copy of tensors and plain values, nested in dicts and lists."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    return [clone(item) for item in value] if isinstance(value, list) else value


def _place(parameter: Tensor) -> slice:
    """Where in the flat θ a view of it lies."""
    start = parameter.storage_offset()
    return slice(start, start + parameter.numel())
